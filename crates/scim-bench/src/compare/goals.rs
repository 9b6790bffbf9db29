//! What a figure is held against, and the table of all that.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a ratio should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Goal {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
    /// There is none: the figure is told for itself.
    None,
}

impl Goal {
    /// Whether a ratio meets it.
    #[must_use]
    pub fn met(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(most) => ratio <= most,
            Self::AtLeast(least) => ratio >= least,
            Self::None => true,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(formatter, "at most {most}"),
            Self::AtLeast(least) => write!(formatter, "at least {least}"),
            Self::None => formatter.write_str("-"),
        }
    }
}

/// A figure, and what it is held against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was measured, and over how many connections.
    pub workload: String,
    /// The unit of figure and baseline.
    pub unit: String,
    /// The figure.
    pub figure: f64,
    /// What the baseline is; empty where there is none.
    pub baseline: String,
    /// The baseline's figure in the same run.
    pub against: f64,
    /// What the ratio should be.
    pub goal: Goal,
    /// The figure of an earlier binary in the same run, where one was measured beside this one.
    #[serde(default)]
    pub earlier: Option<f64>,
}

impl Row {
    /// A figure of its own.
    #[must_use]
    pub fn new(workload: impl Into<String>, unit: &str, figure: f64) -> Self {
        Self {
            workload: workload.into(),
            unit: unit.to_owned(),
            figure,
            baseline: String::new(),
            against: 1.0,
            goal: Goal::None,
            earlier: None,
        }
    }

    /// Holds it against a baseline.
    #[must_use]
    pub fn against(mut self, baseline: &str, against: f64, goal: Goal) -> Self {
        (self.baseline, self.against, self.goal) = (baseline.to_owned(), against, goal);
        self
    }

    /// Says what an earlier binary had.
    #[must_use]
    pub fn earlier(mut self, earlier: Option<f64>) -> Self {
        self.earlier = earlier;
        self
    }

    /// The figure as a multiple of the baseline.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.figure / self.against
    }

    /// Whether the goal is met.
    #[must_use]
    pub fn met(&self) -> bool {
        self.goal.met(self.ratio())
    }
}

/// The table of some rows, with what was before: by an earlier binary in the same run, else by the ratios of an earlier run.
#[must_use]
pub fn table(rows: &[Row], before: &[Row]) -> String {
    let mut lines = vec![
        "| workload | figure | baseline | ratio | goal | met | before | now / before |".to_owned(),
        "| --- | --- | --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    for row in rows {
        let then = before.iter().find(|then| {
            (&then.workload, &then.unit, &then.baseline) == (&row.workload, &row.unit, &row.baseline)
        });
        let before = match (row.earlier, then) {
            (Some(earlier), _) => format!("{} | {:.2}", short(earlier), row.figure / earlier),
            (None, Some(then)) => format!("{} x | {:.2}", short(then.ratio()), row.ratio() / then.ratio()),
            (None, None) => "- | -".to_owned(),
        };
        let (against, ratio) = match row.baseline.as_str() {
            "" => ("-".to_owned(), "-".to_owned()),
            baseline => (format!("{} {baseline}", short(row.against)), short(row.ratio())),
        };
        let met = match row.goal {
            Goal::None => "-",
            _ if row.met() => "yes",
            _ => "**no**",
        };
        lines.push(format!(
            "| {} | {} {} | {against} | {ratio} | {} | {met} | {before} |",
            row.workload,
            short(row.figure),
            row.unit,
            row.goal
        ));
    }
    lines.join("\n")
}

/// A number with about three digits that say something.
fn short(number: f64) -> String {
    match number.abs() {
        large if large >= 100.0 => format!("{number:.0}"),
        middle if middle >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(workload: &str, figure: f64, goal: Goal) -> Row {
        Row::new(workload, "us of CPU", figure).against("bare", 10.0, goal)
    }

    #[test]
    fn a_table_says_what_is_met_and_how_it_was() {
        let rows = [
            row("get", 20.0, Goal::AtMost(2.0)),
            row("put", 123.4, Goal::AtMost(2.0)).earlier(Some(246.8)),
            row("rate", 1.0, Goal::None),
            Row::new("create", "us of CPU", 400.0),
        ];
        let text = table(&rows, &[row("get", 40.0, Goal::AtMost(2.0)), row("put", 1.0, Goal::None)]);
        assert_eq!(
            text.lines().skip(2).collect::<Vec<_>>(),
            [
                "| get | 20.0 us of CPU | 10.0 bare | 2.00 | at most 2 | yes | 4.00 x | 0.50 |",
                "| put | 123 us of CPU | 10.0 bare | 12.3 | at most 2 | **no** | 247 | 0.50 |",
                "| rate | 1.00 us of CPU | 10.0 bare | 0.10 | - | - | - | - |",
                "| create | 400 us of CPU | - | - | - | - | - | - |",
            ]
        );
    }

    #[test]
    fn goals_have_two_directions() {
        let check = |goal: Goal, ratio, expected| assert_eq!(goal.met(ratio), expected, "{goal} {ratio}");
        check(Goal::AtLeast(0.5), 0.5, true);
        check(Goal::AtLeast(0.5), 0.49, false);
        check(Goal::AtMost(1.3), 1.31, false);
        check(Goal::AtMost(1.3), f64::NAN, false);
        check(Goal::None, 7.0, true);
    }
}
