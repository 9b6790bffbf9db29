//! The admin API before a judge that we did not write: schemathesis makes requests from the API's own description, right ones
//! and wrong ones, and holds every answer against it.

use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::judges::python;
use crate::root;
use crate::server::{Server, binary};
use crate::shell::{check, output, say};

/// How long it may go on, in seconds.
const SECONDS: &str = "90";
/// The same requests each time.
const SEED: &str = "7644";
/// What is not asked for: it would take away the key that asks.
const LEFT_OUT: &str = "revokeServerAdminKey";
/// What it holds answers against: no 5xx, nothing that is not described, and nothing let through that the description rules
/// out. (Not that all is taken which the description allows: rules about what is there already are not in it.)
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance,ignored_auth";

pub(crate) fn run() -> anyhow::Result<()> {
    let server = Server::start()?;
    let (base, token) = (&server.base, &server.token);
    output(
        Command::new(binary()?)
            .args(["emulate", "entra", "--base", base, "--token", token, "--people", "30"]),
    )?;
    let python = python()?;
    let schemathesis = python.with_file_name("schemathesis");
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
            .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--max-time", SECONDS])
            .args(["--seed", SEED, "--checks", CHECKS, "--exclude-operation-id", LEFT_OUT])
            .args(["--continue-on-failure", "--no-color", "--warnings", "off"])
            .args(["--report", "junit", "--report-junit-path"])
            .arg(&report),
    );
    let report = std::fs::read_to_string(&report).context("schemathesis left no report")?;
    let count = |name: &str| attribute(&report, name).with_context(|| format!("the report has no {name}"));
    let (tests, failed) = (count("tests")?, count("failures")? + count("errors")?);
    say(&format!("schemathesis: {} endpoints passed, {failed} failed", tests.saturating_sub(failed)));
    outcome?;
    if tests == 0 || failed > 0 {
        bail!("schemathesis asked for {tests} endpoints, of which {failed} failed");
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
