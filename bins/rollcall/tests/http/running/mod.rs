//! Running a server: its settings, TLS, its log, and its end.

mod ending;
mod logs;
mod process;
mod settings;
mod tls;
