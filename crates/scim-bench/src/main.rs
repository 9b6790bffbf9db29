//! `scim-bench`: see [`scim_bench::args::USAGE`].

use std::process::ExitCode;

use scim_bench::args::{Command, USAGE};
use scim_bench::{bare, compare, run, say};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = Command::parse(&arguments).and_then(|command| match command {
        Command::Run(plan) => run::run(&plan),
        Command::Compare(plan) => compare::compare(&plan),
        Command::Scale(plan) => compare::scale(&plan),
        Command::Bare(bare) => bare::serve(bare),
        Command::Help => {
            say(USAGE);
            Ok(())
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
