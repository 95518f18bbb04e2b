//! Which test drives each message. One that is new does not compile before it is listed here.

use super::super::people::Said;
use super::*;

macro_rules! driven {
    ($name:ident of $of:ident { $($variant:ident: $test:literal,)* }) => {
        pub(super) const $name: &[(&str, &str)] =
            &[$((concat!(stringify!($of), "::", stringify!($variant)), $test)),*];
        const _: fn(&$of) = |message| match message {
            $($of::$variant { .. } => {})*
        };
    };
}

driven!(MESSAGES of Message {
    Read: "older_messages_are_read_near_the_top_and_an_answer_to_an_old_question_is_dropped",
    Planned: "what_the_agent_plans_is_taken_in_once",
    Focused: "only_what_is_seen_in_a_focused_window_is_marked_as_read_and_once",
    Scrolled: "only_what_is_seen_in_a_focused_window_is_marked_as_read_and_once",
    Dragged: "the_bar_leads_anywhere_in_a_long_conversation_with_one_read_at_a_time",
    Marked: "only_what_is_seen_in_a_focused_window_is_marked_as_read_and_once",
    ListKey: "replying_editing_and_deleting_by_keyboard",
    PagePressed: "a_page_up_from_the_field_scrolls_what_was_said",
    Touched: "a_card_says_who_has_the_message_and_copies_it",
    ReceiptsRead: "a_card_says_who_has_the_message_and_copies_it",
    Unfolded: "a_quote_leads_to_what_it_answers_and_a_long_text_unfolds",
    QuotePressed: "a_quote_leads_to_what_it_answers_and_a_long_text_unfolds",
    NewestPressed: "the_field_keeps_the_keyboard_whatever_comes_and_goes_around_it",
    ReplyPressed: "a_message_goes_as_it_was_set_to",
    EditPressed: "a_message_goes_as_it_was_set_to",
    CopyPressed: "a_card_says_who_has_the_message_and_copies_it",
    DeletePressed: "a_message_is_deleted_when_that_was_asked_twice",
    DeleteConfirmed: "a_message_is_deleted_when_that_was_asked_twice",
    ReleasePressed: "what_does_not_go_is_let_go_dropped_or_written_again",
    CancelPressed: "what_does_not_go_is_let_go_dropped_or_written_again",
    AgainPressed: "what_does_not_go_is_let_go_dropped_or_written_again",
    Ordered: "what_does_not_go_is_let_go_dropped_or_written_again",
    Typed: "who_types_on_while_the_agent_answers_loses_no_letter",
    UpPressed: "a_message_goes_as_it_was_set_to",
    EscapePressed: "the_ways_out_of_a_conversation",
    ModeDropped: "a_message_goes_as_it_was_set_to",
    UrgentToggled: "a_message_goes_as_it_was_set_to",
    SendPressed: "a_text_stays_until_the_agent_has_it_and_is_not_sent_twice",
    Sent: "a_text_stays_until_the_agent_has_it_and_is_not_sent_twice",
    LookPressed: "what_may_have_been_taken_is_sent_anyway_only_when_that_is_said",
    Looked: "what_may_have_been_taken_is_looked_for_before_it_is_offered_again",
    AnywayPressed: "what_may_have_been_taken_is_sent_anyway_only_when_that_is_said",
    LinkPressed: "a_link_is_opened_only_after_it_was_shown_where_it_leads",
    LinkOpened: "a_link_is_opened_only_after_it_was_shown_where_it_leads",
    LinkTried: "a_link_is_opened_only_after_it_was_shown_where_it_leads",
    LinkCopied: "a_link_is_opened_only_after_it_was_shown_where_it_leads",
    LinkDropped: "a_link_is_opened_only_after_it_was_shown_where_it_leads",
    SearchToggled: "a_search_goes_to_the_newest_hit_and_from_hit_to_hit",
    SearchTyped: "a_search_goes_to_the_newest_hit_and_from_hit_to_hit",
    SearchStepped: "a_search_goes_to_the_newest_hit_and_from_hit_to_hit",
    SearchFound: "a_search_goes_to_the_newest_hit_and_from_hit_to_hit",
    PeopleToggled: "the_people_are_read_when_they_are_looked_at_and_changed_through_the_agent",
    People: "the_ways_out_of_a_conversation",
    PeopleAnswered: "the_people_are_read_when_they_are_looked_at_and_changed_through_the_agent",
    MembersRead: "the_people_are_read_when_they_are_looked_at_and_changed_through_the_agent",
    SettingsRead: "muting_changes_the_settings_and_is_known_everywhere",
    AcceptPressed: "a_request_is_answered_once_and_what_failed_is_said",
    DeclinePressed: "a_request_is_answered_once_and_what_failed_is_said",
    AskAgainPressed: "a_request_is_answered_once_and_what_failed_is_said",
    Answered: "a_request_is_answered_once_and_what_failed_is_said",
    StartPressed: "an_agent_is_started_once_and_gets_what_could_not_be_sent",
    Started: "an_agent_is_started_once_and_gets_what_could_not_be_sent",
    BackPressed: "the_ways_out_of_a_conversation",
});

driven!(PEOPLE of Said {
    AddTyped: "the_people_are_read_when_they_are_looked_at_and_changed_through_the_agent",
    AddPressed: "the_people_are_read_when_they_are_looked_at_and_changed_through_the_agent",
    TitleTyped: "the_people_are_read_when_they_are_looked_at_and_changed_through_the_agent",
    RenamePressed: "the_people_are_read_when_they_are_looked_at_and_changed_through_the_agent",
    MutePressed: "muting_changes_the_settings_and_is_known_everywhere",
    BlockPressed: "the_people_are_read_when_they_are_looked_at_and_changed_through_the_agent",
    LeavePressed: "the_people_are_read_when_they_are_looked_at_and_changed_through_the_agent",
    LeaveConfirmed: "the_people_are_read_when_they_are_looked_at_and_changed_through_the_agent",
    LeaveDropped: "the_people_are_read_when_they_are_looked_at_and_changed_through_the_agent",
    DetachPressed: "the_ways_out_of_a_conversation",
});

driven!(KEYS of ListKey {
    Up: "replying_editing_and_deleting_by_keyboard",
    Down: "keys_among_the_messages_choose_open_copy_and_close",
    Home: "home_and_end_go_to_the_ends_of_the_conversation_whatever_is_loaded",
    End: "home_and_end_go_to_the_ends_of_the_conversation_whatever_is_loaded",
    Enter: "keys_among_the_messages_choose_open_copy_and_close",
    Reply: "replying_editing_and_deleting_by_keyboard",
    Edit: "replying_editing_and_deleting_by_keyboard",
    Delete: "replying_editing_and_deleting_by_keyboard",
    Copy: "keys_among_the_messages_choose_open_copy_and_close",
    Escape: "keys_among_the_messages_choose_open_copy_and_close",
});

#[test]
fn every_message_of_a_conversation_is_driven_by_a_test() {
    let code = [include_str!("live.rs"), include_str!("moves.rs"), include_str!("orders.rs")];
    let code = code.concat();
    let bodies: Vec<&str> = code.split("#[test]\n").skip(1).collect();
    for (message, test) in [MESSAGES, PEOPLE, KEYS].concat() {
        let body = bodies.iter().find(|body| body.starts_with(&format!("fn {test}()")));
        let body = body.unwrap_or_else(|| panic!("there is no test {test}"));
        assert!(body.contains(message), "{test} says no {message}");
    }
}
