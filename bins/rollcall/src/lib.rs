//! The Rollcall server and its command line: configuration, wiring, commands.
