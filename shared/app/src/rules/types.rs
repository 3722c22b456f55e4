//! The types of what a rule computes, and the names of what it computes with.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Bool,
    Int,
    /// A text of at most so many characters, or null.
    Text {
        chars: usize,
    },
    /// A list of one kind of thing; `None` where it is empty or all null.
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

    /// The type of what is one or the other, if they can be compared at all.
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

/// The type of a literal that rules have.
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

/// An operation as it is written.
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
