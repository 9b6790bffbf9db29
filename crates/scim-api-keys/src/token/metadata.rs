//! What the authorization server says of itself.

use serde_json::{Value, json};

use super::Algorithm;

/// The metadata document (RFC 8414 §2), for `/.well-known/oauth-authorization-server` (§3).
///
/// There is the client credentials grant only, so there is no authorization endpoint and no response type. Clients
/// authenticate with a secret, in the header or the form (RFC 6749 §2.3.1), or with a JWT of an issuer that the connector
/// trusts (RFC 7523 §2.2).
#[must_use]
pub fn metadata(
    issuer: &str,
    token_endpoint: &str,
    jwks_uri: &str,
    revocation_endpoint: &str,
    scopes: &[&str],
) -> Value {
    let methods = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
    let algorithms = Algorithm::ALL.map(Algorithm::name);
    json!({
        "issuer": issuer,
        "token_endpoint": token_endpoint,
        "jwks_uri": jwks_uri,
        "scopes_supported": scopes,
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint": revocation_endpoint,
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_what_the_standard_requires() {
        let document = metadata(
            "https://a",
            "https://a/oauth2/token",
            "https://a/keys",
            "https://a/revoke",
            &["users:read"],
        );
        for (member, expected) in [
            ("issuer", json!("https://a")),
            ("token_endpoint", json!("https://a/oauth2/token")),
            ("jwks_uri", json!("https://a/keys")),
            ("revocation_endpoint", json!("https://a/revoke")),
            ("scopes_supported", json!(["users:read"])),
            // REQUIRED, even if there is none.
            ("response_types_supported", json!([])),
            ("grant_types_supported", json!(["client_credentials"])),
        ] {
            assert_eq!(document[member], expected, "{member}");
        }
        // §2: `none` MUST NOT be among them, and the list MUST be there with `private_key_jwt`.
        let algorithms = document["token_endpoint_auth_signing_alg_values_supported"].to_string();
        assert!(algorithms.contains("RS256") && !algorithms.contains("none") && !algorithms.contains("HS"));
    }
}
