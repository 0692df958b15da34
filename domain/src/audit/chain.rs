//! The hash chain of the trail: the hash of each entry covers the entry and the hash before it, and
//! each commit is signed. Someone who has only the database can't change, add or insert an entry
//! unnoticed.

use std::collections::{BTreeMap, HashMap, HashSet};

use ::entity::{
    audit_entry::{self, Column, Entity},
    kind::Form,
};
use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, de::IgnoredAny};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    clock_order,
    continuity::{Continuity, Digests, Link, RecordHead, digests},
    entries::{self, Entry},
    forms::FORMER,
    key_owners::{self, KeyOwners},
    person_keys,
    recorded::Person,
    sealing,
    signature::{TrailKey, TrustedKeys, head},
};
use crate::{clock::Clock, database::Database, error::Result};

/// The result of a check of the trail.
#[derive(Debug, Default)]
pub struct TrailChecked {
    /// A sentence for each violation.
    pub violations: Vec<String>,
    /// The last entry about each record, by form and id; `None` after a check of a part of the
    /// trail, or of one with unreadable entries.
    pub heads: Option<Vec<RecordHead>>,
}

/// Options of a check of the trail.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrailCheck<'k> {
    /// Keys whose signatures are accepted; `None` if signatures are not checked.
    pub trusted: Option<&'k TrustedKeys>,
    /// Only the entries after this revision are checked. It must be the last of a commit, and is
    /// trusted; 0 for all entries.
    pub after: i64,
    /// `true` if entries must follow each other in time.
    pub is_ordered: bool,
}

/// Returns the violations of this register's trail, checked with the key with which it was opened.
pub async fn violations_now(db: &Database, clock: Clock) -> Result<Vec<String>> {
    let check = TrailCheck {
        trusted: db.trail_key().map(TrailKey::trusted),
        is_ordered: clock.is_ordered(),
        ..TrailCheck::default()
    };
    Ok(violations(&db.snapshot().await?, check, |_| {}).await?.violations)
}

/// Checks the trail. Finds gaps between revisions, unreadable entries, hashes that don't follow
/// from the entry and the one before, times that go back, entries without a signature of a trusted
/// key, and persons whose key is missing although no entry erased them, or belongs to another
/// person. `links` receives the entries that may not continue from the state before.
pub async fn violations(
    db: &impl ConnectionTrait,
    by: TrailCheck<'_>,
    mut links: impl FnMut(Vec<Link>),
) -> Result<TrailChecked> {
    let mut check = Check {
        trusted: by.trusted.cloned(),
        is_ordered: by.is_ordered,
        is_readable: true,
        ..Check::default()
    };
    if by.after > 0 {
        check.start(db, by.after).await?;
    }
    loop {
        let entries = entries::after(db, check.last).await?;
        if entries.is_empty() {
            break;
        }
        if check.from > 0 {
            check
                .continuity
                .load(db, entries.iter().filter_map(Entry::readable), check.from)
                .await?;
        }
        for entry in &entries {
            match entry {
                Entry::Readable(entry) => check.entry(entry),
                Entry::Unreadable { revision, hash, cause } => {
                    check.unreadable(*revision, hash, cause)
                }
            }
        }
        links(check.continuity.take());
    }
    check.keys(db).await?;
    let heads = (check.from == 0 && check.is_readable).then(|| check.continuity.heads());
    Ok(TrailChecked { violations: check.violations, heads })
}

/// A running check of the trail.
#[derive(Default)]
struct Check {
    /// Keys whose signatures are accepted; `None` if signatures are not checked.
    trusted: Option<TrustedKeys>,
    is_ordered: bool,
    /// `false` after an entry could not be read.
    is_readable: bool,
    violations: Vec<String>,
    /// The revision after which it began.
    from: i64,
    last: i64,
    hash: String,
    /// The time of the last entry; `None` for none, and for an entry from before the trail's
    /// migration.
    last_at: Option<DateTime<Utc>>,
    /// The hash that the last entry had before the trail's migration.
    former_hash: String,
    /// The last revision that is covered by a signature.
    signed: i64,
    /// Keys that were replaced.
    replaced: HashSet<String>,
    /// The revisions with fields that each key sealed.
    sealed: HashMap<Uuid, Vec<i64>>,
    /// Erased keys, with the revision of the erasure and the revisions that it lists.
    erased: BTreeMap<Uuid, (i64, Vec<i64>)>,
    continuity: Continuity,
    owners: KeyOwners,
}

#[derive(Deserialize)]
struct Erasure {
    revisions: Vec<i64>,
}

#[derive(Deserialize)]
struct Migration {
    old_head: String,
    new_head: String,
    broken: Vec<i64>,
}

