//! API keys: format, issue and verification.
