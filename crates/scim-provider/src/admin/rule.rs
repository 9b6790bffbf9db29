//! Workflow rules: listed, added, switched, removed.

use scim_directory::{Instance, Rule};

use super::{Admin, AdminError};

impl Admin {
    /// The rules of an instance, in the order in which they run; the predefined one among them, switched off, while nobody
    /// has added it.
    #[must_use]
    pub fn rule_list(instance: &Instance) -> Vec<Rule> {
        let mut rules = instance.settings.rules.clone();
        if !rules.iter().any(|rule| rule.name == Rule::JOB_TITLE) {
            rules.push(Rule::job_title());
        }
        rules
    }

    /// Adds a rule behind the others.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] with every mistake: fields that are not there, circles, and so on.
    pub async fn rule_add(&self, instance: &Instance, rule: &Rule) -> Result<Instance, AdminError> {
        self.settings_change(instance, |settings| {
            settings.rules.push(rule.clone());
            Ok(())
        })
        .await
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none of that name.
    pub async fn rule_remove(&self, instance: &Instance, name: &str) -> Result<Instance, AdminError> {
        self.settings_change(instance, |settings| {
            let before = settings.rules.len();
            settings.rules.retain(|rule| rule.name != name);
            if settings.rules.len() == before { Err(no_rule(name)) } else { Ok(()) }
        })
        .await
    }

    /// Switches a rule on or off.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none of that name.
    pub async fn rule_switch(
        &self,
        instance: &Instance,
        name: &str,
        on: bool,
    ) -> Result<Instance, AdminError> {
        self.settings_change(instance, |settings| {
            if name == Rule::JOB_TITLE && !settings.rules.iter().any(|rule| rule.name == name) {
                settings.rules.push(Rule::job_title());
            }
            let rule = settings.rules.iter_mut().find(|rule| rule.name == name);
            rule.ok_or_else(|| no_rule(name))?.enabled = on;
            Ok(())
        })
        .await
    }
}

fn no_rule(name: &str) -> AdminError {
    AdminError::NotFound(format!("there is no rule {name:?}; `rule list` shows them"))
}
