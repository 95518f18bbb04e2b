//! What must come of an item, before it does: the rules of membership and requests once more, in few words.

use wire::{AccountId, ConversationId, Item, MemberState, Refusal};

use super::reference::Reference;

/// What has to come of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Predicted {
    Placed(ConversationId),
    /// `None`: a new conversation.
    Founded(Option<ConversationId>),
    Done,
    Refused(Refusal),
}

impl Reference {
    pub(super) fn predict_content(
        &self,
        account: AccountId,
        item: &Item,
        conversation: Option<ConversationId>,
    ) -> Predicted {
        let Some(id) = conversation else { return Predicted::Refused(Refusal::NoSuchConversation) };
        if let Item::Edit { target, .. } | Item::Delete { target } = item
            && self.devices.get(&target.device).is_none_or(|device| device.account != account)
        {
            return Predicted::Refused(Refusal::NotYours);
        }
        if self.state(id, account) != Some(MemberState::Member) {
            return Predicted::Refused(Refusal::NotMember);
        }
        let others = self.conversations[&id].members.iter().filter(|(other, _)| **other != account);
        if !others.into_iter().any(|(_, member)| member.state == MemberState::Member) {
            return Predicted::Refused(Refusal::NobodyThere);
        }
        Predicted::Placed(id)
    }

    pub(super) fn predict_change(
        &self,
        account: AccountId,
        item: &Item,
        id: Option<ConversationId>,
    ) -> Predicted {
        use MemberState::{Declined, Invited, Left, Member, Withdrawn};
        let refused = |reason| Predicted::Refused(reason);
        match item {
            Item::Void => return Predicted::Done,
            Item::Block { account: name, .. } => {
                return if self.names.contains_key(name) {
                    Predicted::Done
                } else {
                    refused(Refusal::NoSuchAccount)
                };
            }
            Item::Request { to, title, .. } => return self.predict_request(account, to, title),
            _ => {}
        }
        let Some(id) = id else { return refused(Refusal::NoSuchConversation) };
        let mine = self.state(id, account);
        let by_state = |open: MemberState, same: MemberState| match mine {
            None => Predicted::Refused(Refusal::NotMember),
            Some(state) if state == open || state == same => Predicted::Done,
            Some(Invited) => Predicted::Refused(Refusal::NotMember),
            Some(_) => Predicted::Refused(Refusal::AlreadyAnswered),
        };
        match item {
            Item::Accept => by_state(Invited, Member),
            Item::Decline => by_state(Invited, Declined),
            Item::Leave => by_state(Member, Left),
            Item::Withdraw => {
                let asked: Vec<_> = self.conversations[&id]
                    .members
                    .iter()
                    .filter(|(a, m)| m.inviter == account && **a != account)
                    .collect();
                match asked.first() {
                    _ if asked.iter().any(|(_, member)| member.state == Invited) => Predicted::Done,
                    None => refused(Refusal::NotMember),
                    Some((_, member)) if member.state == Withdrawn => Predicted::Done,
                    Some(_) => refused(Refusal::AlreadyAnswered),
                }
            }
            Item::Add { .. } | Item::Rename { .. } if mine != Some(Member) => {
                refused(Refusal::NotMember)
            }
            Item::Add { .. } | Item::Rename { .. } if self.conversations[&id].pair.is_some() => {
                refused(Refusal::Invalid)
            }
            Item::Add { to, .. } if to.iter().any(|name| !self.names.contains_key(name)) => {
                refused(Refusal::NoSuchAccount)
            }
            Item::Add { .. } | Item::Rename { .. } => Predicted::Done,
            _ => refused(Refusal::Invalid),
        }
    }

    fn predict_request(&self, account: AccountId, to: &[String], title: &str) -> Predicted {
        if to.iter().any(|name| !self.names.contains_key(name)) {
            return Predicted::Refused(Refusal::NoSuchAccount);
        }
        match self.others(account, to)[..] {
            [] => Predicted::Refused(Refusal::Invalid),
            [one] if title.is_empty() => Predicted::Founded(self.pair(account, one)),
            _ => Predicted::Founded(None),
        }
    }
}
