//! Behavioural tests that every storage backend must pass, as a library for whoever writes one.
//!
//! [`suite!`] takes a factory of empty stores and makes one `#[test]` of every behaviour, in a module for each group:
//!
//! ```
//! use scim_storage::MemoryStore;
//!
//! scim_storage_suite::suite!(MemoryStore::new);
//! # fn main() {}
//! ```
//!
//! What has to live as long as the store, such as a temporary directory, goes into a [`Fixture`]. A backend that cannot do
//! something skips a whole group, and says why; the tests of that group are then shown as ignored:
//!
//! ```
//! use scim_storage::MemoryStore;
//! use scim_storage_suite::Fixture;
//!
//! fn open() -> Fixture {
//!     let directory = ();
//!     Fixture::new(MemoryStore::new()).with_guard(directory)
//! }
//!
//! scim_storage_suite::suite!(open, skip { sorting: "this engine keeps no order" });
//! # fn main() {}
//! ```
//!
//! A backend that several processes can use at once gives a second handle of the same store, as another node has one
//! ([`Fixture::with_other_node`]): many behaviours then play on both, races above all. One that cannot share its store, such
//! as one in memory, leaves it out, and they play on the one there is.
//!
//! The suite needs no async runtime: it waits for each future on the test's own thread, and races run on threads. A
//! backend that needs a runtime starts one in its factory. The behaviours are public functions as well, for use with
//! another harness. `examples/plain_file` has a small backend of a third party, on which `tests/plain_file.rs` runs them; the guide
//! is `docs/adding-a-backend.md`. Deliberately absent are durability and performance, which each backend tests in its own way.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a library of tests: a panic is how a test answers"
)]

pub mod admin;
pub mod admin_keys;
pub mod answers;
pub mod conditions;
pub mod crowds;
pub mod decisions;
pub mod deletion;
pub mod edges;
pub mod facts;
pub mod followers;
mod generate;
pub mod held;
pub mod imports;
pub mod isolation;
pub mod journal;
mod keyring;
pub mod keys;
pub mod leases;
pub mod limits;
pub mod lists;
pub mod log;
pub mod look_ups;
pub mod managers;
pub mod marks;
mod meeting;
pub mod members;
pub mod nodes;
pub mod paging;
mod people;
pub mod queries;
pub mod races;
pub mod records;
pub mod revocation;
pub mod sorting;
pub mod uniqueness;
pub mod world;

use std::any::Any;
use std::fmt;

use scim_storage::{MemoryStore, Store};

/// An empty store, and what has to outlive it.
pub struct Fixture {
    // INVARIANT: fields drop in this order, the store before its guard.
    store: Box<dyn Store>,
    other: Option<Box<dyn Store>>,
    guard: Option<Box<dyn Any>>,
    absent: bool,
}

impl Fixture {
    /// A store that needs nothing else.
    #[must_use]
    pub fn new(store: impl Store + 'static) -> Self {
        Self { store: Box::new(store), other: None, guard: None, absent: false }
    }

    /// In place of a store whose server this machine does not have: its tests end before they begin. Whoever makes it says so,
    /// and fails instead where the server has to be there.
    #[must_use]
    pub fn absent() -> Self {
        Self { absent: true, ..Self::new(MemoryStore::new()) }
    }

    /// Adds a second handle of the same store: what another node, or another process, works with.
    #[must_use]
    pub fn with_other_node(self, store: impl Store + 'static) -> Self {
        Self { other: Some(Box::new(store)), ..self }
    }

    /// Keeps `guard` until the store is dropped.
    #[must_use]
    pub fn with_guard(self, guard: impl Any) -> Self {
        Self { guard: Some(Box::new(guard)), ..self }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The store as another node has it: the same one where there is no second handle.
    #[must_use]
    pub fn other_node(&self) -> &dyn Store {
        self.other.as_deref().unwrap_or(&*self.store)
    }
}

impl<S: Store + 'static> From<S> for Fixture {
    fn from(store: S) -> Self {
        Self::new(store)
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = 1 + usize::from(self.other.is_some());
        let mut shown = f.debug_struct("Fixture");
        shown.field("nodes", &nodes).field("guarded", &self.guard.is_some()).finish_non_exhaustive()
    }
}