#[derive(Deserialize)]
struct Appointment {
    key_id: String,
    public_key: String,
    replaces: String,
}

impl Check {
    fn found(&mut self, violation: String) {
        self.violations.push(format!("audit trail: {violation}"));
    }

    /// Begins after a revision, with the keys that were appointed until then.
    async fn start(&mut self, db: &impl ConnectionTrait, after: i64) -> Result<()> {
        let Some(entry) = Entity::find_by_id(after).one(db).await? else { return Ok(()) };
        let appointments = Entity::find()
            .filter(Column::RecordId.eq(Uuid::nil()))
            .filter(Column::Form.eq(Form::TrailKey))
            .filter(Column::Revision.lte(after))
            .order_by_asc(Column::Revision);
        for appointment in appointments.all(db).await? {
            self.appointed_before(db, &appointment).await?;
        }
        (self.from, self.last, self.signed) = (after, after, after);
        self.last_at = (entry.form_version != FORMER).then_some(entry.at);
        (self.hash, self.former_hash) = (entry.hash, entry.former_hash.unwrap_or_default());
        Ok(())
    }

    /// Trusts a key that was appointed before the checked entries, if the key of that time signed
    /// the entry.
    async fn appointed_before(
        &mut self,
        db: &impl ConnectionTrait,
        entry: &audit_entry::Model,
    ) -> Result<()> {
        let Some(trusted) = &self.trusted else { return Ok(()) };
        let before = Entity::find_by_id(entry.revision - 1)
            .select_only()
            .column(Column::Hash)
            .into_tuple::<String>()
            .one(db)
            .await?;
        let signer = entry.key_id.clone().unwrap_or_default();
        let (signature, first) =
            entry.signature.as_deref().zip(entry.signed_from).unwrap_or_default();
        let is_signed = entry.hash == hash(entry, &before.unwrap_or_default())
            && !self.replaced.contains(&signer)
            && trusted.holds(&signer, &head(first, entry.revision, &entry.hash), signature);
        if is_signed {
            self.appoint(entry, &signer);
        } else {
            self.found(format!("revision {} appoints a key, but is not what a trusted key signed; the key is not trusted", entry.revision));
        }
        Ok(())
    }

    /// Continues after an entry with a value that this program doesn't write.
    fn unreadable(&mut self, revision: i64, hash: &str, cause: &str) {
        self.found(format!("revision {revision} can't be read: {cause}"));
        (self.last, self.last_at, self.is_readable) = (revision, None, false);
        hash.clone_into(&mut self.hash);
    }

    fn entry(&mut self, entry: &audit_entry::Model) {
        let revision = entry.revision;
        if revision != self.last + 1 {
            self.found(format!("revision {revision} follows {}", self.last));
        }
        let digests = digests(entry);
        if entry.hash != hash_of(entry, &digests, &self.hash) {
            self.found(format!(
                "the hash of revision {revision} does not follow from it and the one before"
            ));
        }
        if entry.salt.is_some() {
            self.found(format!(
                "revision {revision} has a salt, which no entry has since the trail's migration"
            ));
        }
        if entry.form.is_none() {
            self.found(format!("revision {revision} has no form; `samregister migrate` brings an old trail up to date"));
        }
        if let Some(former) = &entry.former_hash {
            if *former != former_hash(entry, &self.former_hash) {
                self.found(format!("the former hash of revision {revision} does not follow from it and the one before"));
            }
            self.former_hash.clone_from(former);
        }
        self.time(entry);
        self.texts(entry);
        // The event counts when its entry is read; the signature is checked separately.
        self.event(entry);
        self.signature(entry);
        self.continuity.entry(entry, &digests);
        for key in [&entry.before, &entry.after]
            .into_iter()
            .flatten()
            .flat_map(|text| sealing::key_ids(text))
        {
            let revisions = self.sealed.entry(key).or_default();
            if revisions.is_empty() {
                self.owners.first_use(key, entry);
            }
            if revisions.last() != Some(&revision) {
                revisions.push(revision);
            }
        }
        self.last = revision;
        self.hash.clone_from(&entry.hash);
    }

    /// Checks that the time did not go back, unless an operator accepted the clock.
    fn time(&mut self, entry: &audit_entry::Model) {
        let is_accepted = entry.form == Some(Form::ClockAcceptance);
        if let Some(last) = self.last_at.filter(|last| {
            self.is_ordered && !is_accepted && clock_order::is_behind(entry.at, *last)
        }) {
            let [at, last] =
                [entry.at, last].map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
            self.found(format!(
                "revision {} of {at} follows revision {} of {last}, and no entry accepts a clock that was set back",
                entry.revision, self.last
            ));
        }
        self.last_at = (entry.form_version != FORMER).then_some(entry.at);
    }

