//! One contract a port, run against every adapter and twin: the DynamoDB
//! adapter on the embedded engine in memory and on files, the queue twin in
//! memory and on a file.
//!
//! A contract is a plain asynchronous function over the port, so that another
//! adapter joins with one line a contract.
#![expect(clippy::unwrap_used, reason = "a contract that cannot go on has failed")]

#[macro_use]
#[path = "contracts/list.rs"]
mod list;

mod contracts {
    pub(crate) mod access;
    pub(crate) mod bars;
    pub(crate) mod checkpoints;
    pub(crate) mod connections;
    pub(crate) mod grants;
    pub(crate) mod groups;
    pub(crate) mod log;
    pub(crate) mod queue;
    pub(crate) mod tickets;
    pub(crate) mod twin;
    pub(crate) mod world;
}

use contracts::world::Store;

/// Runs contracts against the store, in memory and on files.
macro_rules! store_contracts {
    ($($module:ident::{$($contract:ident),+ $(,)?};)+) => {$(
        mod $module {
            use super::*;
            $(mod $contract {
                use super::*;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn in_memory() {
                    let store = Store::memory();
                    contracts::$module::$contract(&store.dynamo, &store.clock).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_files() {
                    let store = Store::files();
                    contracts::$module::$contract(&store.dynamo, &store.clock).await;
                }
            })+
        }
    )+};
}

of_the_tables! { store_contracts }

/// Runs contracts against the queue twin, in memory and on a file.
macro_rules! queue_contracts {
    ($($contract:ident),+ $(,)?) => {
        mod queue {
            use super::*;
            $(mod $contract {
                use super::*;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn in_memory() {
                    contracts::queue::$contract(&contracts::twin::Twin::memory()).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_a_file() {
                    contracts::queue::$contract(&contracts::twin::Twin::file()).await;
                }
            })+
        }
    };
}

queue_contracts! {
    a_group_keeps_its_order,
    a_group_is_locked_while_in_flight,
    groups_mix_and_keep_their_orders,
    what_is_not_deleted_comes_back,
    a_receipt_is_worth_one_flight,
    postponed_messages_come_back_in_their_time,
    a_deduplication_id_is_taken_once,
    a_long_deduplication_id_is_taken_once,
    a_deduplication_id_is_forgotten_after_five_minutes,
    what_is_received_too_often_is_set_aside,
    parked_messages_keep_their_reason,
    what_is_too_large_is_refused,
    senders_at_once_lose_nothing,
    a_waiting_receive_gets_what_is_sent,
    a_waiting_receive_gets_what_comes_back,
    consumers_at_once_never_share_a_group,
    queues_are_apart,
    dead_letters_are_in_one_hand_at_a_time,
    dead_letters_come_back_when_their_time_is_over,
}
