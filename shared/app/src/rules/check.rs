//! Checks a parsed expression: every node is known and typed, or is refused with its position.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};
use offramp_domain::Field;
use offramp_domain::employee::FIELD_CHARS;
use offramp_domain::ids::EMPLOYEE_ID_CHARS;

use super::types::{Entry, Type, literal, shown};
use super::{EMPLOYEE, MAX_DEPTH, MAX_ENTRIES, MAX_NODES, MAX_TEXT, RuleError};

/// The only field that every employee has.
pub(super) const EMPLOYEE_ID: &str = "employee_id";

/// The macros of cel's standard library, and of other dialects, that loop.
const MACROS: [&str; 8] = [
    "all",
    "exists",
    "exists_one",
    "existsOne",
    "map",
    "filter",
    "transformList",
    "transformMap",
];

/// The parts of an employee that a rule reads.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// True if the rule reads the id.
    pub(super) employee_id: bool,
    /// The optional fields, each once.
    pub(super) fields: Vec<Field>,
    /// The operations that fail on an absent field, each with the field.
    pub(super) strict: Vec<(String, Field)>,
    /// True if the rule asks with `has()` whether a field is there.
    pub(super) has: bool,
    /// True if the rule asks for the size of a text.
    pub(super) size: bool,
}

/// Checks an expression. It also rewrites `has(employee.f)` as `employee.f != null`, because an absent field is null in
/// an evaluation.
pub(super) fn check(
    source: &str,
    positions: &SourceInfo,
    expression: &mut IdedExpr,
) -> Result<Uses, RuleError> {
    let mut check = Check {
        source,
        positions,
        nodes: 0,
        uses: Uses::default(),
    };
    match check.expression(expression, 1)? {
        Type::Bool => Ok(check.uses),
        other => Err(check.at(
            expression,
            format!("a rule is true or false; this is {}", other.shown()),
        )),
    }
}

struct Check<'a> {
    source: &'a str,
    positions: &'a SourceInfo,
    nodes: usize,
    uses: Uses,
}

