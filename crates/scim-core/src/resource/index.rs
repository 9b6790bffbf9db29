//! Index entries: the values by which a resource is found without reading documents.

/// A value under which a store indexes a resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct IndexEntry {
    /// The canonical path, such as `userName` or `emails.value`.
    pub path: String,
    /// The key of the value under the attribute's matching.
    pub key: String,
    /// Whether no other resource of the type and instance may have it.
    pub unique: bool,
}
