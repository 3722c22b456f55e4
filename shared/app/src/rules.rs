//! Sync rules. A rule is one CEL expression over `employee` that says which employees the sync may change.
//!
//! The rule `employee.department != "Contractors"` keeps contractors out of the sync for good. A rule is checked as a
//! whole before it is evaluated: the functions that it calls, the types of all parts, and the longest time that it can
//! take. No rule contains a loop, so the cost of an evaluation is bounded by the length of the text. List macros and
//! `matches` are refused, because no limit on size or depth bounds their cost.
//!
//! The language has texts, whole numbers, `true`, `false`, `null` and lists of them.
//! Its operators are `== != < <= > >= in && || ! ?:`, and `+` for texts. Its functions are `contains`, `startsWith`,
//! `endsWith`, `size` and `has`. A rule reads the employee's id and the fields of [`offramp_domain::Field`]. The status
//! is not available: a rule `active` on the status would mean that nobody is ever offboarded.
//!
//! # Absent fields
//!
//! A field that HR cleared or never sent is `null`. It equals `null` and nothing else. So `employee.department !=
//! "Contractors"` includes an employee without a department, and `employee.department in ["A"]` does not.
//! `has(employee.department)` tells whether the field is set. Any other operation on an absent field (a method, `<`,
//! `+`, `size`) fails for that employee, with a reason that names the field. It does not fail if the other side of
//! `&&`, `||` or `?:` has already decided.

mod cache;
mod check;
mod scan;
#[cfg(test)]
mod tests;
mod types;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::thread;

use cel::common::ast::IdedExpr;
use cel::common::types::{CelMap, CelMapKey, CelNull, CelString};
use cel::common::value::Val;
use cel::{Context, Env, ExecutionError, ParseErrors, Value};
use offramp_domain::decide::{Everybody, SyncRule};
use offramp_domain::{EmployeeId, HrRecord, Policy};

/// The longest expression, in bytes.
pub const MAX_BYTES: usize = 4 * 1024;
/// The deepest nesting.
pub const MAX_DEPTH: usize = 32;
/// The most parts of an expression. The literals in its lists do not count.
pub const MAX_NODES: usize = 500;
/// The most entries of a list.
pub const MAX_ENTRIES: usize = 1_000;
/// The longest text that `+` may make, in characters.
pub const MAX_TEXT: usize = 4_096;

/// The rule of an organisation that has set none: it includes every employee.
pub const EVERYBODY: &str = "true";

/// The stack of the parser, in bytes. It is at least four times as large as the deepest rule needs in a debug build.
const STACK: usize = 32 * 1024 * 1024;

/// The only variable of a rule.
const EMPLOYEE: &str = "employee";

/// The functions that an evaluation can call. The check allows few of them. There are no macros.
static ENV: LazyLock<Arc<Env>> =
    LazyLock::new(|| Arc::new(Env::default().with_optional_support(false).with_stdlib()));

/// The rule of a policy. A stored rule that no longer compiles fails on every employee, so the sync changes nobody
/// until an admin has corrected it.
#[must_use]
pub fn of(policy: &Policy) -> Arc<dyn SyncRule + Send> {
    if policy.rules.active == EVERYBODY {
        return Arc::new(Everybody);
    }
    match Rule::cached(&policy.rules.active) {
        Ok(rule) => rule,
        Err(error) => Arc::new(Broken(error.to_string())),
    }
}

struct Broken(String);

impl SyncRule for Broken {
    fn includes(&self, _: &EmployeeId, _: &HrRecord) -> std::result::Result<bool, String> {
        Err(self.0.clone())
    }
}

/// A position in an expression. Line and column begin at 1, and a column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

impl Position {
    /// The position of the byte at `offset`.
    fn of(source: &str, offset: usize) -> Self {
        let before = source.get(..offset).unwrap_or(source);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
        }
    }
}

/// Why an expression is not a valid rule. The text is safe to show to the author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// What is wrong.
    pub message: String,
    /// Where it is wrong; `None` if it is not in one place.
    pub position: Option<Position>,
}

impl RuleError {
    fn at(source: &str, offset: usize, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            position: Some(Position::of(source, offset)),
        }
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for RuleError {}

/// A compiled rule.
#[derive(Debug)]
pub struct Rule {
    expression: IdedExpr,
    uses: check::Uses,
}

impl Rule {
    /// Where the rule may say something else here than in other implementations of CEL. A rule that is carried over from
    /// one of them might leave people out.
    #[must_use]
    pub fn notes(&self) -> Vec<&'static str> {
        let notes = [
            (
                self.uses.has,
                "has(employee.x) is false here where HR has cleared the field x or never sent it; most other \
                 implementations of CEL say true of a field that is null",
            ),
            (
                self.uses.size,
                "size(text) counts Unicode code points, so a letter and its combining accent are two; some other \
                 implementations count bytes or UTF-16 units",
            ),
        ];
        let notes = notes.into_iter().filter(|(uses, _)| *uses);
        notes.map(|(_, note)| note).collect()
    }

