//! The SQLite backend behind the Store trait, with its migrations.
