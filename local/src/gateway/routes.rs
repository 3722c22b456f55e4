//! Which route, and so which function, a request is for.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::Method;
use matchit::Router;
use percent_encoding::percent_decode_str;

use crate::Error;
use crate::template::{Function, Route};

/// The routes of all functions, by method: a literal path wins over a parameter only where it has the method, as at AWS.
pub(super) struct Routes {
    by_method: HashMap<String, Router<Arc<Target>>>,
}

struct Target {
    function: String,
    route: Route,
    parameters: Vec<String>,
}

/// The route that a request is for.
pub(super) struct Found {
    /// The function's name in Lambda.
    pub(super) function: String,
    /// The route as the template has it.
    pub(super) route: Route,
    /// The path's parameters, decoded.
    pub(super) parameters: Vec<(String, String)>,
}

impl Routes {
    pub(super) fn new(functions: &[Function]) -> Result<Self, Error> {
        let mut by_method: HashMap<String, Router<Arc<Target>>> = HashMap::new();
        for function in functions {
            for route in &function.routes {
                let (pattern, parameters) = anonymous(&route.path);
                let target = Arc::new(Target {
                    function: function.name.clone(),
                    route: route.clone(),
                    parameters,
                });
                by_method
                    .entry(route.method.clone())
                    .or_default()
                    .insert(pattern, target)
                    .map_err(|error| {
                        Error::Template(format!("route {} {}: {error}", route.method, route.path))
                    })?;
            }
        }
        Ok(Self { by_method })
    }

    pub(super) fn find(&self, method: &Method, path: &str) -> Option<Found> {
        let exact = |method: &str| self.by_method.get(method)?.at(path).ok();
        let found = exact(method.as_str()).or_else(|| exact("ANY"))?;
        let names = found.value.parameters.iter();
        let parameters = names.zip(found.params.iter()).map(|(name, (_, value))| {
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            (name.clone(), value)
        });
        Some(Found {
            function: found.value.function.clone(),
            route: found.value.route.clone(),
            parameters: parameters.collect(),
        })
    }
}

impl Found {
    /// The route as API Gateway names it: `GET /users/{id}`.
    pub(super) fn key(&self) -> String {
        format!("{} {}", self.route.method, self.route.path)
    }
}

/// The path with its parameters numbered, since two routes may call one segment differently, and their names.
fn anonymous(path: &str) -> (String, Vec<String>) {
    let mut names = Vec::new();
    let segments = path.split('/').map(|segment| {
        let Some(name) = segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        else {
            return segment.to_owned();
        };
        let number = names.len();
        let (name, star) = match name.strip_suffix('+') {
            Some(name) => (name, "*"),
            None => (name, ""),
        };
        names.push(name.to_owned());
        format!("{{{star}p{number}}}")
    });
    let pattern = segments.collect::<Vec<_>>().join("/");
    (pattern, names)
}
