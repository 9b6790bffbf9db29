//! What a stranger, a neighbour or a broken client can do to a server: nothing that lasts.

mod isolation;
mod world;
