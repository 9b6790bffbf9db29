//! Keys and the other ways in, over the in-memory backend: who is let in, what becomes of keys, what is refused and why.
#![cfg(test)]

mod admin_keys;
mod doors;
mod groups;
mod imports;
mod kept;
mod keys;
mod races;
mod support;
