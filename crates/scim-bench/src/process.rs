//! What a server's processes have used, from `/proc`: Linux only.
//!
//! CPU time is `utime + stime + cutime + cstime` of a process and of all processes below it. The children's part counts those that
//! have ended and were waited for, so the backends of a PostgreSQL postmaster count while they live and afterwards, once each. The
//! kernel adds up nanoseconds and shows ticks of 10 ms: rounds should use half a second at least.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

/// What processes have used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time of all of them.
    pub cpu: Duration,
    /// Resident memory now (`VmRSS`) in bytes. Pages that processes share count for each.
    pub resident: u64,
    /// The most that each had (`VmHWM`), added up, in bytes.
    pub peak: u64,
}

/// The processes of a server, with all that they start.
///
/// # Errors
/// Where one of them has ended, or the system has no `/proc`.
pub fn usage(ids: &[u32]) -> anyhow::Result<Usage> {
    let stats = stats(Path::new("/proc"))?;
    let mut usage = Usage::default();
    let mut ticks = 0;
    for id in ids {
        if !stats.iter().any(|stat| stat.id == *id) {
            anyhow::bail!("process {id} is not there");
        }
    }
    for stat in below(&stats, ids) {
        ticks += stat.ticks;
        // One that ends just now has no memory any more.
        let text = std::fs::read_to_string(format!("/proc/{}/status", stat.id)).unwrap_or_default();
        usage.resident += kibibytes(&text, "VmRSS:") * 1024;
        usage.peak += kibibytes(&text, "VmHWM:") * 1024;
    }
    let nanos_a_tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
    usage.cpu = Duration::from_nanos(ticks * nanos_a_tick);
    Ok(usage)
}

/// A line of `/proc/ID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    id: u32,
    parent: u32,
    ticks: u64,
}

impl Stat {
    /// From the text; the name, in brackets, may hold anything.
    fn parse(text: &str) -> Option<Self> {
        let (id, _) = text.split_once(' ')?;
        let (_, rest) = text.rsplit_once(") ")?;
        let mut fields = rest.split_ascii_whitespace();
        let parent = fields.nth(1)?.parse().ok()?;
        // After state and parent: nine fields, then utime, stime, cutime, cstime (proc_pid_stat(5)).
        let mut times = fields.skip(9).map(str::parse::<u64>);
        let ticks = (0..4).map(|_| times.next()?.ok()).sum::<Option<u64>>()?;
        Some(Self { id: id.parse().ok()?, parent, ticks })
    }
}

fn stats(proc: &Path) -> anyhow::Result<Vec<Stat>> {
    let entries = std::fs::read_dir(proc).context("cannot read /proc, which only Linux has")?;
    let processes =
        entries.flatten().filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok());
    // A process may end between the listing and the reading.
    let texts = processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    Ok(texts.filter_map(|text| Stat::parse(&text)).collect())
}

/// Those processes and all below them, each once.
fn below<'s>(stats: &'s [Stat], ids: &[u32]) -> Vec<&'s Stat> {
    let mut found: Vec<&Stat> = stats.iter().filter(|stat| ids.contains(&stat.id)).collect();
    let mut at = 0;
    while let Some(parent) = found.get(at).map(|stat| stat.id) {
        for child in stats.iter().filter(|stat| stat.parent == parent) {
            if !found.iter().any(|stat| stat.id == child.id) {
                found.push(child);
            }
        }
        at += 1;
    }
    found
}

fn kibibytes(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|value| value.split_ascii_whitespace().next()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_is_read_whatever_the_name() {
        let check = |text: &str, expected: Option<(u32, u32, u64)>| {
            let seen = Stat::parse(text).map(|stat| (stat.id, stat.parent, stat.ticks));
            assert_eq!(seen, expected, "{text}");
        };
        check("12 (a b) c) S 3 12 12 0 -1 4194560 9 8 7 6 100 20 3 4 20 0 1", Some((12, 3, 127)));
        check("12 (postgres) S 3 12", None);
        check("", None);
    }

    #[test]
    fn all_processes_below_count_once() {
        let stat = |id, parent| Stat { id, parent, ticks: 1 };
        let stats = [stat(1, 0), stat(2, 1), stat(3, 2), stat(4, 1), stat(5, 4)];
        let ids = |of: &[u32]| below(&stats, of).iter().map(|stat| stat.id).collect::<Vec<_>>();
        assert_eq!(ids(&[2]), [2, 3]);
        assert_eq!(ids(&[2, 3]), [2, 3]);
        assert_eq!(ids(&[1]), [1, 2, 4, 3, 5]);
    }

    #[test]
    fn this_process_uses_something() {
        let own = usage(&[std::process::id()]).expect("a usage");
        assert!(own.resident > 1024 * 1024 && own.peak >= own.resident, "{own:?}");
        assert!(usage(&[u32::MAX]).is_err());
        assert_eq!(kibibytes("VmHWM:\t  12 kB\nVmRSS:\t 7 kB\n", "VmRSS:"), 7);
    }
}
