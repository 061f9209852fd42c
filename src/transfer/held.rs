//! What becomes of a head in a store of another layout.

use std::collections::BTreeMap;

use crate::model::{EntryHead, Timestamp, Variant};
use crate::storage::Backend;

use super::migrate::differences;

/// How many entries lost what, in the words of the entry object.
pub type Losses = BTreeMap<&'static str, u64>;

/// The head as a store will show it, under the key by which that store looks for it. A key
/// that the source's rule does not give was chosen by a program, and is carried over.
pub fn as_held(source: &dyn Backend, store: &dyn Backend, mut head: EntryHead) -> EntryHead {
    if source.capabilities().layout != store.capabilities().layout {
        let usual = source.key_of(&head.request, &head.partition);
        if usual == head.id.key {
            head.id.key = store.key_of(&head.request, &head.partition);
        }
        head.id.variant = head.selections.first().map_or_else(Variant::none, Variant::of);
    }
    store.kept(head)
}

/// What of a head is not in the one that a store keeps, in the words of the entry object.
pub fn lost(head: &EntryHead, kept: &EntryHead) -> Vec<&'static str> {
    let mut lost = differences(head, kept);
    // Layouts that keep whole seconds keep the time.
    let is_near = |a: Timestamp, b: Timestamp| a.millis().abs_diff(b.millis()) < 1000;
    lost.retain(|field| *field != "created_at" || !is_near(head.created_at, kept.created_at));
    if head.uses != kept.uses {
        lost.push("uses");
    }
    if head.partition != kept.partition {
        lost.push("partition");
    }
    lost
}
