//! The storage contract: the Store trait, queries and pages, and the in-memory backend.
