//! The behaviours that every backend has, on SQLite files in a temporary directory and on databases of a PostgreSQL.

#![expect(clippy::expect_used, reason = "a panic is how a test answers")]

#[cfg(feature = "postgres")]
mod shared;

#[cfg(feature = "sqlite")]
mod sqlite {
    use scim_storage_diesel::{Options, SqliteStore};
    use scim_storage_suite::Fixture;

    fn open() -> Fixture {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("suite.sqlite3");
        let store = || SqliteStore::open(&path, Options::default()).expect("opens");
        // The other node is what another process has: a command line beside a server.
        Fixture::new(store()).with_other_node(store()).with_guard(directory)
    }

    scim_storage_suite::suite!(open);
}

#[cfg(feature = "postgres")]
mod postgres {
    use scim_storage_suite::Fixture;

    use crate::shared::{Order, database, store};

    fn open() -> Fixture {
        let Some(database) = database(Order::Bytes) else { return Fixture::absent() };
        Fixture::new(store(&database)).with_other_node(store(&database)).with_guard(database)
    }

    scim_storage_suite::suite!(open);
}

/// What compares and orders texts, in a database that orders them as American English does.
#[cfg(feature = "postgres")]
mod english {
    use scim_storage::Store;
    use scim_storage_suite::{Fixture, lists, paging, queries, run, sorting, uniqueness};

    use crate::shared::{Order, database, store};

    fn open() -> Fixture {
        let Some(database) = database(Order::English) else { return Fixture::absent() };
        Fixture::new(store(&database)).with_guard(database)
    }

    #[test]
    fn texts_compare_as_in_any_other() {
        let behaviours: [fn(&dyn Store); 9] = [
            queries::generated_filters_agree_with_the_evaluator,
            queries::text_compares_by_keys,
            queries::members_groups_and_managers_are_joined,
            sorting::texts_sort_by_their_keys,
            sorting::primary_or_first_value,
            sorting::keysets_walk_through_everything,
            paging::several_types_in_one_order,
            uniqueness::accents_make_a_name_new,
            lists::kinds_of_objects_come_by_name,
        ];
        for behaviour in behaviours {
            run(open, behaviour);
        }
    }
}

/// What is read by one statement is asked on the runtime of whoever asks, where there is one.
#[cfg(feature = "postgres")]
mod awaited {
    use scim_storage::Store;
    use scim_storage_suite::{
        Fixture, look_ups, marks, paging, queries, records, run, run_on_nodes, uniqueness,
    };

    use crate::shared::{Order, database, store};

    /// A runtime that a thread drives until the tests end.
    fn runtime() -> tokio::runtime::Handle {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let handle = runtime.handle().clone();
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        handle
    }

    fn open() -> Fixture {
        let Some(database) = database(Order::Bytes) else { return Fixture::absent() };
        let runtime: &'static _ = Box::leak(Box::new(runtime()));
        let (first, second) = (store(&database), store(&database));
        Fixture::new(first).with_other_node(second).with_guard((runtime.enter(), database))
    }

    #[test]
    fn look_ups_answer_as_on_any_other_connection() {
        let behaviours: [fn(&dyn Store); 7] = [
            look_ups::look_ups_find_what_other_forms_of_their_filters_find,
            records::what_was_created_is_read_back,
            records::wants_select_what_is_loaded,
            queries::generated_filters_agree_with_the_evaluator,
            paging::offsets_and_totals,
            uniqueness::letter_case_and_width_do_not_make_a_name_new,
            uniqueness::racing_creates_have_one_winner,
        ];
        for behaviour in behaviours {
            run(open, behaviour);
        }
        let of_nodes: [fn(&dyn Store, &dyn Store); 3] = [
            marks::a_mark_that_holds_changes_no_answer,
            marks::every_change_of_access_ends_a_mark,
            marks::a_mark_outlives_everything_else,
        ];
        for behaviour in of_nodes {
            run_on_nodes(open, behaviour);
        }
    }
}