impl Check<'_> {
    fn expression(&mut self, node: &mut IdedExpr, depth: usize) -> Result<Type, RuleError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.at(node, "the rule has more than 500 parts"));
        }
        if depth > MAX_DEPTH {
            return Err(self.at(node, "the rule is nested deeper than 32"));
        }
        if let Some(kind) = literal(node) {
            return Ok(kind);
        }
        if matches!(&node.expr, Expr::Call(call) if call.target.is_none() && call.func_name == "has")
        {
            return self.has(node);
        }
        if matches!(node.expr, Expr::Select(_)) {
            return Ok(match self.field(node)? {
                Some(_) => Type::Text { chars: FIELD_CHARS },
                None => Type::Text {
                    chars: EMPLOYEE_ID_CHARS,
                },
            });
        }
        let id = node.id;
        match &mut node.expr {
            Expr::Call(call) => self.call(id, call, depth + 1),
            Expr::List(list) if list.elements.len() > MAX_ENTRIES => {
                Err(self.at(node, "a list has more than 1,000 entries"))
            }
            Expr::List(list) => self.list(&mut list.elements, depth + 1),
            Expr::Ident(name) if name == EMPLOYEE => Err(self.at(
                node,
                "employee stands for its fields, as in employee.department",
            )),
            Expr::Ident(name) => {
                let message = format!("there is no {name}; a rule is about employee");
                Err(self.at(node, message))
            }
            Expr::Literal(_) => Err(self.at(node, "this kind of literal is not supported")),
            _ => Err(self.at(node, "this is not supported in a rule")),
        }
    }

    /// The field that is selected on the employee; `None` for the id.
    fn field(&mut self, node: &IdedExpr) -> Result<Option<Field>, RuleError> {
        let Expr::Select(select) = &node.expr else {
            return Err(self.at(node, "this is not a field"));
        };
        let name = select.field.as_str();
        if !matches!(&select.operand.expr, Expr::Ident(operand) if operand == EMPLOYEE) {
            return Err(self.at(node, format!("only employee has fields: .{name}")));
        }
        if name == EMPLOYEE_ID {
            self.uses.employee_id = true;
            return Ok(None);
        }
        let known = Field::ALL
            .iter()
            .copied()
            .find(|field| field.as_str() == name);
        if let Some(field) = known {
            if !self.uses.fields.contains(&field) {
                self.uses.fields.push(field);
            }
            return Ok(Some(field));
        }
        let message = if name == "status" {
            "employee.status is not part of rules: whoever leaves would fall out of the sync, and nobody would ever be offboarded"
                .to_owned()
        } else {
            let fields = Field::ALL.iter().map(|field| field.as_str());
            let fields = fields.collect::<Vec<_>>().join(", ");
            format!("employee has no field {name}; there are {EMPLOYEE_ID}, {fields}")
        };
        Err(self.at(&select.operand, message))
    }

    fn has(&mut self, node: &mut IdedExpr) -> Result<Type, RuleError> {
        let Expr::Call(call) = &mut node.expr else {
            return Err(self.at(node, "this is not has()"));
        };
        if !matches!(call.args.as_slice(), [one] if matches!(one.expr, Expr::Select(_))) {
            return Err(self.at(
                node,
                "has() takes one field, as in has(employee.department)",
            ));
        }
        for field in &call.args {
            self.field(field)?;
        }
        self.uses.has = true;
        call.func_name = operators::NOT_EQUALS.to_owned();
        call.args.push(IdedExpr {
            id: node.id,
            expr: Expr::Literal(LiteralValue::Null),
        });
        Ok(Type::Bool)
    }

    fn call(&mut self, id: u64, call: &mut CallExpr, depth: usize) -> Result<Type, RuleError> {
        let name = call.func_name.clone();
        self.known(id, &name)?;
        let mut operands = Vec::new();
        let nodes = call.target.as_deref_mut().into_iter();
        for node in nodes.chain(call.args.iter_mut()) {
            operands.push(self.expression(node, depth)?);
        }
        let typed = match (name.as_str(), call.target.is_some(), operands.as_slice()) {
            (operators::LOGICAL_NOT, false, [Type::Bool])
            | (operators::LOGICAL_AND | operators::LOGICAL_OR, false, [Type::Bool, Type::Bool]) => {
                Some(Type::Bool)
            }
            (operators::CONDITIONAL, false, [Type::Bool, one, other]) => one.or(*other),
            (operators::EQUALS | operators::NOT_EQUALS, false, [one, other]) => {
                one.or(*other).map(|_| Type::Bool)
            }
            (
                operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                false,
                [Type::Int, Type::Int] | [Type::Text { .. }, Type::Text { .. }],
            ) => Some(Type::Bool),
            (operators::IN, false, [one, Type::List(entry)]) => {
                let fits = match (one.entry(), entry) {
                    (Some(one), Some(entry)) => one == *entry,
                    (None, _) => *one == Type::Null,
                    (_, None) => true,
                };
                fits.then_some(Type::Bool)
            }
            (operators::ADD, false, [Type::Text { chars }, Type::Text { chars: more }]) => {
                let chars = chars + more;
                if chars > MAX_TEXT {
                    return Err(self.id(id, "this text could be longer than 4,096 characters"));
                }
                Some(Type::Text { chars })
            }
            (
                "contains" | "startsWith" | "endsWith",
                true,
                [Type::Text { .. }, Type::Text { .. }],
            ) => Some(Type::Bool),
            ("size", _, [of @ (Type::Text { .. } | Type::List(_))]) => {
                self.uses.size |= matches!(of, Type::Text { .. });
                Some(Type::Int)
            }
            _ => None,
        };
        let Some(typed) = typed else {
            let operands: Vec<_> = operands.into_iter().map(Type::shown).collect();
            let message = format!(
                "{} does not take {}",
                shown(&name),
                if operands.is_empty() {
                    "nothing".to_owned()
                } else {
                    operands.join(" and ")
                }
            );
            return Err(self.id(id, message));
        };
        self.remember(&name, call);
        Ok(typed)
    }

    /// Refuses functions that no rule may call, before it looks at their operands.
    fn known(&self, id: u64, name: &str) -> Result<(), RuleError> {
        let message = match name {
            operators::LOGICAL_NOT
            | operators::LOGICAL_AND
            | operators::LOGICAL_OR
            | operators::CONDITIONAL
            | operators::EQUALS
            | operators::NOT_EQUALS
            | operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS
            | operators::IN
            | operators::ADD
            | "contains"
            | "startsWith"
            | "endsWith"
            | "size" => return Ok(()),
            "matches" => {
                "matches is not part of rules: a pattern may take very long; there are contains, startsWith and endsWith"
                    .to_owned()
            }
            operators::INDEX => {
                "a rule does not index; a field is written employee.department".to_owned()
            }
            operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::NEGATE => "a rule does not calculate".to_owned(),
            name if MACROS.contains(&name) => {
                format!("{name} is not part of rules: macros over lists may take very long")
            }
            name => format!("there is no function {name} in rules"),
        };
        Err(self.id(id, message))
    }

    /// Records the fields that an operation needs, for the reason of a failure.
    fn remember(&mut self, name: &str, call: &CallExpr) {
        if !matches!(
            name,
            "contains"
                | "startsWith"
                | "endsWith"
                | "size"
                | operators::ADD
                | operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS
        ) {
            return;
        }
        for node in call.target.as_deref().into_iter().chain(&call.args) {
            let Expr::Select(select) = &node.expr else {
                continue;
            };
            let field = Field::ALL
                .iter()
                .copied()
                .find(|field| field.as_str() == select.field);
            if let Some(field) = field {
                let strict = (name.to_owned(), field);
                if !self.uses.strict.contains(&strict) {
                    self.uses.strict.push(strict);
                }
            }
        }
    }

    fn list(&mut self, elements: &mut [IdedExpr], depth: usize) -> Result<Type, RuleError> {
        let mut all: Option<Entry> = None;
        for element in elements {
            // A literal in a list does not count as a part of the rule, so that a rule can list many ids. The length of
            // the text limits them.
            let kind = match literal(element) {
                Some(kind) => kind,
                None => self.expression(element, depth)?,
            };
            let entry = match (kind, kind.entry()) {
                (Type::Null, _) => continue,
                (_, Some(entry)) => entry,
                (_, None) => return Err(self.at(element, "a list cannot be in a list")),
            };
            if *all.get_or_insert(entry) != entry {
                return Err(self.at(element, "the entries of a list are of one kind"));
            }
        }
        Ok(Type::List(all))
    }

    fn at(&self, node: &IdedExpr, message: impl Into<String>) -> RuleError {
        let id = match &node.expr {
            // The position before the dot is more useful than the position of the dot.
            Expr::Select(select) => select.operand.id,
            _ => node.id,
        };
        self.id(id, message)
    }

    fn id(&self, id: u64, message: impl Into<String>) -> RuleError {
        let message = message.into();
        let offset = self.positions.offset_for(id).map(|(start, _)| start);
        match offset.and_then(|start| usize::try_from(start).ok()) {
            Some(start) => RuleError::at(self.source, name_before(self.source, start), message),
            None => RuleError {
                message,
                position: None,
            },
        }
    }
}

/// The offset of a function's name. The parser gives the offset of the call's bracket.
fn name_before(source: &str, start: usize) -> usize {
    let Some((before, after)) = source.split_at_checked(start) else {
        return start;
    };
    if !after.starts_with('(') {
        return start;
    }
    let trimmed = before.trim_end();
    let name = trimmed
        .bytes()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        .count();
    if name == 0 {
        start
    } else {
        trimmed.len() - name
    }
}
