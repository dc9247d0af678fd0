//! The contracts of the tables, by module: what every engine behind them keeps.

/// Hands all of them to the macro named, behind what else it takes.
macro_rules! of_the_tables {
    ($run:ident $($first:tt)*) => {
        $run! {
            $($first)*
            log::{
                of_two_appenders_one_commits,
                appenders_at_once_commit_every_number_once,
                reads_what_was_appended,
                groups_are_apart,
                reads_stop_at_the_bound_with_one_at_least,
                what_is_forgotten_is_gone,
                what_is_too_large_is_refused,
            };
            groups::{
                the_first_row_stands,
                creators_at_once_agree,
                a_lower_version_never_replaces_a_higher,
                views_are_what_stands_in_the_order_asked_for,
                attempts_are_counted,
                active_groups_are_listed,
                groups_with_a_log_are_listed_longer,
            };
            checkpoints::{
                pages_come_in_the_order_asked_for,
                manifests_come_newest_first,
                deletion_leaves_the_others,
            };
            bars::{
                blocks_come_by_the_end_of_their_first_bar,
                the_same_block_is_one_row,
                blocks_are_deleted_by_name,
                a_page_is_replaced_by_who_has_read_it,
            };
            connections::{
                rows_come_back,
                an_older_request_loses,
                a_row_goes_with_its_subscribers_or_not_at_all,
                a_write_raises_the_version,
                a_version_names_who_changed_lately,
                writers_at_once_each_raise_it,
                behind_is_marked_once_and_only_on_what_stands,
                an_end_forgets_everything,
                nothing_is_written_once_a_close_has_begun,
                a_users_connections_are_counted,
                streams_are_taken_out_and_others_stay,
            };
            tickets::{
                a_ticket_is_taken_once,
                of_takers_at_once_one_gets_it,
                an_expired_ticket_is_worth_nothing,
            };
            grants::{
                a_users_grants_come_back,
                a_grant_replaces_that_of_the_same_product,
                of_two_who_change_a_product_one_comes_late,
            };
            access::{
                the_epoch_rises,
                revocations_come_back_until_they_are_forgotten,
            };
        }
    };
}
