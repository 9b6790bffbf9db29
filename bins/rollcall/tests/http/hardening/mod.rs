//! What a stranger, a neighbour or a broken client can do to a server: nothing that lasts.

mod admin;
mod canary;
mod headers;
mod isolation;
mod limits;
mod process;
mod retries;
mod slow;
mod tenants;
mod world;
