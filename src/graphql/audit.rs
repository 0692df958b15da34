//! The audit trail as the API tells of it.

use std::sync::Arc;

use ::entity::{
    audit_entry,
    kind::{Form, SubjectKind},
};
use async_graphql::{Context, Description, ID, InputObject, Object};
use uuid::Uuid;

use super::{
    batch::{BatchRow, grouped, take_rows},
    connection::{self, CONNECTION, Column, Connection, ConnectionNode, selected_columns},
    cost::cost,
    database,
    node::{self, Node},
    request::take_bytes,
    scalars::{DateTime, Json, NodeId, Parsed, node_id, take},
    viewer,
};
use domain::{
    audit,
    error::{Result, ValidationErrors},
};

/// One committed change: who, what, when, before and after. `hash` covers the entry and the hash
/// before it.
#[derive(Clone, Description)]
pub struct AuditEntry(pub BatchRow<audit_entry::Model>);

/// The words of ids, for each kind of subject.
pub fn noun(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::Member => "member",
        SubjectKind::ContactArea => "contact_area",
        SubjectKind::Contact => "contact",
        SubjectKind::Organisation => "organisation",
        SubjectKind::Activity => "activity",
        SubjectKind::StatusReport => "status_report",
        SubjectKind::FeeSchedule => "fee_schedule",
        SubjectKind::Template => "template",
        SubjectKind::Agreement => "agreement",
        SubjectKind::Invoice => "invoice",
        SubjectKind::BankPayment => "bank_payment",
        SubjectKind::ReferenceRate => "reference_rate",
        SubjectKind::Books => "books",
        SubjectKind::Token => "token",
        SubjectKind::ContactReads => "contact_reads",
        SubjectKind::Clock => "clock",
        SubjectKind::AuditTrail => "audit_trail",
    }
}

#[Object(use_type_description)]
impl AuditEntry {
    /// Opaque and globally unique.
    pub async fn id(&self) -> ID {
        node_id("audit_entry", id_of(self.0.revision))
    }

    /// The place in the trail: 1, 2, 3 … without a gap.
    async fn revision(&self) -> String {
        self.0.revision.to_string()
    }

    /// When it was committed.
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }

    /// Who did it: the subject of the token, or the command at the machine.
    async fn actor(&self) -> &str {
        &self.0.actor
    }

    /// What was done, as the mutation's or command's name.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// What it was done to; null when it is of a kind that has no node or is gone.
    async fn subject(&self, ctx: &Context<'_>) -> Option<Result<Node>> {
        let key = |row: &audit_entry::Model| NodeId {
            noun: noun(row.subject_kind).to_owned(),
            id: row.subject_id,
        };
        let ids: Vec<_> = self.0.batch_rows().iter().map(key).collect();
        let found = self.0.load(ctx, "subject", node::by_ids(ctx, &ids)).await;
        match found {
            Ok(found) => found.get(&key(&self.0)).cloned().map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    /// The version of the program that did it.
    async fn version(&self) -> &str {
        &self.0.version
    }

    /// The revision that erased a person whom this entry names: the person's fields in `before` and
    /// `after` are then null, or a pseudonym in entries from before the trail was signed. Null when
    /// no one was erased.
    async fn erased_in(&self) -> Option<String> {
        self.0.erased_in.map(|revision| revision.to_string())
    }

    /// The thing before, as it was stored; null when it was not there.
    #[graphql(directive = cost::apply("3".into()))]
    async fn before(&self, ctx: &Context<'_>) -> Option<Result<Json>> {
        stored(ctx, self.0.before.as_deref())
    }

    /// The thing after, as it was stored; null when it is gone.
    #[graphql(directive = cost::apply("3".into()))]
    async fn after(&self, ctx: &Context<'_>) -> Option<Result<Json>> {
        stored(ctx, self.0.after.as_deref())
    }

    /// SHA-256 over this entry and the hash before it, in hexadecimal. It stays the same when a
    /// person is erased.
    async fn hash(&self) -> &str {
        &self.0.hash
    }
}

/// Returns a stored text of an entry. Its length counts towards the size of the answer before it is
/// read.
fn stored(ctx: &Context<'_>, text: Option<&str>) -> Option<Result<Json>> {
    text.map(|text| take_bytes(ctx, text.len()).map(|()| Json::stored(text)))
}

impl ConnectionNode for AuditEntry {
    type Row = audit_entry::Model;
    const NAME: &'static str = "AuditEntry";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use audit_entry::Column as C;
        match field {
            "at" => &[C::At],
            "actor" => &[C::Actor],
            "action" => &[C::Action],
            "subject" => &[C::SubjectKind],
            // Whose personal data is shown is logged.
            "before" => &[C::Before, C::SubjectKind],
            "after" => &[C::After, C::SubjectKind],
            "hash" => &[C::Hash],
            "version" => &[C::Version],
            // The revision that erased a person stands with the entry whose key it was; what names
            // one must be read to know.
            "erasedIn" => &[C::ErasedIn, C::Before, C::After],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[audit_entry::Column::Revision, audit_entry::Column::SubjectId]
    }
}

/// Which entries of the trail; every part narrows the others.
#[derive(InputObject, Default)]
pub struct AuditFilter {
    /// Done by this subject.
    actor: Option<String>,
    /// Done to this thing.
    subject: Option<ID>,
    /// Not before this instant.
    from: Option<Parsed<DateTime>>,
    /// Before this instant.
    to: Option<Parsed<DateTime>>,
}

impl AuditFilter {
    fn check(self, errors: &mut ValidationErrors) -> audit::Filter {
        audit::Filter {
            actor: errors.optional_text("filter.actor", self.actor.as_deref(), domain::error::LINE),
            subject: self
                .subject
                .map(|id| errors.take("filter.subject", id.parse::<NodeId>().map(|read| read.id))),
            from: take(self.from, "filter.from", errors).map(|from| from.0),
            to: take(self.to, "filter.to", errors).map(|to| to.0),
        }
    }
}

/// The audit trail's queries.
#[derive(Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// Entries of the audit log, the latest first; empty unless you may read the trail. OFFICE and
    /// AUDITOR read all of it, FINANCE the entries about what it may change: costs, grants,
    /// allocations, fees, invoices, payments, reference rates and the books.
    async fn audit_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; all when left out")] filter: Option<AuditFilter>,
        #[graphql(
            desc = "That many rows from the front; 25 when neither `first` nor `last` is given, and at most 200"
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after the one with this cursor")] after: Option<String>,
        #[graphql(desc = "That many rows from the back")] last: Option<i32>,
        #[graphql(desc = "Only rows before the one with this cursor")] before: Option<String>,
    ) -> Result<Connection<AuditEntry>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let args = connection::args(first, after, last, before);
        domain::page::Page::check(&args, &audit::order(), &mut errors);
        errors.finish()?;
        let slice = audit::list(
            database(ctx),
            viewer(ctx),
            &filter,
            &args,
            &selected_columns::<AuditEntry>(ctx, CONNECTION),
        )
        .await?;
        let count: connection::Count = Arc::new(move |ctx| {
            let filter = filter.clone();
            Box::pin(async move { audit::count(database(ctx), viewer(ctx), &filter).await })
        });
        Ok(Connection::new(slice, count))
    }
}

