//! Is a recorded history that of one server, which does one request after the other?
//!
//! Each request has the moments at which it was sent and at which it was answered, and it acts at one moment in between. A
//! history is right where such moments can be chosen so that every answer is what one server would have given (it is
//! *linearizable*), and the end is what the last of them left. As one resource's requests say nothing of another's, each
//! resource, and each edge of a group, is looked at by itself: a history is linearizable if and only if it is so for each of its
//! objects (Herlihy and Wing, 1990).
//!
//! - A **person** has a version, which every change counts up by one. So the acknowledged changes have an order already, and it is
//!   held against everything else: no version twice (a lost update), none left out (a doubled change), none before another
//!   that was answered before it was sent, what is read is what that version wrote, `If-Match` held of the version before.
//! - An **edge** is there or not. Adding what is there changes nothing and is answered in the same way, so answers alone do
//!   not give an order; it is searched for, by Wing and Gong's algorithm with a memory of what was tried. Of one edge few
//!   requests are under way at a time, so the search is short.
//! - The **log** of an edge must go back and forth between added and removed, begin with added, and end as the edge does;
//!   no request may have two records.
//!
//! A request without an answer may have been done or not. For people that is not allowed for: the tests that cut connections
//! look what became of each request.

use std::collections::HashSet;

/// When a request was under way: from when it was sent to when it was answered, on one clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Span {
    /// Whether this one was answered before the other was sent.
    fn before(self, other: Self) -> bool {
        self.to < other.from
    }
}

/// What a request saw or did of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Read this text at this version.
    Read(String),
    /// Wrote this text, which made this version; held is what `If-Match` asked for.
    Wrote { text: String, held: Option<u64> },
}

/// An acknowledged request about a person, with the version that its answer has.
#[derive(Clone, Debug)]
pub(crate) struct PersonOp {
    pub(crate) span: Span,
    pub(crate) version: u64,
    pub(crate) seen: Seen,
}

impl PersonOp {
    /// The version that it made, and of what.
    pub(crate) fn written(&self) -> Option<(u64, &str)> {
        match &self.seen {
            Seen::Wrote { text, .. } => Some((self.version, text)),
            Seen::Read(_) => None,
        }
    }
}

/// Checks a person's history, which began with a version and a text and ended with others.
///
/// # Errors
/// What is wrong, in words.
pub(crate) fn person(begin: (u64, &str), ops: &[PersonOp], end: (u64, &str)) -> Result<(), String> {
    let mut writes: Vec<&PersonOp> = ops.iter().filter(|op| matches!(op.seen, Seen::Wrote { .. })).collect();
    writes.sort_by_key(|op| op.version);
    // The text of each version, and the write that made it.
    let mut texts = vec![begin.1];
    for (number, write) in writes.iter().enumerate() {
        let (expected, Seen::Wrote { text, held }) = (begin.0 + texts.len() as u64, &write.seen) else {
            continue;
        };
        if write.version < expected {
            return Err(format!("two changes made version {}: one of them is lost", write.version));
        }
        if write.version > expected {
            return Err(format!("nobody made version {expected}: a change was done twice, or by nobody"));
        }
        if let Some(held) = held.filter(|held| *held + 1 != write.version) {
            return Err(format!("version {} was made under the condition of version {held}", write.version));
        }
        if let Some(late) = writes[..number].iter().find(|earlier| write.span.before(earlier.span)) {
            return Err(format!("version {} was answered before {} was sent", write.version, late.version));
        }
        texts.push(text);
    }
    if end.0 != begin.0 + writes.len() as u64 {
        return Err(format!("it ends at version {}, with {} changes", end.0, writes.len()));
    }
    if texts.last() != Some(&end.1) {
        return Err(format!("it ends as {:?}, and the last change wrote {:?}", end.1, texts.last()));
    }
    for op in ops {
        let Seen::Read(text) = &op.seen else { continue };
        let place = op.version.checked_sub(begin.0).and_then(|at| usize::try_from(at).ok());
        if place.and_then(|at| texts.get(at)) != Some(&text.as_str()) {
            return Err(format!("version {} was read as {text:?}", op.version));
        }
        for write in &writes {
            if write.version > op.version && write.span.before(op.span) {
                return Err(format!("version {} was read after {} was answered", op.version, write.version));
            }
            if write.version <= op.version && op.span.before(write.span) {
                return Err(format!("version {} was read before {} was sent", op.version, write.version));
            }
        }
    }
    // Reads among one another: a later one does not see an earlier version.
    for (first, second) in ops.iter().flat_map(|first| ops.iter().map(move |second| (first, second))) {
        if first.span.before(second.span) && first.version > second.version {
            return Err(format!("version {} was seen after version {}", second.version, first.version));
        }
    }
    Ok(())
}

