//! In which order a bulk request is carried out (RFC 7644 §3.7, §3.7.1).
//!
//! An operation waits for the POSTs that it refers to, and for the operations before it on the same path; otherwise the
//! request's order is kept: of all operations that wait for nothing, the first comes next. POSTs that refer to one
//! another in a circle are one step.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::reference::{reference_name, references};
use super::request::{BulkMethod, BulkOperation};

/// What is carried out together. Numbers are places in the request, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BulkStep {
    /// One operation.
    Single(usize),
    /// POSTs that refer to one another (or one that refers to itself), in the request's order: they are created
    /// without these edges, which then are added.
    Cycle(Vec<usize>),
}

impl BulkStep {
    /// The operations of the step, in the request's order.
    #[must_use]
    pub fn operations(&self) -> &[usize] {
        match self {
            Self::Single(index) => std::slice::from_ref(index),
            Self::Cycle(indices) => indices,
        }
    }
}

/// The order of a bulk request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkPlan {
    steps: Vec<BulkStep>,
}

impl BulkPlan {
    /// Works out the order. References to names that no POST has wait for nothing: they fail when they are resolved.
    #[must_use]
    pub fn new(operations: &[BulkOperation]) -> Self {
        let graph = dependencies(operations);
        let mut components = strong_components(&graph);
        for component in &mut components {
            component.sort_unstable();
        }
        let mut component_of = vec![0; graph.len()];
        for (number, component) in components.iter().enumerate() {
            for &index in component {
                if let Some(slot) = component_of.get_mut(index) {
                    *slot = number;
                }
            }
        }
        let mut waits_for = vec![0_usize; components.len()];
        let mut awaited_by = vec![Vec::new(); components.len()];
        let of = |index: usize| component_of.get(index).copied().unwrap_or_default();
        for (index, needs) in graph.iter().enumerate() {
            for &need in needs {
                let (from, to) = (of(index), of(need));
                if from != to
                    && let (Some(count), Some(list)) = (waits_for.get_mut(from), awaited_by.get_mut(to))
                {
                    *count += 1;
                    list.push(from);
                }
            }
        }
        let first = |number: usize| components.get(number).and_then(|list| list.first()).copied();
        let mut ready: BinaryHeap<Reverse<(Option<usize>, usize)>> = waits_for
            .iter()
            .enumerate()
            .filter(|(_, count)| **count == 0)
            .map(|(number, _)| Reverse((first(number), number)))
            .collect();
        let mut order = Vec::with_capacity(components.len());
        while let Some(Reverse((_, number))) = ready.pop() {
            order.push(number);
            for &next in awaited_by.get(number).into_iter().flatten() {
                if let Some(count) = waits_for.get_mut(next) {
                    *count -= 1;
                    if *count == 0 {
                        ready.push(Reverse((first(next), next)));
                    }
                }
            }
        }
        let steps = order.into_iter().filter_map(|number| {
            let component = components.get(number)?;
            match component.as_slice() {
                [index] if !graph.get(*index)?.contains(index) => Some(BulkStep::Single(*index)),
                _ => Some(BulkStep::Cycle(component.clone())),
            }
        });
        Self { steps: steps.collect() }
    }

    /// The steps, each after all that it needs.
    #[must_use]
    pub fn steps(&self) -> &[BulkStep] {
        &self.steps
    }
}

/// For each operation, those that have to come before it.
fn dependencies(operations: &[BulkOperation]) -> Vec<Vec<usize>> {
    let posts: HashMap<&str, usize> = operations
        .iter()
        .enumerate()
        .filter(|(_, operation)| operation.method == BulkMethod::Post)
        .filter_map(|(index, operation)| Some((operation.bulk_id.as_deref()?, index)))
        .collect();
    let mut last_on_path: HashMap<(&str, &str), usize> = HashMap::new();
    let mut graph = Vec::with_capacity(operations.len());
    for (index, operation) in operations.iter().enumerate() {
        let in_path = operation.id.as_deref().and_then(reference_name);
        let in_data = operation.data.as_ref().map(references).unwrap_or_default();
        let mut needs: Vec<usize> =
            in_path.into_iter().chain(in_data).filter_map(|name| posts.get(name).copied()).collect();
        if let Some(id) = operation.id.as_deref() {
            needs.extend(last_on_path.insert((&operation.endpoint, id), index));
        }
        needs.sort_unstable();
        needs.dedup();
        graph.push(needs);
    }
    graph
}

