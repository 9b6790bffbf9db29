//! Leases: which of several nodes does what one is to do for all.
//!
//! A lease has no end in time, because the clocks of two nodes do not agree. It has a [`Lease::turn`], which grows each time
//! that its holder renews it. Whoever wants it watches the turn by a clock of its own: one that has stood still for longer
//! than a holder leaves between renewals belongs to nobody who lives. A lease saves work that would be done twice; it does
//! not make work safe, which the conditions of each change set do.

use scim_core::instant::Timestamp;
use serde::{Deserialize, Serialize};

use crate::NodeId;

/// What is known of a lease that was held once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What it is for.
    pub name: String,
    /// Who holds it; `None` where it was given up.
    pub holder: Option<NodeId>,
    /// 1 when it was first held, one more each time that it is taken, renewed or given up. Never lower than it was.
    pub turn: i64,
    /// The time of the change set that did so last: for people.
    pub at: Timestamp,
}

/// A change of a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeaseChange {
    /// The node holds it from now on, whoever did before; `Conflict` where it is not at `expected`. Of many who take it at
    /// the same turn one does.
    Hold {
        /// What it is for.
        name: String,
        /// Who holds it.
        holder: NodeId,
        /// The turn that it has; `None` where nobody held it yet.
        expected: Option<i64>,
    },
    /// The node gives it up, so that others need not wait; nothing where the node does not hold it.
    GiveUp {
        /// What it is for.
        name: String,
        /// Who held it.
        holder: NodeId,
    },
}
