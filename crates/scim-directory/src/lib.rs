//! The nouns that rules and storage share: ids, scopes, records, change sets, questions and facts, log records.
