//! The admin API of the real binary.

mod accounts;
mod imports;
