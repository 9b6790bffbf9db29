//! The real binary over HTTP: every theme starts `rollcall serve` on a free port with a SQLite file of its own, and looks
//! at status, headers and body of what comes back.
#![cfg(test)]

mod accounts;
mod admin_api;
mod admin_keys_cli;
mod auth;
mod bulk;
mod cli;
mod custom_types;
mod demo;
mod etags;
mod groups;
mod hardening;
mod import;
mod keys;
mod keys_cli;
mod life;
mod lists;
mod load;
mod mail;
mod moving;
mod nodes;
mod pepper;
mod routes;
mod running;
mod support;
mod users;
mod vectors;