    /// Checks that the texts are JSON. With keys this is not needed: this program signs nothing
    /// else, and unsigned entries are found.
    fn texts(&mut self, entry: &audit_entry::Model) {
        if self.trusted.is_some() {
            return;
        }
        let mut texts = [&entry.before, &entry.after].into_iter().flatten();
        if texts.any(|text| serde_json::from_str::<IgnoredAny>(text).is_err()) {
            self.found(format!("a text of revision {} is not JSON", entry.revision));
        }
    }

    /// Checks an entry about the trail itself: an erasure, a migration or a change of keys.
    fn event(&mut self, entry: &audit_entry::Model) {
        let (revision, text) = (entry.revision, entry.after.as_deref().unwrap_or_default());
        let unreadable = format!("revision {revision} can't be read");
        match entry.form {
            Some(Form::Erasure) => match serde_json::from_str::<Erasure>(text) {
                Ok(erasure) => {
                    let named =
                        erasure.revisions.into_iter().filter(|named| *named > self.from).collect();
                    self.erased.insert(entry.record_id.unwrap_or_default(), (revision, named));
                }
                Err(_) => self.found(unreadable),
            },
            Some(Form::TrailMigration) => match serde_json::from_str::<Migration>(text) {
                Ok(migration) => {
                    if (&migration.old_head, &migration.new_head) != (&self.former_hash, &self.hash)
                    {
                        self.found(format!(
                            "the entries before revision {revision} are not those that it migrated"
                        ));
                    }
                    for broken in migration.broken {
                        self.found(format!("revision {broken} did not follow from the one before when the trail was migrated"));
                    }
                }
                Err(_) => self.found(unreadable),
            },
            _ => {}
        }
    }

    fn signature(&mut self, entry: &audit_entry::Model) {
        let (Some(signature), Some(name)) = (&entry.signature, &entry.key_id) else {
            if entry.signature.is_some() || entry.key_id.is_some() || entry.signed_from.is_some() {
                self.found(format!("revision {} has parts of a signature alone", entry.revision));
            }
            return;
        };
        let Some(trusted) = &self.trusted else { return };
        // The migration of the trail signs the entries from before it, even if the check began
        // among them.
        let is_of_all = entry.form == Some(Form::TrailMigration) && self.signed == self.from;
        let (revision, first) = (entry.revision, if is_of_all { 1 } else { self.signed + 1 });
        // Each violation is reported in one commit: the commits after it are checked on their own.
        self.signed = revision;
        if !trusted.contains(name) {
            return self.found(format!("revision {revision} was signed with the key {name}, which is none of those that are trusted"));
        }
        if !trusted.holds(name, &head(first, revision, &entry.hash), signature)
            || entry.signed_from != Some(first)
        {
            return self.found(format!("the signature of revision {revision} does not hold for revisions {first} to {revision}"));
        }
        if self.replaced.contains(name) {
            return self.found(format!(
                "revision {revision} was signed with the key {name}, which was replaced before"
            ));
        }
        if entry.form == Some(Form::TrailKey) {
            self.appoint(entry, name);
        }
    }

    /// Trusts a key that the signer of this entry appoints as its replacement.
    fn appoint(&mut self, entry: &audit_entry::Model, signer: &str) {
        let appointed =
            entry.after.as_deref().and_then(|text| serde_json::from_str::<Appointment>(text).ok());
        let Some((appointed, trusted)) = appointed.zip(self.trusted.as_mut()) else { return };
        if appointed.replaces == signer && trusted.add_hex(&appointed.public_key) {
            self.replaced.insert(appointed.replaces);
        } else {
            self.found(format!(
                "revision {} appoints the key {}, which it can't",
                entry.revision, appointed.key_id
            ));
        }
    }

    /// Checks the trail as a whole, and the keys of its persons.
    async fn keys(&mut self, db: &impl ConnectionTrait) -> Result<()> {
        let used = (self.from > 0)
            .then(|| self.sealed.keys().chain(self.erased.keys()).copied().collect::<Vec<_>>());
        let differing =
            key_owners::sealed_entries(db, &self.sealed, used.as_deref(), self.from).await?;
        differing.into_iter().for_each(|sentence| self.found(sentence));
        let mut there = person_keys::checked(db, used.as_deref()).await?;
        let ids = there.owners.keys().copied().collect();
        self.unused(&there.owners);
        // A forged key has no owner.
        there.forged.iter().for_each(|id| _ = there.owners.remove(id));
        let strangers = std::mem::take(&mut self.owners).violations(db, &there.owners).await?;
        self.end(ids, there.forged);
        strangers.into_iter().for_each(|sentence| self.found(sentence));
        Ok(())
    }