    /// Compiles an expression. A blank expression is [`EVERYBODY`].
    ///
    /// # Errors
    /// [`RuleError`] says what is wrong and where.
    pub fn compile(expression: &str) -> Result<Self, RuleError> {
        if expression.len() > MAX_BYTES {
            return Err(RuleError {
                message: "the rule is longer than 4 KiB".to_owned(),
                position: None,
            });
        }
        let source = if expression.trim().is_empty() {
            EVERYBODY
        } else {
            expression
        };
        scan::scan(source)?;
        // In a debug build the parser takes 100 KiB of stack or more for each bracket. The threads of a runtime do not
        // have that much. A panic of the parser also ends with this thread.
        let unread = || RuleError {
            message: "the rule could not be read".to_owned(),
            position: None,
        };
        thread::scope(|scope| {
            thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, || Self::parse(source))
                .map_err(|_| unread())?
                .join()
                .unwrap_or_else(|_| Err(unread()))
        })
    }

    fn parse(source: &str) -> Result<Self, RuleError> {
        // Parsing ends at the first error. Otherwise cel would continue with the rest of the tree.
        let (mut expression, positions) = Env::default()
            .with_optional_support(false)
            .parser()
            .error_recovery_limit(0)
            .parse_with_source_info(source)
            .map_err(|errors| syntax(source, errors))?;
        let uses = check::check(source, &positions, &mut expression)?;
        Ok(Self { expression, uses })
    }

    /// The compiled rule of an expression, from a small cache of the process. So a rule is compiled once for each of
    /// its versions, and not once for each employee.
    ///
    /// # Errors
    /// The error of [`Rule::compile`].
    pub fn cached(expression: &str) -> Result<Arc<Self>, RuleError> {
        cache::get(expression)
    }

    /// Why an evaluation failed. The values are left out, because they are personal data.
    fn reason(&self, error: &ExecutionError, record: &HrRecord) -> String {
        let operation = match error {
            ExecutionError::NoSuchOverload(error) => Some(error.function()),
            _ => None,
        };
        let mut absent: Vec<_> = self
            .uses
            .strict
            .iter()
            .filter(|(name, field)| {
                record.get(*field).is_none() && operation.is_none_or(|failed| failed == *name)
            })
            .map(|(_, field)| format!("{EMPLOYEE}.{}", field.as_str()))
            .collect();
        absent.sort_unstable();
        absent.dedup();
        let what = operation.map_or("the rule", types::shown);
        if absent.is_empty() {
            format!("{what} cannot be evaluated: a value that it needs is not set")
        } else {
            format!(
                "{what} needs {}, which this employee does not have; has() tells",
                absent.join(" or ")
            )
        }
    }
}

impl SyncRule for Rule {
    fn includes(&self, employee_id: &EmployeeId, record: &HrRecord) -> Result<bool, String> {
        let mut employee: HashMap<CelMapKey<'_>, Box<dyn Val + '_>> = HashMap::new();
        for field in &self.uses.fields {
            let value: Box<dyn Val + '_> = match record.get(*field) {
                Some(value) => Box::new(CelString::from(value)),
                None => Box::new(CelNull),
            };
            employee.insert(CelMapKey::String(field.as_str().into()), value);
        }
        if self.uses.employee_id {
            let id: Box<dyn Val + '_> = Box::new(CelString::from(employee_id.as_str()));
            employee.insert(CelMapKey::String(check::EMPLOYEE_ID.into()), id);
        }
        let mut context = Context::with_env(Arc::clone(&ENV));
        context.add_variable_as_val(EMPLOYEE, Box::new(CelMap::from(employee)));
        match Value::resolve(&self.expression, &context) {
            Ok(Value::Bool(included)) => Ok(included),
            Ok(_) => Err("the rule gives neither true nor false".to_owned()),
            Err(error) => Err(self.reason(&error, record)),
        }
    }
}

/// The first error of a parse, without the list of tokens that would have been allowed.
fn syntax(source: &str, errors: ParseErrors) -> RuleError {
    let Some(error) = errors.errors.into_iter().find(|error| error.pos.0 > 0) else {
        return RuleError::at(source, source.len(), "this is not an expression");
    };
    let message = error.msg.trim_start_matches("Syntax error: ");
    let message = match message.split(" expecting ").next() {
        // The parser says this when it has met the first error.
        Some(limit) if limit.starts_with("error recovery") => "no expression goes on like this",
        Some(message) => message,
        None => message,
    };
    RuleError {
        message: format!("syntax error: {message}"),
        position: usize::try_from(error.pos.0)
            .ok()
            .zip(usize::try_from(error.pos.1).ok())
            .map(|(line, column)| Position { line, column }),
    }
}
