//! The rules that this process compiled last.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Rule, RuleError};

/// How many rules are kept. A process serves few organisations at a time. A rule takes at most some hundred KiB.
pub(super) const KEPT: usize = 32;

/// The rules, most recently used first.
static RULES: Mutex<VecDeque<(Box<str>, Arc<Rule>)>> = Mutex::new(VecDeque::new());

pub(super) fn get(expression: &str) -> Result<Arc<Rule>, RuleError> {
    if let Some(rule) = known(expression) {
        return Ok(rule);
    }
    // The lock is not held while a rule is compiled. Two threads may then compile the same rule, which is better than
    // one waiting for the other.
    let rule = Arc::new(Rule::compile(expression)?);
    let mut rules = RULES.lock().unwrap_or_else(PoisonError::into_inner);
    rules.retain(|(known, _)| **known != *expression);
    rules.push_front((expression.into(), Arc::clone(&rule)));
    rules.truncate(KEPT);
    Ok(rule)
}

fn known(expression: &str) -> Option<Arc<Rule>> {
    let mut rules = RULES.lock().unwrap_or_else(PoisonError::into_inner);
    let at = rules.iter().position(|(known, _)| **known == *expression)?;
    let entry = rules.remove(at)?;
    let rule = Arc::clone(&entry.1);
    rules.push_front(entry);
    Some(rule)
}

#[cfg(test)]
pub(super) fn kept() -> usize {
    RULES.lock().unwrap_or_else(PoisonError::into_inner).len()
}
