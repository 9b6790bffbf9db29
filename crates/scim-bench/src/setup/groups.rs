//! Groups of a size, and people who are not in them.

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::{Directory, ask};
use crate::drive::{Driver, End, Pace};
use crate::shapes;
use crate::workload::{Edit, Members};

/// Members that are put into a group by one request.
const AT_ONCE: usize = 1_000;

/// Of the groups that everybody is in, half are a division of the directory into so many parts, and half are another one.
const TENTHS: usize = 10;

/// A group of a size, and people who come and go there.
#[derive(Debug)]
pub struct Sized {
    /// How many members stay.
    pub size: usize,
    /// The group's id.
    pub id: String,
    /// Who is to be added.
    pub outside: Vec<String>,
    /// Who was added.
    pub inside: Vec<String>,
}

impl Directory {
    /// The group of a size; made where it is not there yet. `edits` people can be added to it or removed from it: whom earlier
    /// rounds moved is moved back.
    ///
    /// # Errors
    /// Where there are fewer people than the group needs, or the server refuses something.
    pub fn sized(&mut self, size: usize, edits: usize, edit: Edit) -> anyhow::Result<&mut Sized> {
        let at = match self.groups.iter().position(|group| group.size == size) {
            Some(at) => at,
            None => {
                if u64::try_from(size)? > self.people {
                    bail!("a group of {size} needs as many people; there are {}", self.people);
                }
                self.stock(edits)?;
                let outside: Vec<String> = self.created.iter().take(edits).cloned().collect();
                let ids = self.first_ids(size)?;
                let id = self.group(&format!("{}-{size}", self.tag), &ids)?;
                self.groups.push(Sized { size, id, outside, inside: Vec::new() });
                self.groups.len() - 1
            }
        };
        let group = self.groups.get_mut(at).context("no such group")?;
        let (back, from, to) = match edit {
            Edit::Add => (Edit::Remove, &mut group.inside, &mut group.outside),
            Edit::Remove => (Edit::Add, &mut group.outside, &mut group.inside),
        };
        let mut moved = Members::new(back, &group.id, from, to);
        Driver::connect(&self.target, 16)?.drive(&mut moved, Pace::Closed, End::default())?;
        Ok(group)
    }

    /// The groups of the cycle.
    ///
    /// # Errors
    /// Where the server refuses one.
    pub fn ten_groups(&mut self) -> anyhow::Result<()> {
        while self.ten.len() < 10 {
            let name = format!("{}-cycle-{}", self.tag, self.ten.len());
            let id = self.group(&name, &[])?;
            self.ten.push(id);
        }
        Ok(())
    }

    /// Puts everybody who stays into two groups, of which nobody else is a member; who is here for this run goes before. Each group has a
    /// tenth of them: the people of any page are in all of these groups.
    ///
    /// # Errors
    /// Where the server refuses something.
    pub fn into_two_groups(&mut self) -> anyhow::Result<()> {
        if !self.everybody.is_empty() {
            return Ok(());
        }
        self.clear()?;
        let ids = self.first_ids(usize::try_from(self.people)?)?;
        let mut members = vec![Vec::new(); 2 * TENTHS];
        for (place, id) in ids.into_iter().enumerate() {
            for own in [place % TENTHS, TENTHS + place / TENTHS % TENTHS] {
                members.get_mut(own).context("no such group")?.push(id.clone());
            }
        }
        for (number, members) in members.iter().enumerate() {
            let id = self.group(&format!("{}-everybody-{number}", self.tag), members)?;
            self.everybody.push(id);
        }
        Ok(())
    }

    fn group(&self, name: &str, members: &[String]) -> anyhow::Result<String> {
        let mut driver = Driver::connect(&self.target, 1)?;
        let mut body = Vec::new();
        shapes::group(&mut body, name, &[]);
        let created = ask(&mut driver, |request| request.with_body("POST", format_args!("/Groups"), &body))?;
        created.json(201)?;
        let id = created.id.context("a 201 without Location")?;
        for some in members.chunks(AT_ONCE) {
            shapes::members(&mut body, "Add", some.iter().map(String::as_str));
            let added = ask(&mut driver, |request| {
                request.with_body("PATCH", format_args!("/Groups/{id}"), &body);
            })?;
            if ![200, 204].contains(&added.status) {
                bail!("{} members: {}", some.len(), String::from_utf8_lossy(&added.body));
            }
        }
        Ok(id)
    }

    /// The ids of so many people who stay: of the sample, else by pages.
    fn first_ids(&self, count: usize) -> anyhow::Result<Vec<String>> {
        if count <= self.sample.len() && u64::try_from(self.sample.len())? == self.people {
            return Ok(self.sample.iter().take(count).map(|person| person.id.clone()).collect());
        }
        let mut driver = Driver::connect(&self.target, 1)?;
        let mut ids = Vec::new();
        // Who comes and goes must not be among them.
        let names = format!("{}.", shapes::STAYING);
        let mut start = 1;
        while ids.len() < count {
            let list = ask(&mut driver, |request| {
                request
                    .plain("GET", format_args!("/Users?startIndex={start}&count=1000&attributes=userName"));
            })?;
            let list = list.json(200)?;
            let page = list.get("Resources").and_then(Value::as_array).context("a list without Resources")?;
            if page.is_empty() {
                bail!("a list ends after {} people of {count}", ids.len());
            }
            start += page.len();
            for person in page {
                let text = |name: &str| person.get(name).and_then(Value::as_str);
                if let (Some(id), Some(name)) = (text("id"), text("userName"))
                    && name.starts_with(&names)
                    && ids.len() < count
                {
                    ids.push(id.to_owned());
                }
            }
        }
        Ok(ids)
    }
}