/// The trail of each row of a batch, the oldest entry first; empty for those who may not read it.
pub async fn history_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> Uuid,
) -> Result<Vec<AuditEntry>> {
    let subjects: Vec<_> = row.batch_rows().iter().map(id).collect();
    let columns = selected_columns::<AuditEntry>(ctx, connection::DIRECT);
    let entries = row
        .load(ctx, "history", async {
            let entries = audit::about(database(ctx), viewer(ctx), &subjects, &columns).await?;
            Ok(grouped(BatchRow::each(entries), |entry| entry.subject_id))
        })
        .await?;
    let entries = entries.get(&id(row)).map(Vec::as_slice).unwrap_or_default();
    take_rows(ctx, entries.len())?;
    Ok(entries.iter().cloned().map(AuditEntry).collect())
}

/// The entries about each row of a batch, of rows whose history belongs to another object, the
/// oldest first; empty for those who may not read them.
pub async fn history_of_records<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    form: Form,
    id: fn(&M) -> Uuid,
) -> Result<Vec<AuditEntry>> {
    let records: Vec<_> = row.batch_rows().iter().map(id).collect();
    let columns = connection::and(
        selected_columns::<AuditEntry>(ctx, connection::DIRECT),
        audit_entry::Column::RecordId,
    );
    let entries = row
        .load(ctx, "history", async {
            let entries =
                audit::about_records(database(ctx), viewer(ctx), form, &records, &columns).await?;
            Ok(grouped(BatchRow::each(entries), |entry| entry.record_id))
        })
        .await?;
    let entries = entries.get(&Some(id(row))).map(Vec::as_slice).unwrap_or_default();
    take_rows(ctx, entries.len())?;
    Ok(entries.iter().cloned().map(AuditEntry).collect())
}

/// The entries with these ids.
pub(super) async fn by_ids(ctx: &Context<'_>, ids: &[Uuid]) -> Result<Vec<audit_entry::Model>> {
    let revisions: Vec<_> = ids.iter().filter_map(|id| i64::try_from(id.as_u128()).ok()).collect();
    audit::by_revisions(database(ctx), viewer(ctx), &revisions).await
}

/// An entry's id. A revision is a number; it stands in a UUID's low half so that every id has one
/// shape.
pub(super) fn id_of(revision: i64) -> Uuid {
    Uuid::from_u128(u128::from(revision.unsigned_abs()))
}
