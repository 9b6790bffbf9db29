//! Keys from end to end: their year, and every route with every key that should not open it.

mod canary;
mod issuer;
mod matrix;
mod renewal;
mod year;
