//! The contract of `Backend`, case by case, for every backend, bridge and wrapper.

mod cases;
mod faces;
mod fixtures;
mod places;

/// The cases, by what a store has to be able to do for them. A store is given the groups that
/// apply to it, each as a module of tests; another test holds them against what the store says.
macro_rules! groups {
    ($($group:ident { $($case:ident),* $(,)? })*) => {
        macro_rules! cases_of {
            $(
                ($group, $name:ident) => {
                    mod $group {
                        $(
                            #[test]
                            fn $case() {
                                use super::super::{cases, fixtures, run};
                                run(fixtures::$name, cases::$case);
                            }
                        )*
                    }
                };
            )*
        }
    };
}

groups! {
    every {
        absent_key_is_an_empty_answer,
        a_committed_entry_comes_back_whole,
        every_length_around_the_limits_comes_back,
        small_bodies_ride_along,
        facts_are_computed_from_the_body,
        nothing_is_visible_before_commit,
        a_dropped_put_leaves_nothing,
        a_put_replaces_the_same_identity_only,
        any_bytes_survive_every_serializer,
        two_writers_of_one_key_end_with_one_whole_entry,
        a_range_of_a_body,
        a_body_of_another_state_is_the_old_one_or_changed,
        update_changes_the_head_and_keeps_the_body,
        update_with_an_old_stamp_changes_nothing,
        update_of_an_absent_entry,
        a_put_over_what_was_seen_undoes_nobody_s_work,
        putting_many_is_putting_each,
        finding_many_is_finding_each,
        remove_with_an_old_stamp_changes_nothing,
        remove_of_an_absent_entry,
        tidying_leaves_what_has_not_expired,
        a_use_of_an_older_state_is_not_counted,
        a_scan_brings_each_entry_once,
        a_scan_can_be_limited_to_a_key_prefix,
        a_location_names_the_place,
        removing_many_heeds_each_stamp,
        fewer_details_say_the_same,
        a_scan_goes_on_behind_a_cursor,
        what_a_store_looks_for_itself_is_what_matches,
        usage_counts_what_is_there,
        compacting_loses_nothing,
        what_is_in_use_is_not_left_over,
        verifying_finds_nothing_wrong_with_what_is_whole,
    }
    variants { variants_of_a_key_stand_side_by_side, remove_takes_one_variant }
    racing { writers_of_different_variants_lose_nothing }
    any_key { any_text_is_a_key }
    persistent {
        an_entry_asks_for_its_serializer,
        a_scan_of_ten_thousand_in_constant_memory,
        entries_outlive_the_store,
        a_damaged_record_is_an_error_that_names_it,
        a_damaged_record_can_be_replaced,
        a_damaged_record_can_be_saved_and_discarded,
        a_piece_that_was_made_whole_is_not_discarded,
        finding_many_tells_the_damaged_one,
    }
    streams { a_large_body_in_constant_memory, a_reader_during_replacement_sees_one_body }
    bodies {
        stored_bytes_can_be_had_as_they_lie,
        a_record_whose_large_body_is_gone_is_absent,
        a_damaged_body_is_an_error,
        a_record_without_its_body_is_left_over,
        verifying_tells_what_is_wrong,
    }
    sweeps { expired_entries_are_shown_until_tidied }
    server_ttl { a_server_with_a_ttl_forgets_by_itself }
    uses { uses_are_counted_and_change_no_stamp }
    capacity { capacity_drops_the_least_recently_used }
    sorts { a_store_that_sorts_keeps_to_the_order }
    blocking { nothing_is_waited_for }
}

macro_rules! conformance {
    ($name:ident: $($group:ident)*) => {
        mod $name {
            $(cases_of!($group, $name);)*

            #[test]
            fn the_groups_are_those_that_apply() {
                super::check_groups(super::fixtures::$name, &[$(stringify!($group)),*]);
            }
        }
    };
}

conformance!(memory_pooled: every variants racing any_key sweeps uses capacity);
conformance!(memory_in_place: every variants racing any_key sweeps uses capacity blocking);
conformance!(file_pooled: every variants racing any_key persistent streams bodies sweeps uses);
conformance!(file_in_place:
    every variants racing any_key persistent streams bodies sweeps uses blocking);
conformance!(file_yaml: every variants racing any_key persistent streams bodies sweeps uses);
conformance!(file_over_both_bridges:
    every variants racing any_key persistent streams bodies sweeps uses blocking);
conformance!(file_observed:
    every variants racing any_key persistent streams bodies sweeps uses);
conformance!(file_read_only:
    every variants racing any_key persistent streams bodies sweeps uses);
conformance!(sqlite_pooled:
    every variants racing any_key persistent streams bodies sweeps uses sorts);
conformance!(sqlite_in_place:
    every variants racing any_key persistent streams bodies sweeps uses sorts blocking);
conformance!(sqlite_bincode:
    every variants racing any_key persistent streams bodies sweeps uses sorts);
conformance!(sqlite_one_connection:
    every variants racing any_key persistent streams bodies sweeps uses sorts);
conformance!(redis_async:
    every variants racing any_key persistent streams bodies sweeps server_ttl uses);
conformance!(redis_blocking:
    every variants racing any_key persistent streams bodies sweeps server_ttl uses blocking);
conformance!(s3_async: every variants any_key persistent streams bodies);
conformance!(s3_blocking: every variants any_key persistent streams bodies blocking);
conformance!(hishel_0_file: every persistent);
conformance!(hishel_0_file_pickle: every persistent blocking);
conformance!(hishel_0_sqlite: every any_key persistent);
conformance!(hishel_0_redis: every any_key persistent server_ttl);
conformance!(hishel_0_s3: every persistent);
conformance!(hishel_1_redis:
    every variants racing any_key persistent streams server_ttl);
conformance!(hishel_2_redis: every any_key persistent streams server_ttl);
conformance!(hishel_1_sqlite: every variants racing any_key persistent streams);
conformance!(hishel_2_sqlite: every variants racing any_key persistent streams blocking);

/// What a store says that it can do is what it is tried on, no more and no less.
fn check_groups(fixture: fixtures::Fixture, given: &[&str]) {
    run(fixture, async move |place: fixtures::Place| {
        let (can, has_bodies) = (place.open().capabilities(), place.bodies().is_some());
        let groups = [
            ("variants", can.variants),
            ("racing", can.variants && can.atomic_stamps),
            ("any_key", can.any_key),
            ("persistent", can.persistent),
            ("streams", can.streams_bodies),
            ("bodies", can.persistent && has_bodies),
            ("sweeps", can.sweeps),
            ("server_ttl", can.server_ttl),
            ("uses", can.notes_uses_every.is_some()),
            ("capacity", can.capacity.is_some()),
            ("sorts", can.sorts),
            ("blocking", place.is_blocking()),
        ];
        for (group, applies) in groups {
            assert_eq!(given.contains(&group), applies, "{group}");
        }
        assert!(given.contains(&"every"));
        assert!(!can.persistent || place.has_wounds(), "it can be damaged, so it has to be");
    });
}

/// Runs a case on a fresh store, on a runtime like an application's.
fn run<F>(fixture: fixtures::Fixture, case: impl FnOnce(fixtures::Place) -> F)
where
    F: Future<Output = ()>,
{
    let place = fixtures::Place::new(fixture);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(case(place));
}
