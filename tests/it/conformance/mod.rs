//! The contract of `Backend`, case by case, for every backend, bridge and wrapper.

mod cases;
mod faces;
mod fixtures;
mod places;

/// One named test for each fixture and case; the case says which capability it needs.
macro_rules! suite {
    ($($case:ident),* $(,)?) => {
        macro_rules! conformance {
            ($name:ident) => {
                mod $name {
                    $(
                        #[test]
                        fn $case() {
                            super::run(super::fixtures::$name, super::cases::$case);
                        }
                    )*
                }
            };
        }
    };
}

suite! {
    absent_key_is_an_empty_answer,
    a_committed_entry_comes_back_whole,
    every_length_around_the_limits_comes_back,
    small_bodies_ride_along,
    facts_are_computed_from_the_body,
    nothing_is_visible_before_commit,
    a_dropped_put_leaves_nothing,
    a_put_replaces_the_same_identity_only,
    variants_of_a_key_stand_side_by_side,
    any_text_is_a_key,
    any_bytes_survive_every_serializer,
    an_entry_asks_for_its_serializer,
    two_writers_of_one_key_end_with_one_whole_entry,
    writers_of_different_variants_lose_nothing,
    a_range_of_a_body,
    a_body_of_another_state_is_the_old_one_or_changed,
    a_reader_during_replacement_sees_one_body,
    update_changes_the_head_and_keeps_the_body,
    update_with_an_old_stamp_changes_nothing,
    update_of_an_absent_entry,
    a_put_over_what_was_seen_undoes_nobody_s_work,
    putting_many_is_putting_each,
    finding_many_is_finding_each,
    remove_takes_one_variant,
    remove_with_an_old_stamp_changes_nothing,
    remove_of_an_absent_entry,
    expired_entries_are_shown_until_tidied,
    a_server_with_a_ttl_forgets_by_itself,
    tidying_leaves_what_has_not_expired,
    uses_are_counted_and_change_no_stamp,
    a_use_of_an_older_state_is_not_counted,
    a_scan_brings_each_entry_once,
    a_scan_can_be_limited_to_a_key_prefix,
    a_scan_of_ten_thousand_in_constant_memory,
    a_large_body_in_constant_memory,
    entries_outlive_the_store,
    a_record_whose_large_body_is_gone_is_absent,
    a_damaged_record_is_an_error_that_names_it,
    a_damaged_body_is_an_error,
    a_damaged_record_can_be_replaced,
    capacity_drops_the_least_recently_used,
    a_location_names_the_place,
    removing_many_heeds_each_stamp,
    fewer_details_say_the_same,
    a_scan_goes_on_behind_a_cursor,
    what_a_store_looks_for_itself_is_what_matches,
    a_store_that_sorts_keeps_to_the_order,
    usage_counts_what_is_there,
    compacting_loses_nothing,
    stored_bytes_can_be_had_as_they_lie,
    what_is_in_use_is_not_left_over,
    a_record_without_its_body_is_left_over,
    a_damaged_record_can_be_saved_and_discarded,
    a_piece_that_was_made_whole_is_not_discarded,
    verifying_tells_a_damaged_body_from_a_whole_one,
}

conformance!(memory_pooled);
conformance!(memory_in_place);
conformance!(file_pooled);
conformance!(file_in_place);
conformance!(file_yaml);
conformance!(file_over_both_bridges);
conformance!(file_observed);
conformance!(sqlite_pooled);
conformance!(sqlite_in_place);
conformance!(sqlite_bincode);
conformance!(sqlite_one_connection);
conformance!(redis_async);
conformance!(redis_blocking);
conformance!(s3_async);
conformance!(s3_blocking);
conformance!(hishel_0_file);
conformance!(hishel_0_file_pickle);
conformance!(hishel_0_sqlite);
conformance!(hishel_0_redis);
conformance!(hishel_0_s3);
conformance!(hishel_1_redis);
conformance!(hishel_2_redis);
conformance!(hishel_1_sqlite);
conformance!(hishel_2_sqlite);

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
