//! Rewriting user names by an expression over account fields.

use scim_core::text::Matching;
use scim_directory::{Account, Fields, Record};
use scim_mapping::expression::Expression;

use super::keep::name_is_free;
use crate::Occasion;
use crate::limits::within_limits;
use crate::rules::{evaluated, expression};

/// How user names are rewritten: an expression over account fields, such as
/// `Replace([UserName], "@old.example", , , "@new.example", , )`.
#[derive(Clone, Debug)]
pub struct Renaming {
    expression: Expression,
}

/// What a rewriting comes to for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewName {
    /// The user name stays.
    Same,
    /// This one.
    Other {
        /// The user name.
        user_name: String,
        /// What is unique about it: two accounts cannot have the same.
        key: String,
    },
    /// It cannot be; why, and what to do.
    None(String),
}

impl Renaming {
    /// Reads the expression.
    ///
    /// # Errors
    /// Where it is none, or names a field that is not there.
    pub fn new(text: &str, fields: Fields<'_>) -> Result<Self, String> {
        Ok(Self { expression: expression(text, fields)? })
    }

    /// The user name that an account gets. Whether another account has it already is for the store to say.
    #[must_use]
    pub fn of(&self, on: &Occasion<'_>, record: &Record) -> NewName {
        let empty = Account::default();
        let account = record.account.as_deref().unwrap_or(&empty);
        match self.user_name(on, account) {
            Ok(user_name) if account.field("UserName") == Some(user_name.as_str()) => NewName::Same,
            Ok(user_name) => {
                let key = Matching::UserName.key(&user_name).into_owned();
                NewName::Other { user_name, key }
            }
            Err(reason) => NewName::None(reason),
        }
    }

    fn user_name(&self, on: &Occasion<'_>, account: &Account) -> Result<String, String> {
        let user_name = evaluated(on, &self.expression, account)?
            .filter(|user_name| !user_name.trim().is_empty())
            .ok_or("the expression gives no user name")?;
        name_is_free(on, &user_name).map_err(|refusal| refusal.detail)?;
        let definition = on.policy.fields().definition("UserName");
        let (kept, _) = within_limits("UserName", "the expression", user_name, definition)
            .map_err(|refusal| refusal.detail)?;
        kept.ok_or_else(|| "the field UserName does not allow the value".to_owned())
    }
}
