//! One question, outside of any measurement.

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::drive::{Driver, End, Pace};
use crate::http::{Answer, Request};
use crate::workload::{Step, Workload};

/// What was answered.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// The id of what was created.
    pub id: Option<String>,
}

impl Asked {
    /// The body, where the status is the right one.
    ///
    /// # Errors
    /// Where it is another one, or the body is not JSON.
    pub fn json(&self, status: u16) -> anyhow::Result<Value> {
        if self.status != status {
            let text = String::from_utf8_lossy(&self.body);
            bail!("answered {} where {status} was expected: {text}", self.status);
        }
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).context("the answer is not JSON in one piece")
    }
}

/// Sends one request.
///
/// # Errors
/// Where no answer comes.
pub fn ask(driver: &mut Driver, write: impl FnMut(&mut Request)) -> anyhow::Result<Asked> {
    let mut once = Once { write, asked: None };
    driver.drive(&mut once, Pace::Closed, End::operations(1))?;
    once.asked.context("no answer came")
}

struct Once<W> {
    write: W,
    asked: Option<Asked>,
}

impl<W: FnMut(&mut Request)> Workload for Once<W> {
    fn next(&mut self, _connection: usize, request: &mut Request) -> bool {
        (self.write)(request);
        true
    }

    fn answered(&mut self, _connection: usize, answer: &Answer<'_>) -> anyhow::Result<Step> {
        let id = answer.created_id().map(str::to_owned);
        self.asked = Some(Asked { status: answer.status, body: answer.plain_body()?, id });
        Ok(Step::Done)
    }
}
