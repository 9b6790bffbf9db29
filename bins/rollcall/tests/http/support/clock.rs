//! Rollcall by another clock: this very program, started again, runs the command with a source of time of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, exit};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use scim_core::instant::Timestamp;
use scim_provider::Source;
use uuid::Uuid;

/// The file that says by how many milliseconds the clock is ahead.
const CLOCK: &str = "CLOCK_OF_TEST";
/// The command's arguments, as a JSON array.
const ARGUMENTS: &str = "ARGUMENTS_OF_TEST";
/// What the test harness says before the command's own output.
const HARNESS: &str = "\nrunning 1 test\n";

/// A clock that tests move on; it runs between their moves.
#[derive(Clone)]
pub(crate) struct Clock(PathBuf);

impl Clock {
    pub(crate) fn new(folder: &Path) -> Self {
        let clock = Self(folder.join("clock"));
        clock.set(0);
        clock
    }

    fn ahead(&self) -> i64 {
        let text = std::fs::read_to_string(&self.0).expect("a clock");
        text.parse().expect("milliseconds")
    }

    fn set(&self, millis: i64) {
        let new = self.0.with_extension("new");
        std::fs::write(&new, millis.to_string()).expect("written");
        std::fs::rename(new, &self.0).expect("in its place");
    }

    /// Moves it on.
    pub(crate) fn advance_hours(&self, hours: i64) {
        self.set(self.ahead() + hours * 3_600_000);
    }

    /// A command by this clock.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "support::clock::rollcall_by_this_clock", "--nocapture"]);
        command.env(CLOCK, &self.0);
        command.env(ARGUMENTS, serde_json::to_string(arguments).expect("JSON"));
        command
    }
}

/// The output of a command by a clock.
pub(crate) fn own_output(stdout: Vec<u8>) -> Vec<u8> {
    stdout.strip_prefix(HARNESS.as_bytes()).map(<[u8]>::to_vec).unwrap_or(stdout)
}

impl Source for Clock {
    #[expect(clippy::disallowed_methods, reason = "this clock is the machine's, and ahead of it")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        Timestamp::from_unix_millis(i64::try_from(since.as_millis()).expect("milliseconds") + self.ahead())
    }

    fn uuid(&self) -> Uuid {
        let mut random = [0; 10];
        self.random(&mut random);
        let millis = u64::try_from(self.now().unix_millis()).expect("after 1970");
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    fn random(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("random bytes");
    }
}

/// Other tests start this one by itself, with a clock and arguments: then it is the command. Else it tests the clock.
#[test]
fn rollcall_by_this_clock() {
    let (Some(clock), Ok(arguments)) = (std::env::var_os(CLOCK), std::env::var(ARGUMENTS)) else {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::new(folder.path());
        let before = clock.now();
        clock.advance_hours(2);
        let ahead = clock.now().unix_millis() - before.unix_millis();
        assert!((7_200_000..7_260_000).contains(&ahead), "{ahead} ms");
        return;
    };
    let arguments: Vec<String> = serde_json::from_str(&arguments).expect("JSON");
    let all = std::iter::once("rollcall".to_owned()).chain(arguments).map(Into::into);
    let code = rollcall::run_with(all, Arc::new(Clock(clock.into())));
    let known = (0..=2).find(|status| ExitCode::from(*status) == code);
    exit(known.expect("a status").into());
}
