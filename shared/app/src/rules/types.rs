//! The types of the parts of a rule, and the names of its operations.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Bool,
    Int,
    /// A text of at most `chars` characters, or null.
    Text {
        chars: usize,
    },
    /// A list of entries of one kind; `None` if it is empty or has only nulls.
    List(Option<Entry>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Bool,
    Int,
    Text,
}

impl Type {
    pub(super) fn shown(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Int => "a number",
            Self::Text { .. } => "a text",
            Self::List(_) => "a list",
        }
    }

    /// The common type of two types; `None` if they cannot be compared.
    pub(super) fn or(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Text { chars }, Self::Text { chars: others }) => Some(Self::Text {
                chars: chars.max(others),
            }),
            (text @ Self::Text { .. }, Self::Null) | (Self::Null, text @ Self::Text { .. }) => {
                Some(text)
            }
            (Self::List(_), _) => None,
            (one, other) => (one == other).then_some(one),
        }
    }

    pub(super) fn entry(self) -> Option<Entry> {
        match self {
            Self::Bool => Some(Entry::Bool),
            Self::Int => Some(Entry::Int),
            Self::Text { .. } => Some(Entry::Text),
            Self::Null | Self::List(_) => None,
        }
    }
}

/// The type of a literal; `None` for a literal that rules do not have.
pub(super) fn literal(node: &IdedExpr) -> Option<Type> {
    let Expr::Literal(literal) = &node.expr else {
        return None;
    };
    match literal {
        LiteralValue::Boolean(_) => Some(Type::Bool),
        LiteralValue::Int(_) => Some(Type::Int),
        LiteralValue::Null => Some(Type::Null),
        LiteralValue::String(text) => Some(Type::Text {
            chars: text.inner().chars().count(),
        }),
        _ => None,
    }
}

/// The name of an operation, as a rule has it.
pub(super) fn shown(operation: &str) -> &str {
    match operation {
        operators::LOGICAL_NOT => "!",
        operators::LOGICAL_AND => "&&",
        operators::LOGICAL_OR => "||",
        operators::CONDITIONAL => "?:",
        operators::EQUALS => "==",
        operators::NOT_EQUALS => "!=",
        operators::LESS => "<",
        operators::LESS_EQUALS => "<=",
        operators::GREATER => ">",
        operators::GREATER_EQUALS => ">=",
        operators::IN => "in",
        operators::ADD => "+",
        other => other,
    }
}
