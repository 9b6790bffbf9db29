//! Plays identity providers against any SCIM server: an Entra ID provisioning cycle and recorded exchanges.
