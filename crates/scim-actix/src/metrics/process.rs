//! What the operating system says of this process: Linux alone, from `/proc`.

use std::fs;
use std::sync::OnceLock;

/// Ticks of a second in `/proc`, on every architecture that this is built for (`USER_HZ`).
const TICKS: f64 = 100.0;

/// The process, as the operating system sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Process {
    /// Processor time, in seconds.
    pub(super) cpu_seconds: Option<f64>,
    /// Memory that is resident, in bytes.
    pub(super) resident_bytes: Option<u64>,
    /// Address space, in bytes.
    pub(super) virtual_bytes: Option<u64>,
    /// Files, sockets and the like that are open.
    pub(super) open_fds: Option<u64>,
    /// How many may be.
    pub(super) max_fds: Option<u64>,
    /// When it began, in seconds since 1970.
    pub(super) started: Option<f64>,
}

impl Process {
    /// This process, now. What the system does not say is missing.
    pub(super) fn read() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").ok();
        let status = fs::read_to_string("/proc/self/status").ok();
        let limits = fs::read_to_string("/proc/self/limits").ok();
        let stat = stat.as_deref().and_then(Stat::parse);
        let kilobytes = |name| Some(number_after(status.as_deref()?, name)?.saturating_mul(1024));
        Self {
            cpu_seconds: stat.map(|stat| stat.cpu_ticks / TICKS),
            resident_bytes: kilobytes("VmRSS:"),
            virtual_bytes: kilobytes("VmSize:"),
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|open| open.count() as u64),
            max_fds: limits.as_deref().and_then(|limits| number_after(limits, "Max open files")),
            started: stat.and_then(|stat| Some(booted()? + stat.started_ticks / TICKS)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Stat {
    cpu_ticks: f64,
    started_ticks: f64,
}

impl Stat {
    /// The fields 14, 15 and 22 of proc(5). The second one is a name in parentheses, and may have anything in it.
    fn parse(stat: &str) -> Option<Self> {
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Self { cpu_ticks: field(14)? + field(15)?, started_ticks: field(22)? })
    }
}

/// The first number after a name at the beginning of a line.
fn number_after(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// When the machine was started, in seconds since 1970; read once, because the file grows with the processors.
fn booted() -> Option<f64> {
    static BOOTED: OnceLock<Option<f64>> = OnceLock::new();
    *BOOTED.get_or_init(|| {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_blanks_is_no_trouble() {
        let fields: Vec<String> = (3..=52).map(|number| number.to_string()).collect();
        let check = |name: &str, expected: Option<Stat>| {
            assert_eq!(Stat::parse(&format!("7 ({name}) {}", fields.join(" "))), expected, "{name}");
        };
        let expected = Some(Stat { cpu_ticks: 29.0, started_ticks: 22.0 });
        check("rollcall", expected);
        check("a) (b 1 2", expected);
        assert_eq!(Stat::parse("7 (a) 1 2"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn numbers_stand_after_names() {
        let text = "Name:\trollcall\nVmRSS:\t   123 kB\nMax open files            1024   4096   files\n";
        assert_eq!(number_after(text, "VmRSS:"), Some(123));
        assert_eq!(number_after(text, "Max open files"), Some(1024));
        assert_eq!(number_after(text, "VmSize:"), None);
        assert_eq!(number_after(text, "Name:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_alive() {
        let process = Process::read();
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 100_000));
        assert!(process.virtual_bytes >= process.resident_bytes);
        assert!(process.open_fds.is_some_and(|open| open > 2) && process.max_fds.is_some());
        assert!(process.cpu_seconds.is_some_and(|seconds| seconds >= 0.0));
        assert!(process.started.is_some_and(|at| at > 1_600_000_000.0));
    }
}
