//! Every metric: its name, type, labels and meaning. `docs/monitoring.md` has the same table, which a test holds against this.

/// What kind of number a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metric {
    /// The name, of a counter without the `_total` that its values have.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(super) const $constant: Metric =
            Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };)*
        /// All of them, in the order in which they are told.
        pub(super) const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    HTTP_REQUESTS: Counter "rollcall_http_requests" ["route", "method", "status"]
        "Requests that were answered, by route template, method and status.";
    HTTP_DURATION: Histogram "rollcall_http_request_duration_seconds" ["route", "method", "status_class"]
        "How long requests took, from their head to their answer, body included.";
    HTTP_IN_FLIGHT: Gauge "rollcall_http_requests_in_flight" []
        "Requests that are being answered now.";
    HTTP_ABORTED: Counter "rollcall_http_requests_aborted" []
        "Requests whose client went away before the answer.";
    REFUSED: Counter "rollcall_access_refused" ["code"]
        "Clients that were not let in, by the code in the provisioning log.";
    CONNECTOR_OUTCOMES: Counter "rollcall_connector_outcomes" ["rollcall_instance", "connector", "action", "status"]
        "What requests of a connector came to, by action and status as the provisioning log has them. The first 250 connectors of a process have numbers of their own, all others are (other).";
    CONNECTOR_REQUEST: Gauge "rollcall_connector_last_request_timestamp_seconds" ["rollcall_instance", "connector"]
        "When a request of a connector was last let in by this process.";
    CONNECTOR_WRITE: Gauge "rollcall_connector_last_write_timestamp_seconds" ["rollcall_instance", "connector"]
        "When a request of a connector last changed something by this process.";
    KEYS: Gauge "rollcall_api_key_seconds_to_expiry" ["rollcall_instance", "connector", "key"]
        "Seconds until a key in use expires, of keys that do within 60 days, at most 1,000; negative from the expiry until that was told, seconds later. A key that is being replaced is left out.";
    REMINDERS: Counter "rollcall_key_reminders" ["what"]
        "What this process told of keys that end: that they expire soon, have expired, or that an overlap is over.";
    HELD: Gauge "rollcall_held_changes_waiting" ["rollcall_instance"]
        "Suspensions and deletions that the guard held back and that wait for a decision: of the 100 instances with the most, all others are (other); at most 10,000 are counted.";
    LOG_POSITION: Gauge "rollcall_log_position" ["end"]
        "Positions of the provisioning log, of all instances and of the server itself: the oldest record that is kept, and the newest.";
    LOG_TIME: Gauge "rollcall_log_timestamp_seconds" ["end"]
        "When those records were decided.";
    OUTBOX_POSITION: Gauge "rollcall_outbox_position" ["end"]
        "Positions of the outbox of events, of all instances: the oldest event that is kept, and the newest.";
    OUTBOX_TIME: Gauge "rollcall_outbox_timestamp_seconds" ["end"]
        "When those events were decided.";
    READS: Histogram "rollcall_store_read_duration_seconds" ["operation"]
        "How long reads of the database took, waiting included, by the method of the store.";
    READS_FAILED: Counter "rollcall_store_reads_failed" ["operation"]
        "Reads of the database that failed.";
    COMMITS: Histogram "rollcall_store_commit_duration_seconds" []
        "How long changes took from when they were handed over until they were on disk or refused.";
    OUTCOMES: Counter "rollcall_store_commits" ["outcome"]
        "Changes that were handed over, by how that ended. A conflict is decided again; unavailable and internal are faults.";
    GROUPS: Histogram "rollcall_store_commit_group_size" []
        "How many changes were committed together.";
    TRANSACTIONS: Histogram "rollcall_store_transaction_duration_seconds" []
        "How long the transactions of those groups took.";
    WRITES_WAITING: Gauge "rollcall_store_writes_waiting" []
        "Changes that were handed over to the writer and are not answered yet.";
    READS_WAITING: Gauge "rollcall_store_reads_waiting" []
        "Long reads that wait for a thread.";
    LAST_COMMIT: Gauge "rollcall_store_last_commit_timestamp_seconds" []
        "When the last change was decided that this process committed.";
    FILES: Gauge "rollcall_store_file_bytes" ["file"]
        "The size of the database's files.";
    JOB_RUNS: Counter "rollcall_job_runs" ["name", "outcome"]
        "Runs of the jobs beside the server, by how they ended.";
    JOB_SUCCESS: Gauge "rollcall_job_last_success_timestamp_seconds" ["name"]
        "When a job last did all that it had to; 0 until the first time. Absent where another node does it.";
    JOBS_HELD: Gauge "rollcall_jobs_held" []
        "Whether this process does the jobs that one of several nodes does for all (pruning, key_ends): 1 or 0.";
    PRUNED: Counter "rollcall_pruned_rows" []
        "Rows that were older than the retention time and are deleted.";
    MAILS: Counter "rollcall_mails" ["outcome"]
        "Mails by what became of them: sent, failed (and tried again), given_up.";
    MAILS_WAITING: Gauge "rollcall_mails_waiting" []
        "Mails that are still to be sent.";
    CERTIFICATE: Gauge "rollcall_tls_certificate_seconds_to_expiry" []
        "Seconds until the certificate ends that this process shows to clients; only where it does TLS itself.";
    COMPLETE: Gauge "rollcall_scrape_complete" []
        "Whether the database gave what this page needs of it: 1, or 0 where metrics are missing for that reason.";
    BUILD: Gauge "rollcall_build_info" ["version"]
        "Always 1; which release this is.";
    CPU: Counter "process_cpu_seconds" []
        "Processor time that the process took.";
    RESIDENT: Gauge "process_resident_memory_bytes" []
        "Memory of the process that is resident.";
    VIRTUAL: Gauge "process_virtual_memory_bytes" []
        "Address space of the process.";
    OPEN_FDS: Gauge "process_open_fds" []
        "Files and sockets that the process has open.";
    MAX_FDS: Gauge "process_max_fds" []
        "How many files and sockets the process may have open.";
    STARTED: Gauge "process_start_time_seconds" []
        "When the process began.";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(metric: &Metric) -> String {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
        let (kind, suffix) = match metric.kind {
            Kind::Counter => ("counter", "_total"),
            Kind::Gauge => ("gauge", ""),
            Kind::Histogram => ("histogram", ""),
        };
        format!("| `{}{suffix}` | {kind} | {labels} | {} |", metric.name, metric.help)
    }

    /// The page has the table just so: each metric is there, and nothing that is none.
    #[test]
    fn the_page_about_monitoring_has_this_table() {
        let page = include_str!("../../../../docs/monitoring.md");
        let shown: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("| `rollcall_") || line.starts_with("| `process_"))
            .collect();
        let expected: Vec<String> = ALL.iter().map(row).collect();
        assert_eq!(shown, expected, "the table in docs/monitoring.md should be:\n{}", expected.join("\n"));
    }

    /// The page has each alert, with what it says and what to do as the rules have it.
    #[test]
    fn the_page_about_monitoring_has_every_alert() {
        let page = include_str!("../../../../docs/monitoring.md");
        let rules = include_str!("../../../../docs/monitoring/rollcall.rules.yml");
        let shown: Vec<&str> = page.lines().filter(|line| line.starts_with("| `Rollcall")).collect();
        let mut expected = Vec::new();
        let mut row = String::new();
        for line in rules.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("- alert: ") {
                row = format!("| `{name}`");
            }
            for part in ["severity: ", "summary: ", "cure: "] {
                let Some(text) = line.strip_prefix(part) else { continue };
                let text = text.trim_matches('"').replace("\\\"", "\"");
                let text = text.replace("{{ $labels.rollcall_instance }}", "INSTANCE");
                row = format!("{row} | {}", text.replace("{{ $labels.connector }}", "CONNECTOR"));
                if part == "cure: " {
                    expected.push(format!("{row} |"));
                }
            }
        }
        assert!(expected.len() > 20);
        assert_eq!(shown, expected, "the table in docs/monitoring.md should be:\n{}", expected.join("\n"));
    }

    /// Conventions of Prometheus: base units, and suffixes that say what it is.
    #[test]
    fn names_are_as_prometheus_wants_them() {
        for metric in ALL {
            let name = metric.name;
            assert!(!name.ends_with("_total") && !name.contains("milli"), "{name}");
            assert_eq!(name.contains("duration"), name.ends_with("_duration_seconds"), "{name}");
            assert_eq!(name.contains("timestamp"), name.ends_with("_timestamp_seconds"), "{name}");
            // A target's own labels would take the place of these.
            assert!(!metric.labels.iter().any(|label| ["instance", "job"].contains(label)), "{name}");
        }
    }
}
