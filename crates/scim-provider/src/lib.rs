//! One function per SCIM operation: authenticate, load, decide, commit, render; no HTTP framework.
