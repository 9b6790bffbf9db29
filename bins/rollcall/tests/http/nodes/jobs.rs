//! The jobs that one node does for all.

use std::process::Command;

use super::{Nodes, on_each, until};
use crate::support::Server;

fn signal(process: u32, name: &str) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().expect("kill runs").success());
}

#[test]
fn one_node_does_the_jobs_and_another_goes_on_when_it_ends() {
    on_each(|nodes| {
        // The first one was there first.
        until("the first node does the jobs", || (nodes.doing_jobs(&[0, 1]) == [0]).then_some(()));
        let succeeded =
            |node| nodes.metric(node, "rollcall_job_runs_total{name=\"pruning\",outcome=\"success\"}");
        until("it prunes", || succeeded(0).filter(|runs| *runs >= 1.0));
        assert_eq!(succeeded(1), None, "the other one does not");
        signal(nodes.first.process(), "-TERM");
        until("the second node does the jobs", || (nodes.doing_jobs(&[1]) == [1]).then_some(()));
        until("it prunes", || succeeded(1).filter(|runs| *runs >= 1.0));
    });
}

#[test]
fn a_node_that_was_killed_is_followed() {
    let nodes = Nodes::beside(Server::start_by_clock(&[]));
    until("the first node does the jobs", || (nodes.doing_jobs(&[0, 1]) == [0]).then_some(()));
    signal(nodes.first.process(), "-KILL");
    assert_eq!(nodes.doing_jobs(&[1]), [0; 0], "a minute has to pass");
    nodes.first.advance_hours(1);
    until("the other node does the jobs", || (nodes.doing_jobs(&[1]) == [1]).then_some(()));
}