/// What a request did to an edge, or saw of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EdgeAct {
    Add,
    Remove,
    /// Saw whether it is there.
    Read(bool),
}

/// A request about an edge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EdgeOp {
    pub(crate) span: Span,
    pub(crate) act: EdgeAct,
}

/// Checks an edge's history, which begins without it.
///
/// # Errors
/// What is wrong, in words.
pub(crate) fn edge(ops: &[EdgeOp], end: bool) -> Result<(), String> {
    let mut ops = ops.to_vec();
    ops.sort_by_key(|op| op.span.from);
    // What was tried: how far all were done, which behind that, and whether the edge is there.
    let mut tried: HashSet<(usize, Vec<usize>, bool)> = HashSet::new();
    let mut open = vec![(0_usize, Vec::<usize>::new(), false)];
    let mut furthest = 0;
    while let Some((first, beyond, there)) = open.pop() {
        if !tried.insert((first, beyond.clone(), there)) {
            continue;
        }
        furthest = furthest.max(first);
        if first == ops.len() {
            if there == end {
                return Ok(());
            }
            continue;
        }
        // Who may come next: whoever was sent before any of the others was answered.
        let (mut next_ones, mut answered) = (Vec::new(), u64::MAX);
        for index in (first..ops.len()).filter(|index| !beyond.contains(index)) {
            // They are sorted: those behind were sent, and answered, later still.
            if ops[index].span.from > answered {
                break;
            }
            answered = answered.min(ops[index].span.to);
            next_ones.push(index);
        }
        next_ones.retain(|index| ops[*index].span.from <= answered);
        // Tried from the end: whoever was answered first is the likeliest.
        next_ones.sort_by_key(|index| std::cmp::Reverse(ops[*index].span.to));
        for index in next_ones {
            let next = match ops[index].act {
                EdgeAct::Add => true,
                EdgeAct::Remove => false,
                EdgeAct::Read(seen) if seen == there => there,
                EdgeAct::Read(_) => continue,
            };
            let (mut first, mut beyond) = (first, beyond.clone());
            beyond.push(index);
            beyond.sort_unstable();
            while beyond.first() == Some(&first) {
                beyond.remove(0);
                first += 1;
            }
            open.push((first, beyond, next));
        }
    }
    Err(format!("no order of the requests explains it: {} of {} at the most, end {end}", furthest, ops.len()))
}