/// Runs one behaviour on a new store.
pub fn run<F: Into<Fixture>>(factory: impl FnOnce() -> F, behaviour: fn(&dyn Store)) {
    let fixture = factory().into();
    if !fixture.absent {
        behaviour(fixture.store());
    }
}

/// Runs one behaviour on two nodes of a new store.
pub fn run_on_nodes<F: Into<Fixture>>(factory: impl FnOnce() -> F, behaviour: fn(&dyn Store, &dyn Store)) {
    let fixture = factory().into();
    if !fixture.absent {
        behaviour(fixture.store(), fixture.other_node());
    }
}

/// Makes a `#[test]` of every behaviour. See the crate's documentation.
#[macro_export]
macro_rules! suite {
    ($factory:expr $(, skip { $($group:ident : $reason:literal),* $(,)? })? $(,)?) => {
        // A group that does not exist is an error here.
        $($(#[allow(unused_imports, reason = "only its existence counts")] use $crate::$group as _;)*)?
        $crate::__groups!(($) ($factory) { $($($group : $reason,)*)? });
    };
}

/// The behaviours of each group.
#[doc(hidden)]
#[macro_export]
macro_rules! __groups {
    ($dollar:tt $factory:tt $skips:tt) => {
        $crate::__group!($dollar $factory $skips records [
            what_was_created_is_read_back
            wants_select_what_is_loaded
            an_update_replaces_everything
            a_stale_update_is_a_conflict
            racing_updates_lose_nothing
            a_change_set_is_all_or_nothing
            a_change_set_raises_a_version_once
            a_repeated_change_set_returns_what_it_did
            external_ids_belong_to_connectors
            a_missing_record_is_none_or_a_conflict
        ]);
        $crate::__group!($dollar $factory $skips uniqueness [
            letter_case_and_width_do_not_make_a_name_new
            accents_make_a_name_new
            types_and_instances_have_names_of_their_own
            racing_creates_have_one_winner
            racing_renames_have_one_winner
            names_can_be_swapped
            a_name_given_up_is_free_whatever_the_order
            a_duplicate_leaves_nothing_behind
        ]);
        $crate::__group!($dollar $factory $skips members [
            adding_and_removing_says_what_happened
            what_is_there_already_changes_nothing
            parallel_edits_of_one_group_all_count
            a_member_deleted_meanwhile_is_gone
            racing_adds_and_deletes_leave_no_dangling_edge
            a_version_can_be_demanded
            groups_are_members_too
            a_create_with_its_members_is_one_commit
        ]);
        $crate::__group!($dollar $factory $skips deletion [
            a_deleted_person_leaves_every_group
            a_deleted_group_lets_its_members_go
            a_deleted_name_is_free
            a_version_can_be_demanded
        ]);
        $crate::__group!($dollar $factory $skips held [
            a_held_reference_is_shown_as_a_member
            a_held_reference_is_linked_by_external_id
            a_held_reference_is_linked_by_user_name
            a_held_reference_is_linked_by_an_update
            a_group_is_not_linked_to_itself
            an_external_id_of_another_connector_does_not_link
            holding_who_is_there_is_a_conflict
            a_released_reference_is_forgotten
            a_deleted_group_holds_nothing
        ]);
        $crate::__group!($dollar $factory $skips paging [
            offsets_and_totals
            pages_have_the_links_of_who_asks
            offsets_count_whoever_is_there
            keysets_walk_through_everything
            pages_stay_whole_while_others_write
            totals_follow_creates_and_deletes
            several_types_in_one_order
        ]);
        $crate::__group!($dollar $factory $skips sorting [
            texts_sort_by_their_keys
            resources_without_a_value
            primary_or_first_value
            booleans_numbers_and_instants
            attributes_of_the_envelope
            several_types_in_one_order
            keysets_walk_through_everything
        ]);
        $crate::__group!($dollar $factory $skips edges [
            pages_in_order
            only_some_of_them
            several_resources_at_once
            they_show_the_other_end
        ]);
        $crate::__group!($dollar $factory $skips facts [
            answers_come_in_order
            references_mean_an_id_an_external_id_or_a_name
            counts_are_by_type
            many_references_at_once
            members_are_counted_up_to_a_limit
        ]);
        $crate::__group!($dollar $factory $skips isolation [
            reads_see_their_instance_alone
            writes_change_their_instance_alone
        ]);
        $crate::__group!($dollar $factory $skips journal [
            pages_in_commit_order
            it_tells_who_when_and_why
            it_is_written_with_the_change_or_not_at_all
            only_edges_that_changed_are_logged
            positions_grow_under_parallel_commits
        ]);
        $crate::__group!($dollar $factory $skips admin [
            what_was_created_is_found
            names_are_unique_where_they_must_be
            keys_come_with_whom_they_act_for
            a_revoked_key_says_so
            nothing_crosses_instances
            settings_are_replaced
            secrets_stay
            the_store_is_ready
            an_integration_user_is_updated
            a_door_is_found_by_the_connector_alone
        ]);
        $crate::__group!($dollar $factory $skips keys [
            a_key_is_read_back_as_it_was_issued
            a_secret_is_a_hash_or_a_password
            tokens_end_with_a_new_generation
            a_key_is_revoked_once
            other_terms_begin_anew
            first_uses_are_told_once
            a_first_use_is_not_always_the_last
            a_key_retires_once
            touches_go_forward
            reminders_are_told_once
            live_keys_are_found
            due_keys_come_in_order
            what_is_due_and_live_follows_from_the_key
            keys_of_another_instance_stay_as_they_are
        ]);
        $crate::__group!($dollar $factory $skips revocation [
            a_condition_names_a_key_and_its_generation
            nothing_is_committed_after_a_revocation
            never_more_than_two_keys_are_live
            a_pepper_is_brought_by_who_knows_another
            an_empty_store_takes_one_pepper
            keys_by_strange_peppers_are_counted
        ]);
        $crate::__group!($dollar $factory $skips admin_keys [
            an_admin_key_is_read_back_as_it_was_issued
            an_admin_key_is_revoked_once
            touches_of_admin_keys_go_forward
            an_admin_key_is_hashed_anew
            admin_keys_of_another_scope_stay_as_they_are
            a_condition_names_an_admin_key_in_force
            nothing_is_committed_after_an_admin_key_was_revoked
            the_server_has_a_log_and_jobs
            the_server_has_nothing_else
        ]);
        $crate::__group!($dollar $factory $skips answers [
            a_request_is_begun_once
            a_request_that_did_nothing_is_forgotten
            a_first_answer_is_known_for_a_day
            racing_requests_have_one_winner
            an_answer_is_kept_with_what_it_tells
            old_answers_are_pruned_in_slices
        ]);
        $crate::__group!($dollar $factory $skips leases [
            a_lease_is_held_by_one
            a_lease_is_taken_from_who_died
            leases_know_no_clock
            racing_nodes_have_one_winner
            a_repeated_change_set_takes_it_once
            leases_are_the_servers_alone
        ]);
        $crate::__group!($dollar $factory $skips lists [
            instances_come_by_name
            jobs_come_by_name
            kinds_of_objects_come_by_name
            keys_come_oldest_first
            admin_keys_come_oldest_first
        ]);
        $crate::__group!($dollar $factory $skips look_ups [
            look_ups_find_what_other_forms_of_their_filters_find
        ]);
        $crate::__group!($dollar $factory $skips managers [
            a_manager_who_is_there_is_linked_at_once
            who_waits_is_linked_in_the_commit_that_brings_the_manager
            an_external_id_counts_at_the_connector_that_sent_the_reference
            an_unmanaged_manager_is_linked_when_picked_up
            a_manager_who_is_deleted_is_waited_for
            another_reference_means_another_manager
        ]);
        $crate::__group!($dollar $factory $skips decisions [
            an_account_is_loaded_only_where_it_is_wanted
            generations_grow_with_what_decisions_are_made_by
            tallies_follow_every_change
            a_deleted_person_comes_back_under_the_old_id
            names_are_claimed_within_a_realm
            removals_are_counted_by_the_log
            deleted_resources_are_listed
            held_changes_wait_for_a_decision
            waiting_changes_are_counted
            objects_have_one_name_in_their_kind
            unmanaged_ones_of_a_name_come_first
            changes_of_one_set_give_up_what_earlier_ones_took
        ]);
        $crate::__group!($dollar $factory $skips conditions [
            racing_creates_share_the_seats
            a_reactivation_takes_a_seat
            racing_removals_stay_below_the_limit
            the_list_of_held_changes_follows_a_change_set
            who_is_revived_can_be_changed_at_once
            claimed_names_can_be_swapped
            a_claim_is_given_up_without_a_realm
            a_connector_is_updated
            a_job_is_kept_until_it_is_forgotten
            what_an_instance_keeps_no_other_sees
        ]);
        $crate::__group!($dollar $factory $skips imports [
            an_import_goes_on_from_where_it_is
            rejected_lines_are_kept_until_an_import_begins_anew
            imports_are_listed_newest_first
            imports_belong_to_their_instance
            imports_are_pruned_with_their_lines
            erasing_a_person_empties_rejected_lines
            claims_of_others_are_known_without_whose
        ]);
        $crate::__group!($dollar $factory $skips log [
            records_are_found_by_what_they_are_about
            pruning_takes_the_oldest_of_each_in_slices
            how_far_log_and_outbox_reach_is_told
            erasing_a_person_leaves_what_counts
            events_of_groups_are_kept_where_an_edge_changed
        ]);
        $crate::__group!($dollar $factory $skips queries [
            text_compares_by_keys
            members_groups_and_managers_are_joined
            what_the_rendering_adds_is_absent
            several_types_with_a_filter_each
            generated_filters_agree_with_the_evaluator
        ]);
        $crate::__group!($dollar $factory $skips nodes [
            what_one_node_acknowledges_every_node_sees
            positions_of_one_node_count_at_another
            edges_are_followed_across_nodes
            racing_instances_touch_nothing_of_one_another
        ] run_on_nodes);
        $crate::__group!($dollar $factory $skips marks [
            a_mark_that_holds_changes_no_answer
            every_change_of_access_ends_a_mark
            conditions_end_with_what_lets_a_key_in
            a_mark_outlives_everything_else
        ] run_on_nodes);
        $crate::__group!($dollar $factory $skips races [
            of_many_who_want_a_name_one_has_it
            swapped_names_stay_one_each
            every_increment_counts
            a_change_set_sent_many_times_at_once_is_done_once
            of_an_update_and_a_deletion_one_is_decided_anew
            a_person_comes_back_once
            numbers_are_right_after_a_crowd
            a_realm_gives_a_name_to_one_instance
        ] run_on_nodes);
        $crate::__group!($dollar $factory $skips crowds [
            edges_log_and_versions_agree_after_parallel_edits
            deletions_among_member_edits_leave_no_edge
            who_arrives_while_a_reference_is_held_is_linked
            who_is_renamed_while_a_reference_is_held_is_linked
            a_manager_who_arrives_meanwhile_is_linked
            a_manager_who_leaves_meanwhile_is_no_link
        ] run_on_nodes);
        $crate::__group!($dollar $factory $skips limits [
            seats_are_never_exceeded
            removals_stay_below_the_limit
            live_keys_stay_below_the_limit
            nothing_old_is_committed_after_a_new_generation
            nothing_is_committed_after_a_key_was_revoked_elsewhere
            versions_of_the_mapping_come_one_after_the_other
            a_held_change_is_released_once
            a_request_is_begun_once_among_nodes
        ] run_on_nodes);
        $crate::__group!($dollar $factory $skips followers [
            the_log_is_followed_without_a_gap
            the_outbox_is_followed_without_a_gap
            the_log_of_a_record_stands_in_the_order_of_its_versions
            pages_by_position_lose_nobody_while_others_write
            retention_takes_only_what_is_old
        ] run_on_nodes);
    };
}

/// One group: its tests, or, where it is skipped, the same tests ignored.
#[doc(hidden)]
#[macro_export]
macro_rules! __group {
    (($d:tt) $factory:tt $skips:tt $group:ident $tests:tt) => {
        $crate::__group!(($d) $factory $skips $group $tests run);
    };
    (($d:tt) ($factory:expr) { $($skipped:ident : $reason:literal,)* } $group:ident [ $($test:ident)* ] $run:ident) => {
        mod $group {
            #[allow(unused_imports, reason = "the factory is named as its module sees it")]
            use super::*;

            macro_rules! behaviour {
                $(($skipped $d test:ident) => {
                    #[test]
                    #[ignore = $reason]
                    fn $d test() {}
                };)*
                ($d group:ident $d test:ident) => {
                    #[test]
                    fn $d test() {
                        $crate::$run($factory, $crate::$d group::$d test);
                    }
                };
            }

            $(behaviour!($group $test);)*
        }
    };
}
