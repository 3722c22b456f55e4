//! The logins that name the admins and auditors of an organisation.

use std::collections::BTreeMap;

use crate::ids::{EmployeeId, Login, folded};

/// The logins that name admins and auditors, each once, by folded login. HR writes none of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logins(BTreeMap<String, (Login, EmployeeId)>);

impl Logins {
    /// The person with this login. ASCII letters are compared in lower case, and everything else as it is.
    #[must_use]
    pub fn who(&self, login: &str) -> Option<&EmployeeId> {
        self.0.get(&folded(login)).map(|(_, who)| who)
    }

    /// The login of a person.
    #[must_use]
    pub fn of(&self, id: &EmployeeId) -> Option<Login> {
        let (login, _) = self.0.values().find(|(_, who)| who == id)?;
        Some(login.clone())
    }

    /// The people who have a login.
    pub fn people(&self) -> impl Iterator<Item = &EmployeeId> {
        self.0.values().map(|(_, who)| who)
    }

    /// Frees a login, and gives one to a person.
    pub fn change(&mut self, freed: Option<&Login>, bound: Option<(&Login, &EmployeeId)>) {
        if let Some(login) = freed {
            self.0.remove(&login.folded());
        }
        if let Some((login, id)) = bound {
            let own = (login.clone(), id.clone());
            self.0.insert(login.folded(), own);
        }
    }
}

impl FromIterator<(Login, EmployeeId)> for Logins {
    fn from_iter<T: IntoIterator<Item = (Login, EmployeeId)>>(logins: T) -> Self {
        let logins = logins.into_iter();
        Self(logins.map(|one| (one.0.folded(), one)).collect())
    }
}
