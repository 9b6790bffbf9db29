//! A file that arrives piece by piece from somewhere else.

use std::io::{BufRead, Read};
use std::sync::mpsc::Receiver;

/// A file whose pieces come through a channel: from an upload's asynchronous task to the thread that imports it. A bounded
/// channel holds the sender back while the import is busy.
///
/// The file ends where the sender is dropped. An upload that breaks off sends its error, so that it is not taken for a whole
/// file.
#[derive(Debug)]
pub struct Upload {
    pieces: Receiver<std::io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    read: usize,
}

impl Upload {
    /// The file whose pieces come from there.
    #[must_use]
    pub const fn new(pieces: Receiver<std::io::Result<Vec<u8>>>) -> Self {
        Self { pieces, piece: Vec::new(), read: 0 }
    }
}

impl BufRead for Upload {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        while self.read >= self.piece.len() {
            match self.pieces.recv() {
                Ok(piece) => (self.piece, self.read) = (piece?, 0),
                Err(_) => return Ok(&[]),
            }
        }
        Ok(self.piece.get(self.read..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.read += amount;
    }
}

impl Read for Upload {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let mut here = self.fill_buf()?;
        let read = here.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn pieces_become_one_file() {
        let (sender, receiver) = sync_channel(1);
        let sending = std::thread::spawn(move || {
            for piece in ["UserName\nad", "", "a\n", "grace"] {
                sender.send(Ok(piece.into())).expect("somebody reads");
            }
        });
        let lines: Vec<_> = Upload::new(receiver).lines().map(|line| line.expect("text")).collect();
        sending.join().expect("sent");
        assert_eq!(lines, ["UserName", "ada", "grace"]);
    }

    #[test]
    fn a_broken_upload_is_no_end() {
        let (sender, receiver) = sync_channel(2);
        let broken = std::io::Error::other("gone");
        sender.send(Ok(b"ada".to_vec())).and_then(|()| sender.send(Err(broken))).expect("room");
        assert!(Upload::new(receiver).lines().next().is_some_and(|line| line.is_err()));
    }
}
