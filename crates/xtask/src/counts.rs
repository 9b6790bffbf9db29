//! Instruction counts of the hot functions, compared with those that the repository keeps: a slow-down shows, however busy the
//! machine is.
//!
//! The program `scim-counts` is built together with the server, so that both are of the same compiled code, and is run under
//! callgrind. `crates/scim-counts/counts.toml` has what each function took when it was last written (`just counts`).
//!
//! The same toolchain gives the same counts on every x86-64 machine with AVX2: callgrind shows programs one processor, whatever
//! the real one is, and allocation, copying and searching take the same ways there. What is left are the seeds of hash tables
//! (medians of nine calls) and other versions of the C library, for which there is a tolerance. Another compiler makes other
//! code; counts of another one are shown and not compared.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::components::VALGRIND;
use crate::shell::{cargo, check, output, program, say};
use crate::{root, server};

/// How far a count may be from the one that is kept, in percent.
const TOLERANCE: u64 = 5;
const KEPT: &str = "crates/scim-counts/counts.toml";

/// Instructions of one call, by function.
type Counts = BTreeMap<String, u64>;

/// Fails where a function takes more instructions than were kept, or far fewer.
pub(crate) fn compare() -> anyhow::Result<()> {
    let Some(counts) = count()? else { return Ok(()) };
    let kept: toml::Table = std::fs::read_to_string(root().join(KEPT)).context(KEPT)?.parse()?;
    let compiler = compiler()?;
    let written_with = kept.get("compiler").and_then(toml::Value::as_str).unwrap_or_default();
    let kept: Counts = kept.get("instructions").context("no table of instructions")?.clone().try_into()?;
    for (name, count) in &counts {
        say(&format!(
            "{count:>10} {name}{}",
            kept.get(name).map_or(String::new(), |kept| change(*kept, *count))
        ));
    }
    if compiler != written_with {
        say(&format!(
            "skipped: {KEPT} was written with {written_with}, and this is {compiler}: not compared"
        ));
        return Ok(());
    }
    let findings = judge(&kept, &counts);
    if !findings.is_empty() {
        bail!("{}\n(`just counts` writes {KEPT} anew)", findings.join("\n"));
    }
    Ok(())
}

/// Writes the counts as they are now.
pub(crate) fn write() -> anyhow::Result<bool> {
    let counts = count()?.context("nothing can be counted without valgrind")?;
    let mut text = String::from(
        "# Instructions of one call of each hot function, in the release build. Written by `just counts`;\n\
         # `cargo xtask test --only counts` compares.\n",
    );
    writeln!(text, "compiler = {:?}\n\n[instructions]", compiler()?)?;
    for (name, count) in &counts {
        writeln!(text, "{name:?} = {count}")?;
    }
    std::fs::write(root().join(KEPT), text)?;
    say(&format!("{} functions in {KEPT}", counts.len()));
    Ok(true)
}

/// What is wrong with the counts, in words.
fn judge(kept: &Counts, counts: &Counts) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, count) in counts {
        match kept.get(name) {
            None => findings.push(format!("{name}: takes {count} instructions, and none are kept")),
            Some(kept) if count.abs_diff(*kept) * 100 > kept * TOLERANCE => {
                let verdict = if count > kept { "slower" } else { "faster, and what is kept is out of date" };
                findings.push(format!(
                    "{name}: {kept} -> {count} instructions{}: {verdict}",
                    change(*kept, *count)
                ));
            }
            Some(_) => {}
        }
    }
    let gone = kept.keys().filter(|name| !counts.contains_key(*name));
    findings.extend(gone.map(|name| format!("{name}: is kept and was not counted")));
    findings
}

/// ` (+3.1 %)`.
fn change(kept: u64, count: u64) -> String {
    let permille = i128::from(count) * 1000 / i128::from(kept.max(1)) - 1000;
    let sign = if permille < 0 { '-' } else { '+' };
    format!(" ({sign}{}.{} %)", permille.abs() / 10, permille.abs() % 10)
}

/// The compiler that the counts are of.
fn compiler() -> anyhow::Result<String> {
    Ok(output(&mut program("rustc", &["--version"]))?.trim().to_owned())
}

/// Builds and counts; `None` where valgrind is not there and CI does not ask.
fn count() -> anyhow::Result<Option<Counts>> {
    if !VALGRIND.installed()? {
        return Ok(None);
    }
    // Features are those of the server, and what it is made of is built once.
    let packages = ["--package", "rollcall", "--package", "scim-counts", "--bin", "scim-counts"];
    check(cargo(&["build", "--release", "--quiet"]).args(packages))?;
    let folder = tempfile::tempdir()?;
    let dumps = folder.path().join("counts");
    let mut valgrind = program(
        "valgrind",
        &[
            "--quiet",
            "--tool=callgrind",
            "--toggle-collect=scim_counts::counted",
            "--dump-before=scim_counts::counted",
        ],
    );
    valgrind
        .arg(format!("--callgrind-out-file={}", dumps.display()))
        .arg(server::release().join("scim-counts"));
    let names = output(&mut valgrind)?;
    let mut counts = Counts::new();
    // The first dump comes before the first call.
    let mut next = 2;
    for line in names.lines() {
        let (calls, name) = line.split_once(' ').with_context(|| format!("{line:?} is no case"))?;
        let calls: usize = calls.parse()?;
        let mut taken =
            (next..next + calls).map(|number| total(&dumps, number)).collect::<Result<Vec<_>, _>>()?;
        taken.sort_unstable();
        let median = taken.get(calls / 2).with_context(|| format!("{name} was not called"))?;
        counts.insert(name.to_owned(), *median);
        next += calls;
    }
    Ok(Some(counts))
}

/// The instructions of one dump.
fn total(dumps: &Path, number: usize) -> anyhow::Result<u64> {
    let path = dumps.with_extension(number.to_string());
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("{} was not written", path.display()))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    Ok(line.context("a dump without totals")?.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::{Counts, judge};

    fn check(kept: &[(&str, u64)], counts: &[(&str, u64)], expected: &[&str]) {
        let table = |list: &[(&str, u64)]| -> Counts {
            list.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
        };
        assert_eq!(judge(&table(kept), &table(counts)), expected, "{kept:?} {counts:?}");
    }

    #[test]
    fn slower_faster_new_and_gone_are_found() {
        check(&[("a", 1000)], &[("a", 1050)], &[]);
        check(&[("a", 1000)], &[("a", 950)], &[]);
        check(&[("a", 1000)], &[("a", 1051)], &["a: 1000 -> 1051 instructions (+5.1 %): slower"]);
        check(
            &[("a", 1000)],
            &[("a", 940)],
            &["a: 1000 -> 940 instructions (-6.0 %): faster, and what is kept is out of date"],
        );
        check(&[], &[("a", 7)], &["a: takes 7 instructions, and none are kept"]);
        check(&[("a", 7)], &[], &["a: is kept and was not counted"]);
    }
}
