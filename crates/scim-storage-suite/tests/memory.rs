//! The suite on the in-memory backend.

use scim_storage::MemoryStore;

scim_storage_suite::suite!(MemoryStore::new);