/// Checks the log of an edge: the requests' ids and whether they added, in the order of the log.
///
/// # Errors
/// What is wrong, in words.
pub(crate) fn edge_log(records: &[(String, bool)], end: bool) -> Result<(), String> {
    let mut there = false;
    let mut known = HashSet::new();
    for (id, added) in records {
        if !known.insert(id) {
            return Err(format!("{id} has two records"));
        }
        if *added == there {
            return Err(format!(
                "{id} is said to have {}",
                if there { "added twice" } else { "removed nothing" }
            ));
        }
        there = *added;
    }
    if there != end { Err(format!("the log ends with {there}, the edge with {end}")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrote(from: u64, to: u64, version: u64, held: Option<u64>) -> PersonOp {
        let text = format!("text {version}");
        PersonOp { span: Span { from, to }, version, seen: Seen::Wrote { text, held } }
    }

    fn read(from: u64, to: u64, version: u64, text: &str) -> PersonOp {
        PersonOp { span: Span { from, to }, version, seen: Seen::Read(text.to_owned()) }
    }

    #[track_caller]
    fn check_person(ops: &[PersonOp], end: (u64, &str), expected: &str) {
        match person((1, "text 1"), ops, end) {
            Ok(()) => assert_eq!(expected, "", "nothing was found"),
            Err(found) => assert!(!expected.is_empty() && found.contains(expected), "{found}"),
        }
    }

    #[test]
    fn people_have_one_history() {
        check_person(&[], (1, "text 1"), "");
        check_person(&[wrote(0, 9, 3, None), wrote(1, 8, 2, None)], (3, "text 3"), "");
        check_person(
            &[wrote(0, 9, 2, Some(1)), read(1, 2, 1, "text 1"), read(3, 4, 2, "text 2")],
            (2, "text 2"),
            "",
        );
    }

    #[test]
    fn a_lost_update_is_found() {
        // Both were acknowledged with the same version.
        check_person(&[wrote(0, 9, 2, None), wrote(1, 8, 2, None)], (2, "text 2"), "lost");
        // Acknowledged, and not there.
        check_person(&[wrote(0, 1, 2, None)], (1, "text 1"), "ends at version 1");
        check_person(&[wrote(0, 1, 2, None)], (2, "text 1"), "ends as");
        check_person(&[wrote(0, 1, 2, Some(1)), wrote(0, 1, 3, Some(1))], (3, "text 3"), "condition");
    }

    #[test]
    fn a_doubled_change_is_found() {
        check_person(&[wrote(0, 1, 2, None), wrote(2, 3, 4, None)], (4, "text 4"), "nobody made version 3");
        check_person(&[wrote(0, 1, 2, None)], (3, "text 2"), "ends at version 3");
    }

    #[test]
    fn a_change_before_its_time_is_found() {
        check_person(&[wrote(5, 6, 2, None), wrote(0, 1, 3, None)], (3, "text 3"), "before");
        check_person(&[wrote(0, 1, 2, None), read(2, 3, 1, "text 1")], (2, "text 2"), "after 2 was answered");
        check_person(&[wrote(5, 6, 2, None), read(0, 1, 2, "text 2")], (2, "text 2"), "before 2 was sent");
        let (early, late) = (read(1, 2, 2, "text 2"), read(3, 4, 1, "text 1"));
        check_person(&[wrote(0, 9, 2, None), early, late], (2, "text 2"), "was seen after");
        check_person(&[read(0, 1, 1, "text 7")], (1, "text 1"), "was read as");
    }

    #[track_caller]
    fn check_edge(ops: &[(u64, u64, EdgeAct)], end: bool, right: bool) {
        let op =
            |(from, to, act): &(u64, u64, EdgeAct)| EdgeOp { span: Span { from: *from, to: *to }, act: *act };
        let found = edge(&ops.iter().map(op).collect::<Vec<_>>(), end);
        assert_eq!(found.is_ok(), right, "{ops:?} {end} {found:?}");
    }

    #[test]
    fn edges_have_an_order_or_none() {
        use EdgeAct::{Add, Read, Remove};
        check_edge(&[], false, true);
        check_edge(&[], true, false);
        check_edge(&[(0, 1, Add), (2, 3, Remove)], false, true);
        check_edge(&[(0, 1, Add), (2, 3, Remove)], true, false);
        // At the same time: either.
        check_edge(&[(0, 3, Add), (2, 3, Remove)], true, true);
        check_edge(&[(0, 3, Add), (2, 3, Remove)], false, true);
        // What was read decides.
        check_edge(&[(0, 3, Add), (2, 3, Remove), (4, 5, Read(true))], false, false);
        check_edge(&[(0, 1, Add), (2, 3, Read(false))], true, false);
        check_edge(&[(0, 9, Add), (0, 9, Remove), (1, 2, Read(true)), (3, 4, Read(false))], false, true);
        check_edge(&[(0, 9, Add), (1, 2, Read(true)), (3, 4, Read(false))], true, false);
        // An update that was lost: added, acknowledged, and gone.
        check_edge(&[(0, 1, Add), (2, 3, Add)], false, false);
    }

    #[test]
    fn long_histories_are_quick() {
        let act = |number: u64| if number.is_multiple_of(3) { EdgeAct::Remove } else { EdgeAct::Add };
        let ops: Vec<_> = (0..2000).map(|number| (number * 2, number * 2 + 9, act(number))).collect();
        check_edge(&ops, true, true);
        let mut ops: Vec<_> = (0..400).map(|number| (number * 2, number * 2 + 5, EdgeAct::Add)).collect();
        ops.push((5000, 5001, EdgeAct::Read(false)));
        check_edge(&ops, true, false);
    }

    #[track_caller]
    fn check_log(records: &[(&str, bool)], end: bool, right: bool) {
        let records: Vec<_> = records.iter().map(|(id, added)| ((*id).to_owned(), *added)).collect();
        assert_eq!(edge_log(&records, end).is_ok(), right, "{records:?} {end}");
    }

    #[test]
    fn logs_go_back_and_forth() {
        check_log(&[], false, true);
        check_log(&[("a", true), ("b", false), ("c", true)], true, true);
        check_log(&[("a", true), ("b", true)], true, false);
        check_log(&[("a", false)], false, false);
        check_log(&[("a", true), ("b", false), ("a", true)], true, false);
        check_log(&[("a", true)], false, false);
    }
}
