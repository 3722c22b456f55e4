//! The routes of a function, one row each. The row gives the dispatch, the authorization, the query parameters, the
//! routes of `template.yaml` and the OpenAPI document.

use offramp_app::identity::Caller;
use offramp_app::ports::Right;

/// The callers of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Any caller, without credentials.
    Open,
    /// HR. The function verifies the signature with the source's secrets.
    Signed,
    /// An admin of the organisation, with a token that API Gateway has verified.
    Admins,
    /// Anybody whose token is valid for the organisation.
    AnyToken,
    /// An admin, or a machine with the right [`Right::Access`].
    Access,
    /// An admin, or a machine with the right [`Right::People`].
    People,
    /// An admin, or a machine with the right [`Right::Cards`].
    Cards,
}

impl Door {
    /// True if API Gateway asks for a token before it invokes the function.
    #[must_use]
    pub const fn needs_token(self) -> bool {
        !matches!(self, Self::Open | Self::Signed)
    }

    /// The right with which a machine may use the route; `None` if no machine may.
    #[must_use]
    pub const fn right(self) -> Option<Right> {
        match self {
            Self::Access => Some(Right::Access),
            Self::People => Some(Right::People),
            Self::Cards => Some(Right::Cards),
            Self::Open | Self::Signed | Self::Admins | Self::AnyToken => None,
        }
    }

    /// True if a caller whose token was verified may use a route of this method. It is the one rule of who may what: admins
    /// everything, auditors every GET, machines what the row says, and anybody else only the row that is for any token.
    #[must_use]
    pub fn admits(self, method: &str, caller: &Caller) -> bool {
        match caller {
            Caller::Admin { .. } => self.needs_token(),
            Caller::Auditor { .. } => {
                self.needs_token() && (method == "GET" || self == Self::AnyToken)
            }
            Caller::Machine { may, .. } => {
                self == Self::AnyToken || self.right().is_some_and(|right| may.contains(&right))
            }
            Caller::Other { .. } => self == Self::AnyToken,
        }
    }
}

/// One route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteRow {
    /// The name. With `Route` after it, it is the logical id in `template.yaml`.
    pub name: &'static str,
    /// The HTTP method, in capitals.
    pub method: &'static str,
    /// The whole path, with `{parameters}`.
    pub path: &'static str,
    /// The callers of the route.
    pub door: Door,
    /// The query parameters that the route reads. A request with any other parameter is refused.
    pub query: &'static [&'static str],
}

impl RouteRow {
    /// The route key of API Gateway, such as `GET /healthz`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Makes an enum of a function's routes from a table with one row for each.
///
/// A row is `Name: METHOD "path" => handler, Door, ["query", …];`. The list of query parameters is left out if the
/// route reads none. The path continues the path of `within`. The handler is a method of the type after `as`: a request
/// becomes this type once its caller is admitted. A row under `open` has a whole path, a handler that gets the
/// request, and nothing else.
///
/// The enum has `ALL`, `row`, `matched` (by API Gateway's route key), `open` (the answer of an open route) and
/// `answer`.
#[macro_export]
macro_rules! routes {
    (
        $(#[$about:meta])*
        $vis:vis enum $Route:ident;

        open {
            $($open:ident: $open_method:ident $open_path:literal => $open_handler:ident;)*
        }

        within $within:literal as $call:ty => $answer:ty {
            $(
                $name:ident: $method:ident $path:literal
                    => $handler:ident, $door:ident $(, [$($query:literal),*])?;
            )*
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)] // the rows say it
        $vis enum $Route {
            $($open,)*
            $($name,)*
        }

        impl $Route {
            /// Every route, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$open,)* $(Self::$name,)*];

            /// The row of the table.
            #[must_use]
            pub const fn row(self) -> $crate::route::RouteRow {
                use $crate::route::{Door, RouteRow};
                match self {
                    $(Self::$open => RouteRow {
                        name: stringify!($open),
                        method: stringify!($open_method),
                        path: $open_path,
                        door: Door::Open,
                        query: &[],
                    },)*
                    $(Self::$name => RouteRow {
                        name: stringify!($name),
                        method: stringify!($method),
                        path: concat!($within, $path),
                        door: Door::$door,
                        query: &[$($($query),*)?],
                    },)*
                }
            }

            /// The route of a key such as `GET /healthz`.
            #[must_use]
            pub fn matched(key: &str) -> Option<Self> {
                let (method, path) = key.split_once(' ')?;
                let mut all = Self::ALL.iter().copied();
                all.find(|route| {
                    let row = route.row();
                    row.method == method && row.path == path
                })
            }

            $crate::routes!(@open $answer { $($open => $open_handler;)* });

            pub(crate) async fn answer(self, call: &$call) -> $answer {
                match self {
                    $(Self::$open => $open_handler(call.request),)*
                    $(Self::$name => call.$handler().await.into(),)*
                }
            }
        }

        impl From<$Route> for $crate::route::RouteRow {
            fn from(route: $Route) -> Self {
                route.row()
            }
        }
    };

    (@open $answer:ty {}) => {};
    (@open $answer:ty { $($open:ident => $open_handler:ident;)+ }) => {
        pub(crate) fn open(self, request: &$crate::http::Request) -> Option<$answer> {
            match self {
                $(Self::$open => Some($open_handler(request)),)*
                _ => None,
            }
        }
    };
}
