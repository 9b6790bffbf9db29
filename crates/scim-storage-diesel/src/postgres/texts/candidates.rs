//! What PostgreSQL is asked by a filter's pieces: alternatives, each of which is marks that somebody has all of.

use std::collections::BTreeSet;

use scim_directory::InstanceId;

use crate::filter_sql::Pieces;
use crate::sql::Statement;

/// Alternatives of one search. Each is looked up by itself.
const MOST_ALTERNATIVES: usize = 16;
/// Marks of an alternative. More of them would exclude hardly anybody.
const MOST_MARKS: usize = 48;

type Marks = BTreeSet<i64>;

/// Those whom a search has to look at, as an array of ids (with `r` not in sight), for at most so many; NULL where there are more.
/// `None` where the index cannot narrow a search.
pub(crate) fn among(instance: InstanceId, pieces: &Pieces, most: i64) -> Option<Statement> {
    let (mut marks, mut firsts, mut lasts) = (Vec::new(), Vec::new(), Vec::new());
    let count = |marks: &Vec<i64>| i64::try_from(marks.len()).unwrap_or(i64::MAX);
    for alternative in alternatives(pieces)? {
        firsts.push(count(&marks) + 1);
        marks.extend(alternative.into_iter().take(MOST_MARKS));
        lasts.push(count(&marks));
    }
    Some(
        Statement::new("texts_among(?, ?, ?, ?, ?)")
            .blob(instance.uuid().into_bytes())
            .integers(marks)
            .integers(firsts)
            .integers(lasts)
            .integer(most),
    )
}

/// The alternatives that the pieces come to. Of those that would be too many, some are not asked for: that makes more candidates.
fn alternatives(pieces: &Pieces) -> Option<Vec<Marks>> {
    match pieces {
        Pieces::One(mark) => Some(vec![Marks::from([mark.0.cast_signed()])]),
        Pieces::Any(any) => {
            let mut all = Vec::new();
            for one in any {
                all.extend(alternatives(one)?);
            }
            (all.len() <= MOST_ALTERNATIVES).then_some(all)
        }
        Pieces::All(all) => {
            let mut product: Option<Vec<Marks>> = None;
            for next in all.iter().filter_map(alternatives) {
                let Some(before) = &product else {
                    product = Some(next);
                    continue;
                };
                if before.len() * next.len() <= MOST_ALTERNATIVES {
                    let both = before.iter().flat_map(|one| next.iter().map(move |other| one | other));
                    product = Some(both.collect());
                }
            }
            product
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter_sql::Mark;

    fn one(mark: u64) -> Pieces {
        Pieces::One(Mark(mark))
    }

    fn any(marks: impl IntoIterator<Item = u64>) -> Pieces {
        Pieces::Any(marks.into_iter().map(one).collect())
    }

    fn check(pieces: &Pieces, expected: Option<&[&[i64]]>) {
        let expected =
            expected.map(|all| all.iter().map(|one| one.iter().copied().collect()).collect::<Vec<Marks>>());
        assert_eq!(alternatives(pieces), expected, "{pieces:?}");
    }

    #[test]
    fn pieces_come_to_alternatives() {
        check(&one(u64::MAX), Some(&[&[-1]]));
        check(&Pieces::All(vec![one(2), one(1), Pieces::All(vec![one(2), one(3)])]), Some(&[&[1, 2, 3]]));
        check(&any([1, 2]), Some(&[&[1], &[2]]));
        check(
            &Pieces::All(vec![any([1, 2]), one(7), any([3, 4])]),
            Some(&[&[1, 3, 7], &[1, 4, 7], &[2, 3, 7], &[2, 4, 7]]),
        );
    }

    #[test]
    fn too_many_alternatives_are_not_asked_for() {
        check(&any(0..17), None);
        check(&Pieces::All(vec![any(0..17), one(7)]), Some(&[&[7]]));
        let product = alternatives(&Pieces::All(vec![any(0..4), any(4..8), any(8..10)]));
        assert_eq!(product.map(|product| product.len()), Some(16), "the last is left out");
    }
}
