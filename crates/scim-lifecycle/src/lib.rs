//! Pure decisions: from a request, the records it names and facts to a change set.
