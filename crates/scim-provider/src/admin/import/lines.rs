//! The lines of a file in a window that grows no further than one line or record may: an over-long one is never held, and
//! what was looked at can be read again.

use std::io::{BufRead, ErrorKind};

/// Where the window is drained: below this it only grows.
const DRAIN_BYTES: usize = 64 * 1024;

/// How a line ends, counted from the window's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// Behind its line feed, or at the end of the file.
    At(usize),
    /// Nothing follows.
    OfFile,
    /// Further away than was allowed.
    Far,
}

/// A file, of which what was not consumed yet can be looked at again.
pub(super) struct Lines<R> {
    input: R,
    window: Vec<u8>,
    start: usize,
    /// Bytes that were consumed.
    bytes: u64,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn new(input: R) -> Self {
        Self { input, window: Vec::new(), start: 0, bytes: 0, ended: false }
    }

    /// Bytes that were consumed.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is in the window.
    pub(super) fn peek(&self) -> &[u8] {
        self.window.get(self.start..).unwrap_or_default()
    }

    /// Brings at least so many bytes into the window, unless the file ends before.
    pub(super) fn fill(&mut self, bytes: usize) -> std::io::Result<()> {
        while self.peek().len() < bytes && self.more()? {}
        Ok(())
    }

    /// Where the line ends that begins at `from`, at most `limit` bytes from the window's start.
    pub(super) fn line_end(&mut self, from: usize, limit: usize) -> std::io::Result<LineEnd> {
        let mut searched = from;
        loop {
            let unseen = self.peek().get(searched..).unwrap_or_default();
            if let Some(found) = memchr::memchr(b'\n', unseen) {
                let end = searched + found + 1;
                return Ok(if end > limit { LineEnd::Far } else { LineEnd::At(end) });
            }
            searched = self.peek().len();
            if searched > limit {
                return Ok(LineEnd::Far);
            }
            if !self.more()? {
                return Ok(if searched > from { LineEnd::At(searched) } else { LineEnd::OfFile });
            }
        }
    }

    /// Leaves what is before that place of the window.
    pub(super) fn consume(&mut self, end: usize) {
        self.start = (self.start + end).min(self.window.len());
        self.bytes += u64::try_from(end).unwrap_or_default();
        if self.start > DRAIN_BYTES && self.start * 2 > self.window.len() {
            self.window.drain(..self.start);
            self.start = 0;
        }
    }

    /// Leaves the line at the window's start, however long it is.
    pub(super) fn skip_line(&mut self) -> std::io::Result<()> {
        loop {
            let here = self.peek().len();
            match memchr::memchr(b'\n', self.peek()) {
                Some(found) => {
                    self.consume(found + 1);
                    return Ok(());
                }
                None => self.consume(here),
            }
            if !self.more()? {
                return Ok(());
            }
        }
    }

    /// Takes more of the file into the window; whether there was more.
    fn more(&mut self) -> std::io::Result<bool> {
        while !self.ended {
            match self.input.fill_buf() {
                Ok([]) => self.ended = true,
                Ok(chunk) => {
                    let taken = chunk.len();
                    self.window.extend_from_slice(chunk);
                    self.input.consume(taken);
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}
