//! Departments and the management tree, by arithmetic on indexes.
//!
//! Person 0 leads the company. All others come in cycles of forty, which give every department its share. Within a
//! department people form a heap: number 0 is the head, and the manager of number `j` is number `(j - 1) / span`.

use super::tables::TABLES;

/// The structure of a company of a given size.
#[derive(Debug, Clone)]
pub(crate) struct Structure {
    /// Department of each place in a cycle, and which of that department's places it is.
    places: Vec<(usize, u32)>,
    /// For each department, its places in a cycle.
    of_department: Vec<Vec<u32>>,
    /// Reports of each manager.
    span: u32,
}

impl Structure {
    pub(crate) fn new(people: u32) -> Self {
        let shares: Vec<u32> = TABLES.departments.iter().map(|d| d.share).collect();
        let mut places = Vec::new();
        let mut of_department = vec![Vec::new(); shares.len()];
        for round in 0..shares.iter().copied().max().unwrap_or(1) {
            for (department, own) in of_department.iter_mut().enumerate() {
                if shares.get(department).is_some_and(|share| round < *share) {
                    own.push(u32::try_from(places.len()).unwrap_or(u32::MAX));
                    places.push((department, round));
                }
            }
        }
        let largest = of_department.iter().map(Vec::len).max().unwrap_or(1);
        let members = u64::from(people) * largest as u64 / places.len().max(1) as u64 + largest as u64;
        // The head and four levels below hold everyone.
        let span =
            (3..).find(|b: &u64| (0..5).map(|level| b.pow(level)).sum::<u64>() >= members).unwrap_or(3);
        Self { places, of_department, span: u32::try_from(span).unwrap_or(u32::MAX) }
    }

    /// Position in the list of departments; the leader belongs to the first.
    pub(crate) fn department(&self, index: u32) -> usize {
        self.position(index).map_or(0, |(department, _)| department)
    }

    pub(crate) fn manager(&self, index: u32) -> Option<u32> {
        let (department, number) = self.position(index)?;
        Some(match number {
            0 => 0,
            number => self.index(department, (number - 1) / self.span),
        })
    }

    /// Where the first report of that person is, or would be.
    pub(crate) fn first_report(&self, index: u32) -> u32 {
        match self.position(index) {
            None => 1,
            Some((department, number)) => {
                self.index(department, number.saturating_mul(self.span).saturating_add(1))
            }
        }
    }

    /// The person with that number in a department.
    pub(crate) fn index(&self, department: usize, number: u32) -> u32 {
        let own = self.of_department.get(department).map(Vec::as_slice).unwrap_or_default();
        let share = u32::try_from(own.len()).unwrap_or(1).max(1);
        let place = own.get((number % share) as usize).copied().unwrap_or_default();
        (number / share).saturating_mul(self.cycle()).saturating_add(place).saturating_add(1)
    }

    /// Department and number within it; `None` for the leader.
    fn position(&self, index: u32) -> Option<(usize, u32)> {
        let index = index.checked_sub(1)?;
        let (department, rank) = *self.places.get((index % self.cycle()) as usize)?;
        let share = self.of_department.get(department).map_or(0, Vec::len);
        Some((department, index / self.cycle() * u32::try_from(share).unwrap_or(0) + rank))
    }

    fn cycle(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(1).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_and_position_are_inverse() {
        let structure = Structure::new(5_000);
        for index in 1..5_000 {
            let (department, number) = structure.position(index).unwrap();
            assert_eq!(structure.index(department, number), index);
        }
    }
}
