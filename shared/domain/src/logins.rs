//! The logins that name the admins and auditors of an organisation.

use std::collections::BTreeMap;

use crate::ids::{EmployeeId, Login, folded};

/// The logins that name admins and auditors, each once. HR writes none of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logins(BTreeMap<String, EmployeeId>);

impl Logins {
    /// The person with this login. ASCII letters are compared in lower case, and everything else as it is.
    #[must_use]
    pub fn who(&self, login: &str) -> Option<&EmployeeId> {
        self.0.get(&folded(login))
    }

    /// The login of a person, in folded form.
    #[must_use]
    pub fn of(&self, id: &EmployeeId) -> Option<Login> {
        let (login, _) = self.0.iter().find(|(_, who)| *who == id)?;
        Login::new(login.as_str()).ok()
    }

    /// The people who have a login.
    pub fn people(&self) -> impl Iterator<Item = &EmployeeId> {
        self.0.values()
    }

    /// Frees a login, and gives one to a person.
    pub fn change(&mut self, freed: Option<&Login>, bound: Option<(&Login, &EmployeeId)>) {
        if let Some(login) = freed {
            self.0.remove(&login.folded());
        }
        if let Some((login, id)) = bound {
            self.0.insert(login.folded(), id.clone());
        }
    }
}

impl FromIterator<(String, EmployeeId)> for Logins {
    /// Makes the logins of folded ones.
    fn from_iter<T: IntoIterator<Item = (String, EmployeeId)>>(logins: T) -> Self {
        Self(logins.into_iter().collect())
    }
}
