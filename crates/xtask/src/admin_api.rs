//! The admin API before a judge that we did not write: schemathesis makes requests from the API's own description, right ones
//! and wrong ones, and holds every answer against it.

use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::judges::python;
use crate::root;
use crate::server::{Server, binary};
use crate::shell::{check, output, say};

/// The same requests each time.
const SEED: &str = "7644";

/// One run over the API.
struct Run {
    /// What it is about.
    what: &'static str,
    /// What it holds answers against.
    checks: &'static str,
    /// How long it may go on, in seconds.
    seconds: &'static str,
    /// Which requests are left out.
    left_out: &'static [&'static str],
}

/// Every answer is one that is described. (The endpoint that is left out would take away the key that asks.)
const DESCRIBED: Run = Run {
    what: "every answer is described",
    checks: "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
             response_schema_conformance,unsupported_method,allow_header_conformance,ignored_auth",
    seconds: "70",
    left_out: &["--exclude-operation-id", "revokeServerAdminKey"],
};

/// Nothing is let through that the description rules out. Merge patches are left out, because their `null` takes away members
/// that are never null in the thing itself (RFC 7396), and uploads, because lines are any text. (That all is taken which the
/// description allows is not asked: rules about what is there already are not in it.)
const REFUSED: Run = Run {
    what: "what is not described is refused",
    checks: "negative_data_rejection",
    seconds: "40",
    left_out: &[
        "--exclude-method",
        "PATCH",
        "--exclude-operation-id",
        "revokeServerAdminKey",
        "--exclude-operation-id",
        "upload",
        "--exclude-operation-id",
        "previewPickingUp",
    ],
};

pub(crate) fn run() -> anyhow::Result<()> {
    let server = Server::start()?;
    let (base, token) = (&server.base, &server.token);
    let people = ["emulate", "entra", "--base", base, "--token", token, "--people", "30"];
    output(Command::new(binary()?).args(people))?;
    let found = [DESCRIBED, REFUSED].iter().filter_map(|run| judge(&server, run).err());
    let found: Vec<String> = found.map(|error| format!("{error:#}")).collect();
    if !found.is_empty() {
        bail!("{}", found.join("; "));
    }
    Ok(())
}

fn judge(server: &Server, run: &Run) -> anyhow::Result<()> {
    let schemathesis = python()?.with_file_name("schemathesis");
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report.xml");
    let outcome = check(
        Command::new(schemathesis)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .arg("--config-file")
            .arg(root().join("conformance/schemathesis.toml"))
            .args(["run", &format!("http://{}/admin/v1/openapi.json", server.address)])
            .args(["--header", &format!("Authorization: Bearer {}", server.admin_key)])
            .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "10"])
            .args(["--max-time", run.seconds, "--seed", SEED, "--checks", run.checks])
            .args(run.left_out)
            .args(["--continue-on-failure", "--no-color", "--warnings", "off"])
            .args(["--report", "junit", "--report-junit-path"])
            .arg(&report),
    );
    let report = std::fs::read_to_string(&report).context("schemathesis left no report")?;
    let count = |name: &str| attribute(&report, name).with_context(|| format!("the report has no {name}"));
    let (tests, failed) = (count("tests")?, count("failures")? + count("errors")?);
    let passed = tests.saturating_sub(failed);
    say(&format!("schemathesis, {}: {passed} endpoints passed, {failed} failed", run.what));
    outcome?;
    if tests == 0 || failed > 0 {
        bail!("schemathesis, {}: of {tests} endpoints {failed} failed", run.what);
    }
    Ok(())
}

/// An attribute of the report's first element.
fn attribute(report: &str, name: &str) -> Option<u64> {
    let (_, rest) = report.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::attribute;

    #[test]
    fn the_first_element_counts() {
        let report =
            "<testsuites tests=\"31\" failures=\"2\" errors=\"0\"><testsuite tests=\"1\"/></testsuites>";
        assert_eq!((attribute(report, "tests"), attribute(report, "failures")), (Some(31), Some(2)));
        assert_eq!(attribute(report, "skipped"), None);
    }
}
