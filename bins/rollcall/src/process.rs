//! What the process asks of the operating system for itself.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Keeps the memory, which holds peppers and keys, out of core dumps and from other processes of the same user; and lets the
/// process open as many files as it may. What the system does not grant is no reason not to start.
pub(crate) fn shield() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let files = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files });
}
