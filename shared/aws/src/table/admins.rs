//! The item that knows the admins with access, and the logins that name admins and auditors.
//!
//! Each login is an attribute, so that the condition of one write says that it is nobody else's.

use offramp_app::Fault;
use offramp_domain::{AdminsChange, Change, EmployeeId, Login, Logins, OrgId};

use super::Table;
use super::item::{FORM, Item};
use super::transaction::{Expression, Parts};
use crate::keys;

/// What an attribute's name begins with whose rest is a folded login. Its value is the employee id and the login as it is
/// written, with [`AND`] between them.
pub(super) const LOGIN: &str = "login#";
/// A control character, so that it is in neither.
const AND: char = '\u{1f}';

/// The logins in the item.
pub(super) fn logins(item: &Item) -> Result<Logins, Fault> {
    let corrupt = |error: &dyn std::fmt::Display| Fault::corrupt("read", error.to_string());
    let named = |(folded, value): (&str, &str)| {
        let (id, login) = value.split_once(AND).unwrap_or((value, folded));
        let login = Login::new(login).map_err(|error| corrupt(&error))?;
        let id = EmployeeId::new(id).map_err(|error| corrupt(&error))?;
        Ok((login, id))
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
            values = values.number(":one", 1).text(":id", id);
        }
    }
    if change.admins != AdminsChange::None {
        values = values.texts(":ids", vec![id.to_owned()]);
    }
    if let Some(bound) = bound {
        update[0] = "SET v = :v, #bound = :bound";
        conditions.push("(attribute_not_exists(#bound) OR begins_with(#bound, :own))");
        values = values
            .name("#bound", &attribute(bound))
            .text(":own", &format!("{id}{AND}"))
            .text(":bound", &format!("{id}{AND}{}", bound.as_str()));
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

/// Takes the logins of a person out of the item, who is erased. One that is another's by now is a conflict.
pub(super) fn forget(
    table: &Table,
    parts: &mut Parts,
    org: &OrgId,
    (item, id): (&Item, &EmployeeId),
) -> Result<(), Fault> {
    let own = format!("{id}{AND}");
    let mut values = Expression::default().number(":v", FORM).text(":own", &own);
    let (mut removed, mut conditions) = (Vec::new(), Vec::new());
    let owned = item.texts_below(LOGIN);
    for (place, (login, _)) in owned
        .filter(|(_, value)| value.starts_with(&own))
        .enumerate()
    {
        let name = format!("#login{place}");
        values = values.name(&name, &format!("{LOGIN}{login}"));
        conditions.push(format!("begins_with({name}, :own)"));
        removed.push(name);
    }
    if removed.is_empty() {
        return Ok(());
    }
    let update = values.saying(&format!("SET v = :v REMOVE {}", removed.join(", ")));
    parts.update(
        table,
        &keys::admins(org),
        update,
        Some(&conditions.join(" AND ")),
    )
}

fn attribute(login: &Login) -> String {
    format!("{LOGIN}{}", login.folded())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A release before logins drops them from a user; they come back from here, as they are written.
    #[test]
    fn a_login_is_read_as_it_was_bound() {
        let org = OrgId::new("acme").unwrap();
        let value = format!("E-1{AND}Ada.Okafor@acme.example");
        let item = Item::new(keys::admins(&org)).text("login#ada.okafor@acme.example", &value);
        let logins = logins(&item).unwrap();
        let id = EmployeeId::new("E-1").unwrap();
        assert_eq!(logins.who("ADA.OKAFOR@acme.example"), Some(&id));
        let login = logins.of(&id).unwrap();
        assert_eq!(login.as_str(), "Ada.Okafor@acme.example");
    }
}
