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
    /// [`AdminError::Rules`] with every mistake: fields that are not there, circles, and so on.
    pub async fn rule_add(&self, instance: &Instance, rule: &Rule) -> Result<Instance, AdminError> {
        self.settings_change(instance, |settings| {
            settings.rules.push(rule.clone());
            Ok(())
        })
        .await
    }

    /// Puts a rule in the place of the one of that name; behind the others where there is none. `put` gives it, of the rule
    /// as it is.
    ///
    /// # Errors
    /// What `put` says; [`AdminError::Rules`] with every mistake.
    pub async fn rule_put(
        &self,
        instance: &Instance,
        name: &str,
        put: impl Fn(Option<&Rule>) -> Result<Rule, AdminError>,
    ) -> Result<Rule, AdminError> {
        let changed = self.settings_change(instance, |settings| {
            let place = settings.rules.iter().position(|rule| rule.name == name);
            let before = place.and_then(|place| settings.rules.get(place)).cloned();
            let rule = put(before.or_else(|| predefined(name)).as_ref())?;
            match place.and_then(|place| settings.rules.get_mut(place)) {
                Some(before) => *before = rule,
                None => settings.rules.push(rule),
            }
            Ok(())
        });
        let found = changed.await?.settings.rules.into_iter().find(|rule| rule.name == name);
        found.ok_or_else(|| no_rule(name))
    }

    /// Lets rules run in that order; `decide` gives their names, each once, of the names as they are.
    ///
    /// # Errors
    /// What `decide` says; [`AdminError::Invalid`] where a name is missing, or there twice.
    pub async fn rule_order(
        &self,
        instance: &Instance,
        decide: impl Fn(&[String]) -> Result<Vec<String>, AdminError>,
    ) -> Result<Instance, AdminError> {
        self.settings_change(instance, |settings| {
            let names: Vec<String> = settings.rules.iter().map(|rule| rule.name.clone()).collect();
            let wanted = decide(&names)?;
            let (mut have, mut want) = (names.clone(), wanted.clone());
            have.sort_unstable();
            want.sort_unstable();
            if have != want {
                return Err(AdminError::Invalid(format!(
                    "name each of these rules once: {}",
                    names.join(", ")
                )));
            }
            let place = |rule: &Rule| wanted.iter().position(|name| *name == rule.name);
            settings.rules.sort_by_key(place);
            Ok(())
        })
        .await
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none of that name.
    pub async fn rule_remove(&self, instance: &Instance, name: &str) -> Result<Instance, AdminError> {
        self.rule_remove_where(instance, name, |_| Ok(())).await
    }

    /// Removes a rule, where `agrees` to it as it is.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none of that name; what `agrees` says.
    pub async fn rule_remove_where(
        &self,
        instance: &Instance,
        name: &str,
        agrees: impl Fn(&Rule) -> Result<(), AdminError>,
    ) -> Result<Instance, AdminError> {
        self.settings_change(instance, |settings| {
            let place = settings.rules.iter().position(|rule| rule.name == name);
            let place = place.ok_or_else(|| no_rule(name))?;
            settings.rules.get(place).map_or(Ok(()), &agrees)?;
            settings.rules.remove(place);
            Ok(())
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

/// The rule of that name that is there before anybody adds it.
fn predefined(name: &str) -> Option<Rule> {
    (name == Rule::JOB_TITLE).then(Rule::job_title)
}

fn no_rule(name: &str) -> AdminError {
    AdminError::NotFound(format!("there is no rule {name:?}; `rule list` shows them"))
}
