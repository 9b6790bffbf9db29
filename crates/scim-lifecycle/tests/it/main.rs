//! Decisions as an administrator would tell them: a situation, a request, and what comes of it.
#![cfg(test)]

mod guard;
mod people;
mod rules;
mod world;
