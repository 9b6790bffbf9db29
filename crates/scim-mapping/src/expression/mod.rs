//! The expression language of Microsoft Entra's attribute mappings.
