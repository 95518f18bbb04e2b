//! What every store has to keep, as tests that know only the trait. A second implementation runs
//! the same suite: it adds one more `suite!`.

mod accounts;
mod expiry;
mod lives;
mod membership;
mod numbers;
pub(super) mod phone;
mod receipts;
mod tailing;

use std::sync::Arc;

use tempfile::TempDir;

use super::{Policy, Store, sqlite::SqliteStore};

/// Opens a store; opening the same one again finds what was stored.
pub(super) trait Engine: Send + Sync {
    fn open(&self, policy: Policy, now_s: u64) -> Arc<dyn Store>;
}

struct Sqlite {
    dir: TempDir,
}

impl Default for Sqlite {
    fn default() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }
}

impl Engine for Sqlite {
    fn open(&self, policy: Policy, now_s: u64) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(&self.dir.path().join("relay.db"), policy, now_s).unwrap())
    }
}

/// Runs every promise against an engine.
macro_rules! suite {
    ($name:ident, $engine:ty, $($file:ident: $($promise:ident)*;)*) => {
        mod $name {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    super::$file::$promise(&<$engine>::default()).await;
                }
            )*)*
        }
    };
}

suite! { sqlite, super::Sqlite,
    accounts:
        joining_again_with_the_same_token_makes_nothing_new
        an_invite_is_good_for_its_uses_and_its_time
        a_removed_account_keeps_its_name_and_leaves
        a_revoked_device_is_no_login_and_takes_no_turn
        a_login_starts_at_the_logs_end_or_as_far_back_as_it_asks;
    numbers:
        numbers_are_dense_and_a_gap_takes_nothing
        the_same_turn_twice_stores_once
        other_bytes_under_a_known_number_are_a_fork
        told_and_cursors_that_went_back_are_forks
        a_lower_exchange_takes_nothing
        what_was_refused_is_repeated_until_it_is_told
        a_store_put_back_gives_no_number_twice
        a_turn_that_fails_takes_no_other_with_it
        a_full_store_says_so_and_loses_nothing
        a_wide_turn_is_taken_whole;
    membership:
        crossing_requests_make_one_conversation
        the_first_answer_wins_and_the_same_again_is_nothing
        a_pair_asked_again_keeps_its_conversation
        nobody_reads_what_was_written_before_he_joined_or_after_he_left
        contacts_join_a_group_at_once_and_strangers_are_asked
        a_block_looks_like_silence
        an_edit_goes_where_its_target_went_and_only_for_its_author
        a_deleted_body_goes_but_its_entry_stays
        names_nobody_has_and_too_many_requests_are_refused
        a_large_group_of_contacts_counts_as_several_requests
        asking_again_after_a_decline_counts;
    receipts:
        a_receipt_follows_the_cursor_of_any_device
        a_receipt_stops_in_front_of_what_no_device_has
        a_mark_is_shared_only_if_asked_and_never_passes_what_is_there
        many_members_are_told_by_counts;
    expiry:
        what_expires_is_told_to_both_sides
        what_was_delivered_does_not_expire
        delivered_entries_go_when_every_device_has_them
        a_dormant_device_holds_nothing_back_and_is_told
        a_silent_author_is_told_of_what_expired_when_it_comes_back
        a_full_mailbox_drops_what_was_delivered_then_refuses
        a_full_member_of_a_group_misses_it_and_both_are_told
        an_unanswered_request_expires;
    lives:
        what_lies_below_a_cursor_of_another_life_comes_all_the_same
        what_came_since_does_not_hide_that_a_cursor_is_of_another_life
        a_device_made_with_cursors_of_another_life_gets_what_is_kept
        starting_again_and_again_brings_nothing_twice;
    tailing:
        no_row_appears_below_a_readers_cursor
        accounts_take_turns_whatever_one_of_them_sends;
}
