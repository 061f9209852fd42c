//! What becomes of a head in a store of another layout.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::model::{EntryHead, EntryId, Headers, Key, Timestamp, Variant};
use crate::policy::{Settings, partition};
use crate::storage::{Backend, Unfit};

use super::migrate::differences;

/// How many entries lost what, in the words of the entry object.
pub type Losses = BTreeMap<&'static str, u64>;

/// The head as a store will show it, under the key by which that store looks for it. A key
/// that the source's rule does not give was chosen by a program, and is carried over.
pub fn as_held(source: &dyn Backend, store: &dyn Backend, mut head: EntryHead) -> EntryHead {
    let (from, to) = (source.capabilities(), store.capabilities());
    // Stores of one layout may still make keys by different rules, all but the native one.
    if to.native_keys {
        head = as_native(source, head);
    } else if source.rules().key_of(&head.request, &head.partition) == head.id.key {
        head.id.key = store.rules().key_of(&head.request, &head.partition);
    }
    if from.layout != to.layout {
        head.id.variant = head.selections.first().map_or_else(Variant::none, Variant::of);
    }
    // A serializer that nobody asked for stays behind where the store has no such.
    head.serializer.take_if(|name| !to.serializers.contains(&&**name));
    store.rules().project(head)
}

/// The head as a store of our own layout names it, and as archives and folders do: under the key
/// and in the partition of its request, if it stood under the key that its layout gives it.
pub fn as_native(source: &dyn Backend, mut head: EntryHead) -> EntryHead {
    if source.capabilities().native_keys {
        return head;
    }
    let is_usual = source.rules().key_of(&head.request, &head.partition) == head.id.key;
    of_its_owner(&mut head);
    if is_usual {
        head.id.key = Key::native(&head.partition, &head.request.method, &head.request.url);
        if !head.id.variant.is_behind() {
            head.id.variant = head.selections.first().map_or_else(Variant::none, Variant::of);
        }
    }
    head
}

/// Who an answer is for is a property of the entry, wherever it comes from (rule K4).
pub(super) fn of_its_owner(head: &mut EntryHead) {
    head.partition = partition(&head.partition, &head.request.headers, &Settings::default());
}

/// Whether an entry of this store stands behind another that answers the same, so that nobody is
/// given it; elsewhere it would take the other's place.
pub fn is_behind(store: &dyn Backend, id: &EntryId) -> bool {
    id.variant.is_behind() && !store.capabilities().native_keys
}

/// Why an answer does not belong into a store that keeps so much of its head: it would reach
/// others than those for whom it is, or be taken for what it is not.
pub(super) fn unfit(meant: &EntryHead, kept: &EntryHead, store: &dyn Backend) -> Option<Error> {
    let can = store.capabilities();
    let (id, layout) = (&meant.id, can.layout);
    Some(match can.unfit(meant, kept)? {
        Unfit::NotKeptApart => {
            let told = format!("{id} depends on credentials, which {layout} cannot tell apart");
            Error::store(told).coded("not_kept_apart")
        }
        Unfit::NoSuccess => {
            let status = meant.status;
            let told = format!("{id} has the status {status}, which {layout} would not look at");
            Error::store(told).coded("only_success")
        }
    })
}

/// What of a head is not in the one that a store keeps, in the words of the entry object.
pub fn lost(head: &EntryHead, kept: &EntryHead) -> Vec<&'static str> {
    let mut lost = differences(head, kept);
    let same_fields = |a: &Headers, b: &Headers| by_name(a) == by_name(b);
    lost.retain(|field| match *field {
        "headers" => !same_fields(&head.headers, &kept.headers),
        "request_headers" => !same_fields(&head.request.headers, &kept.request.headers),
        _ => true,
    });
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

/// Fields by name, whose letters have no case and whose order says nothing, but for a `Date`
/// that was added.
fn by_name(headers: &Headers) -> BTreeMap<String, Vec<&[u8]>> {
    let mut fields: BTreeMap<String, Vec<&[u8]>> = BTreeMap::new();
    for (name, value) in headers.iter() {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        if name != "date" {
            fields.entry(name).or_default().push(value);
        }
    }
    fields
}
