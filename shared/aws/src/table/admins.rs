//! The item that knows the admins with access, and the logins that name admins and auditors.
//!
//! Each login is an attribute, so that the condition of one write says that it is nobody else's.

use offramp_app::Fault;
use offramp_domain::{AdminsChange, Change, EmployeeId, Login, Logins, OrgId};

use super::Table;
use super::item::{FORM, Item};
use super::transaction::{Expression, Parts};
use crate::keys;

/// What an attribute's name begins with whose rest is a folded login. Its value is the employee id.
pub(super) const LOGIN: &str = "login#";

/// The logins in the item.
pub(super) fn logins(item: &Item) -> Result<Logins, Fault> {
    let named = |(login, id): (&str, &str)| {
        EmployeeId::new(id)
            .map(|id| (login.to_owned(), id))
            .map_err(|error| Fault::corrupt("read", error.to_string()))
    };
    item.texts_below(LOGIN).map(named).collect()
}

/// Adds what one change of a user writes to the item.
pub(super) fn change(
    table: &Table,
    parts: &mut Parts,
    org: &OrgId,
    change: &Change,
) -> Result<(), Fault> {
    let id = change.user.employee_id.as_str();
    let freed = change.login.as_ref().and_then(|it| it.freed.as_ref());
    let bound = change.login.as_ref().and_then(|it| it.bound.as_ref());
    let same = |freed: &&Login| bound.is_some_and(|bound| bound.folded() == freed.folded());
    let freed = freed.filter(|freed| !same(freed));
    if change.admins == AdminsChange::None && freed.is_none() && bound.is_none() {
        return Ok(());
    }
    let mut update = vec!["SET v = :v"];
    let mut conditions = Vec::new();
    let mut values = Expression::default().number(":v", FORM);
    match change.admins {
        AdminsChange::None => {}
        AdminsChange::Join => update.push("ADD ids :ids"),
        AdminsChange::Leave => {
            update.push("DELETE ids :ids");
            conditions.push("contains(ids, :id) AND size(ids) > :one");
            values = values.number(":one", 1);
        }
    }
    if change.admins != AdminsChange::None {
        values = values.texts(":ids", vec![id.to_owned()]);
    }
    if let Some(bound) = bound {
        update[0] = "SET v = :v, #bound = :id";
        conditions.push("(attribute_not_exists(#bound) OR #bound = :id)");
        values = values.name("#bound", &attribute(bound));
    }
    // DynamoDB refuses a value that no expression mentions.
    if !conditions.is_empty() {
        values = values.text(":id", id);
    }
    if let Some(freed) = freed {
        update.push("REMOVE #freed");
        values = values.name("#freed", &attribute(freed));
    }
    let condition = conditions.join(" AND ");
    let condition = (!condition.is_empty()).then_some(&*condition);
    let update = values.saying(&update.join(" "));
    parts.update(table, &keys::admins(org), update, condition)
}

fn attribute(login: &Login) -> String {
    format!("{LOGIN}{}", login.folded())
}