/// Strongly connected components (Tarjan), without recursion, as the depth is the client's to choose.
fn strong_components(graph: &[Vec<usize>]) -> Vec<Vec<usize>> {
    #[derive(Clone, Copy, Default)]
    struct Node {
        number: Option<usize>,
        low: usize,
        on_stack: bool,
        next_edge: usize,
    }
    let mut nodes = vec![Node::default(); graph.len()];
    let (mut counter, mut stack, mut components) = (0, Vec::new(), Vec::new());
    for root in 0..graph.len() {
        let mut path = vec![root];
        while let Some(&index) = path.last() {
            let Some(node) = nodes.get_mut(index) else { break };
            if node.number.is_none() {
                *node = Node { number: Some(counter), low: counter, on_stack: true, next_edge: 0 };
                counter += 1;
                stack.push(index);
            } else if !node.on_stack {
                // Visited from an earlier root.
                path.pop();
                continue;
            }
            let edge = graph.get(index).and_then(|edges| edges.get(node.next_edge)).copied();
            node.next_edge += 1;
            let low = node.low;
            if let Some(target) = edge {
                match nodes.get(target).map(|target| (target.number, target.on_stack)) {
                    Some((None, _)) => path.push(target),
                    Some((Some(number), true)) => {
                        lower(nodes.get_mut(index).map(|node| &mut node.low), number)
                    }
                    _ => {}
                }
                continue;
            }
            path.pop();
            if let Some(&parent) = path.last() {
                lower(nodes.get_mut(parent).map(|node| &mut node.low), low);
            }
            if nodes.get(index).and_then(|node| node.number) == Some(low) {
                let mut component = Vec::new();
                while let Some(member) = stack.pop() {
                    if let Some(node) = nodes.get_mut(member) {
                        node.on_stack = false;
                    }
                    component.push(member);
                    if member == index {
                        break;
                    }
                }
                components.push(component);
            }
        }
    }
    components
}

fn lower(slot: Option<&mut usize>, value: usize) {
    if let Some(slot) = slot {
        *slot = value.min(*slot);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn post(name: &str, refers_to: &[&str]) -> BulkOperation {
        let members: Vec<_> =
            refers_to.iter().map(|name| json!({ "value": format!("bulkId:{name}") })).collect();
        BulkOperation {
            method: BulkMethod::Post,
            endpoint: "Groups".into(),
            id: None,
            bulk_id: Some(name.into()),
            version: None,
            data: Some(json!({ "members": members })),
        }
    }

    fn patch(id: &str, refers_to: &[&str]) -> BulkOperation {
        BulkOperation { method: BulkMethod::Patch, id: Some(id.into()), bulk_id: None, ..post("", refers_to) }
    }

    fn check(operations: &[BulkOperation], expected: &[&[usize]]) {
        let plan = BulkPlan::new(operations);
        let got: Vec<_> = plan.steps().iter().map(BulkStep::operations).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn request_order_is_kept_as_far_as_references_allow() {
        check(&[], &[]);
        check(&[post("a", &[]), post("b", &["a"]), patch("1", &["b"])], &[&[0], &[1], &[2]]);
        check(
            &[post("a", &["c"]), post("b", &[]), post("c", &[]), patch("1", &[])],
            &[&[1], &[2], &[0], &[3]],
        );
        check(&[patch("bulkId:a", &[]), post("a", &[])], &[&[1], &[0]]);
        check(&[post("a", &["nosuch"]), post("b", &[])], &[&[0], &[1]]);
        check(&[post("1", &["10"]), post("10", &[])], &[&[1], &[0]]);
    }

    #[test]
    fn operations_on_one_path_keep_their_order() {
        check(
            &[patch("1", &["a"]), patch("1", &[]), patch("2", &[]), post("a", &[])],
            &[&[2], &[3], &[0], &[1]],
        );
    }

    #[test]
    fn circles_are_one_step() {
        check(&[post("a", &["b"]), post("b", &["a"])], &[&[0, 1]]);
        check(
            &[
                post("d", &["a"]),
                post("a", &["b"]),
                post("b", &["c"]),
                post("c", &["a", "e"]),
                post("e", &[]),
                patch("bulkId:d", &[]),
            ],
            &[&[4], &[1, 2, 3], &[0], &[5]],
        );
        assert_eq!(BulkPlan::new(&[post("a", &["a"])]).steps(), [BulkStep::Cycle(vec![0])]);
        assert_eq!(BulkPlan::new(&[post("a", &[])]).steps(), [BulkStep::Single(0)]);
    }

    #[test]
    fn long_chains_do_not_overflow() {
        let names: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
        let operations: Vec<_> = (0..names.len())
            .map(|index| {
                let next: Vec<&str> = names.get(index + 1).map(String::as_str).into_iter().collect();
                post(&names[index], &next)
            })
            .collect();
        let plan = BulkPlan::new(&operations);
        assert_eq!(plan.steps().len(), names.len());
        assert_eq!(plan.steps().first(), Some(&BulkStep::Single(names.len() - 1)));
    }
}
