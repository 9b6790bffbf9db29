//! A mail server that takes every mail and keeps it: real SMTP (RFC 5321) over TCP.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A mail as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    /// Headers and body.
    pub(crate) text: String,
}

#[derive(Default)]
struct Kept {
    mails: Mutex<Vec<Arrived>>,
    changed: Condvar,
    /// How many connections are still to be turned away.
    busy: AtomicUsize,
    turned_away: AtomicUsize,
}

/// The server.
pub(crate) struct Sink {
    pub(crate) address: String,
    kept: Arc<Kept>,
}

impl Sink {
    /// Starts; so many connections are told to come again first.
    pub(crate) fn start(busy: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let kept = Arc::new(Kept { busy: AtomicUsize::new(busy), ..Kept::default() });
        let shared = Arc::clone(&kept);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&shared);
                std::thread::spawn(move || kept.serve(stream));
            }
        });
        Self { address, kept }
    }

    /// The mails, once there are so many.
    #[track_caller]
    pub(crate) fn mails(&self, count: usize) -> Vec<Arrived> {
        let mails = self.kept.mails.lock().expect("mails");
        let patience = Duration::from_secs(60);
        let few = |mails: &mut Vec<Arrived>| mails.len() < count;
        let (mails, waited) = self.kept.changed.wait_timeout_while(mails, patience, few).expect("mails");
        assert!(!waited.timed_out(), "{} of {count} mails: {mails:?}", mails.len());
        assert_eq!(mails.len(), count, "{mails:?}");
        mails.clone()
    }

    /// How many connections were told to come again.
    pub(crate) fn turned_away(&self) -> usize {
        self.kept.turned_away.load(Ordering::SeqCst)
    }
}

impl Kept {
    /// Speaks with a client until it ends.
    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let reader = BufReader::new(stream.try_clone().ok()?);
        let mut say = |text: &str| stream.write_all(format!("{text}\r\n").as_bytes()).ok();
        let less = |busy: usize| busy.checked_sub(1);
        if self.busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
            self.turned_away.fetch_add(1, Ordering::SeqCst);
            return say("421 4.3.2 busy");
        }
        say("220 sink")?;
        let (mut from, mut to, mut text, mut in_data) = (String::new(), Vec::new(), String::new(), false);
        for line in reader.lines().map_while(Result::ok) {
            if in_data {
                if line != "." {
                    text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    text.push('\n');
                    continue;
                }
                in_data = false;
                let mail = Arrived {
                    from: std::mem::take(&mut from),
                    to: std::mem::take(&mut to),
                    // Long lines are folded (RFC 2045 §6.7).
                    text: std::mem::take(&mut text).replace("=\n", ""),
                };
                self.mails.lock().ok()?.push(mail);
                self.changed.notify_all();
                say("250 kept")?;
                continue;
            }
            let address = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => say("250 sink")?,
                "MAIL" => {
                    from = address();
                    say("250 sender")?;
                }
                "RCPT" => {
                    to.push(address());
                    say("250 recipient")?;
                }
                "DATA" => {
                    in_data = true;
                    say("354 go on")?;
                }
                "QUIT" => return say("221 bye"),
                _ => say("250 fine")?,
            }
        }
        None
    }
}
