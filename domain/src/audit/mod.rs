//! The audit trail (behandlingshistorik). Every write to the register is one transaction that
//! records who changed what.

mod action;
mod appending;
mod chain;
mod change;
mod checkpoints;
pub mod clock_acceptance;
pub mod clock_order;
mod continuity;
pub mod date_order;
pub mod document_reads;
mod entries;
pub mod forms;
mod gaps;
mod head;
mod history;
pub(crate) mod item_changes;
mod key_owners;
mod key_replacement;
pub(crate) mod migration;
mod opening;
pub(crate) mod past;
pub(crate) mod pending_reads;
mod person_keys;
mod reading;
pub mod reads;
pub(crate) mod recorded;
mod sealing;
pub(crate) mod signature;
pub mod timestamp;
pub(crate) mod trail_head;
pub(crate) mod withdrawn_successors;

pub use self::{
    action::Action,
    chain::{TrailCheck, TrailChecked, hash, violations, violations_now},
    change::{Change, begin, insert, replace},
    checkpoints::{Checkpoint, checkpoint, checkpoint_in, departures},
    continuity::{Link, RecordHead, TextDigest},
    entries::readable,
    gaps::{Gaps, imported},
    head::{is_appointed, last_key, replacement, used_since},
    history::History,
    key_replacement::replace_key,
    opening::{Basis, Seen},
    reading::{
        Filter, by_revisions, count, count_each, last_action, list, of_each, order, revision,
        revision_in,
    },
    recorded::{Fields, Person, Personal, Recorded, Written, parts, to_value},
    sealing::{Keyring, Opened},
    signature::{TrailKey, TrustedKeys, write_private},
    trail_head::TrailHead,
};
pub(crate) use self::{
    appending::Appender,
    change::begin_after,
    head::trusted,
    reading::{opened, visible},
    recorded::fields,
};
