//! Accounts, groups, objects and held changes, as the application makes and changes them.

mod account_acts;
mod accounts;
mod groups;
mod held;
mod objects;
mod town;