    /// Finds keys that sealed nothing. This program creates a key when it seals with it, so another
    /// program created these, and its author may know them.
    fn unused(&mut self, there: &HashMap<Uuid, Person>) {
        let mut unused: Vec<_> = there
            .iter()
            .filter(|(id, _)| !self.sealed.contains_key(id) && self.from == 0)
            .collect();
        unused.sort_unstable_by_key(|(id, _)| **id);
        for (id, person) in unused {
            let kind = person.kind.to_string().to_lowercase();
            self.found(format!(
                "the key {} of the {kind} {} sealed nothing: this program did not make it",
                id.simple(),
                person.id.simple()
            ));
        }
    }

    fn end(&mut self, there: HashSet<Uuid>, forged: Vec<Uuid>) {
        if self.trusted.is_some() && self.signed < self.last {
            let (first, last) = (self.signed + 1, self.last);
            self.found(format!(
                "no signature covers revisions {first} to {last}: this program did not write them"
            ));
        }
        for id in forged {
            self.found(format!("the key {} of a person is not the one that it was", id.simple()));
        }
        let mut sealed: Vec<_> = std::mem::take(&mut self.sealed).into_iter().collect();
        sealed.sort_by(|one, other| (&one.1, one.0).cmp(&(&other.1, other.0)));
        for (key, revisions) in sealed {
            let first = revisions.first().copied().unwrap_or_default();
            match self.erased.remove(&key) {
                None if !there.contains(&key) => {
                    self.found(format!(
                        "the key of a person in revision {first} is gone, and no entry erased it"
                    ));
                }
                None => {}
                Some((by, named)) if named != revisions => {
                    self.found(format!("revision {by} does not name the entries that it erased"))
                }
                Some((by, _)) if there.contains(&key) => {
                    self.found(format!("the key that revision {by} erased is there again"))
                }
                Some(_) => {}
            }
        }
        for (by, named) in std::mem::take(&mut self.erased).into_values() {
            if !named.is_empty() {
                self.found(format!("revision {by} does not name the entries that it erased"));
            }
        }
    }
}

/// Returns the SHA-256 of an entry and the hash before it. The texts before and after are included
/// by their digests, so that a text can be proved without being disclosed.
#[must_use]
pub fn hash(entry: &audit_entry::Model, before: &str) -> String {
    hash_of(entry, &digests(entry), before)
}

fn hash_of(entry: &audit_entry::Model, texts: &Digests, before: &str) -> String {
    let text =
        |digest: &Option<[u8; 32]>| digest.as_ref().map_or_else(|| "-".to_owned(), hex::encode);
    let [text_before, text_after] = texts;
    let former = [
        entry.former_hash.clone(),
        entry.before_digest.clone(),
        entry.after_digest.clone(),
        entry.erased_in.map(|revision| revision.to_string()),
    ];
    let former = former.map(|word| word.unwrap_or_else(|| "-".to_owned())).join(" ");
    let parts = [
        "samregister trail 2".to_owned(),
        before.to_owned(),
        entry.revision.to_string(),
        entry.at.timestamp_micros().to_string(),
        entry.actor.replace('\\', "\\\\").replace('\n', "\\n"),
        entry.action.clone(),
        entry.subject_kind.to_string(),
        entry.subject_id.simple().to_string(),
        format!("{} {}", entry.form.map_or("-", Form::word), entry.form_version),
        entry.record_id.map_or_else(|| "-".to_owned(), |id| id.simple().to_string()),
        entry.version.clone(),
        text(text_before),
        text(text_after),
        former,
    ];
    sha256(&[], &parts.join("\n"))
}

/// Returns the hash that the entry had before the trail's migration, with the digests of that time.
#[must_use]
pub fn former_hash(entry: &audit_entry::Model, before: &str) -> String {
    let parts = [
        before.to_owned(),
        entry.revision.to_string(),
        entry.at.timestamp_micros().to_string(),
        entry.actor.replace('\n', " "),
        entry.action.clone(),
        entry.subject_kind.to_string(),
        entry.subject_id.simple().to_string(),
        entry.version.clone(),
        entry.before_digest.clone().unwrap_or_else(|| "-".to_owned()),
        entry.after_digest.clone().unwrap_or_else(|| "-".to_owned()),
    ];
    sha256(&[], &parts.join("\n"))
}

/// Returns the SHA-256 of the salt and the text, in hexadecimal.
pub(super) fn sha256(salt: &[u8], text: &str) -> String {
    hex::encode(Sha256::new().chain_update(salt).chain_update(text).finalize())
}
