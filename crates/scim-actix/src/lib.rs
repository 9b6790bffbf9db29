//! The SCIM routes as actix-web scopes that other servers can mount.
