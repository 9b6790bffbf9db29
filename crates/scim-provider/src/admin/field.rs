//! Custom fields, and limits of standard ones.

use scim_directory::{FieldDefinition, FieldKind, Fields, Instance, MAX_FIELD_NAME_CHARS, STANDARD_FIELDS};

use super::{Admin, AdminError};

/// The most definitions of an instance.
const MAX_DEFINITIONS: usize = 500;

impl Admin {
    /// Declares a custom text field, or limits a standard one; a definition of the same name is replaced.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where the name is none, is a standard field's in other letters, or the field holds no text.
    pub async fn field_add(
        &self,
        instance: &Instance,
        definition: &FieldDefinition,
    ) -> Result<Instance, AdminError> {
        check(definition)?;
        self.settings_change(instance, |settings| {
            let other = Fields::new(&settings.fields).meant(&definition.name).map(str::to_owned);
            if let Some(other) = other.filter(|other| *other != definition.name) {
                return Err(AdminError::Invalid(format!(
                    "there is a field {other} already; {:?} is too much like it",
                    definition.name
                )));
            }
            settings.fields.retain(|field| field.name != definition.name);
            settings.fields.push(definition.clone());
            if settings.fields.len() > MAX_DEFINITIONS {
                return Err(AdminError::Invalid(format!(
                    "an instance declares at most {MAX_DEFINITIONS} fields"
                )));
            }
            Ok(())
        })
        .await
    }

    /// Forgets a custom field, or the limits of a standard one. Values that accounts have stay, unseen, until the field is
    /// declared again.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where it is not declared; [`AdminError::Invalid`] where a mapping row or a rule uses it.
    pub async fn field_remove(&self, instance: &Instance, name: &str) -> Result<Instance, AdminError> {
        self.settings_change(instance, |settings| {
            let before = settings.fields.len();
            settings.fields.retain(|field| field.name != name);
            if settings.fields.len() == before {
                return Err(AdminError::NotFound(format!("the instance declares no field {name:?}")));
            }
            Ok(())
        })
        .await
    }
}

fn check(definition: &FieldDefinition) -> Result<(), AdminError> {
    let name = &definition.name;
    let fit = name.chars().next().is_some_and(|first| first.is_ascii_alphabetic())
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    if !fit || name.len() > MAX_FIELD_NAME_CHARS {
        return Err(AdminError::Invalid(format!(
            "{name:?}: a field's name begins with a letter and has letters, digits and _, at most {MAX_FIELD_NAME_CHARS}"
        )));
    }
    let standard = STANDARD_FIELDS.iter().find(|(standard, _)| standard == name);
    if let Some((_, kind)) = standard.filter(|(_, kind)| *kind != FieldKind::Text) {
        return Err(AdminError::Invalid(format!(
            "{name} holds {}, not text; it has no limits",
            kind.words()
        )));
    }
    if standard.is_some() && definition.max_chars.is_none() && definition.allowed.is_empty() {
        return Err(AdminError::Invalid(format!(
            "{name} is a standard field and need not be declared; --max-chars and --allowed limit it"
        )));
    }
    if definition.max_chars == Some(0) {
        return Err(AdminError::Invalid("--max-chars must be 1 or more".to_owned()));
    }
    Ok(())
}
