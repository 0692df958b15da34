//! GraphQL subscription `changes`, and the query `revision`.

use std::sync::{Arc, OnceLock};

use ::entity::id::NodeType;
use async_graphql::{Context, Description, Enum, Object, Subscription as Subscriptions};
use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};

use super::{
    audit,
    batch::Rows,
    caller,
    cost::shared,
    node::{self, Node},
    scalars::{DateTime, NodeId, Revision},
};
use domain::{
    change_feed::{self, Event},
    error::{Error, FieldErrorCode, Result},
};

/// Kind of a change.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "change_feed::Kind")]
pub enum ChangeKind {
    /// A member, a contact or a contact area.
    Member,
    /// An organisation.
    Organisation,
    /// An activity, its costs and grants, or a status report.
    Activity,
    /// A template or one of its versions.
    Template,
    /// An agreement, its notice, signatures, document or deadline.
    Agreement,
    /// A fee of the network itself, or a reference rate.
    Fee,
    /// An invoice or credit note, except its payments.
    Invoice,
    /// A payment of an invoice (`node` is the invoice), or a bank payment.
    Payment,
    /// An archived document.
    Document,
}

/// A committed change that you may see.
#[derive(Description)]
pub struct Change(Event);

#[Object(use_type_description)]
impl Change {
    /// Revision of the change: a whole number, larger than that of every earlier change. Store that
    /// of the last received change, and pass it as `after` when you subscribe again. Revisions have
    /// gaps where others changed what you may not see.
    #[graphql(directive = shared::apply())]
    async fn revision(&self) -> Revision {
        Revision::new(self.0.revision)
    }

    /// Kind of the changed object.
    #[graphql(directive = shared::apply())]
    async fn kind(&self) -> ChangeKind {
        self.0.kind.into()
    }

    /// Action, as the name of the mutation, or of a command on the server, as `import`.
    #[graphql(directive = shared::apply())]
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// Changed object as it is now; null when it was deleted, or its type has no node.
    #[graphql(directive = shared::apply())]
    async fn node(&self, ctx: &Context<'_>) -> Option<Result<Node>> {
        let of = |node_type| NodeId { node_type, id: self.0.subject };
        // A template and its versions are one kind of subject in the trail.
        let ids = match audit::types::node_type(self.0.subject_kind)? {
            NodeType::Template => vec![of(NodeType::Template), of(NodeType::TemplateVersion)],
            other => vec![of(other)],
        };
        Box::pin(node::by_ids(ctx, &ids)).await.map(|found| found.into_values().next()).transpose()
    }

    /// Time of the commit.
    #[graphql(directive = shared::apply())]
    async fn recorded_at(&self) -> DateTime {
        DateTime(self.0.at)
    }
}

/// Source of the events of one execution of `changes`, when the server follows the audit trail for
/// many subscriptions together; without it, events are read from the audit trail.
pub enum Source {
    /// No events: the arguments are checked and stored.
    Plan(Arc<OnceLock<Plan>>),
    /// This single event.
    Event(Event),
}

/// The changes that one subscription follows.
#[derive(Clone)]
pub struct Plan {
    /// Kinds of changes; empty for all.
    pub kinds: Vec<change_feed::Kind>,
    /// Revision to start after; `None` for the latest.
    pub after: Option<i64>,
}

/// Root subscription type, at `/graphql/ws` with the protocol graphql-transport-ws.
///
/// Send the token in `connection_init` as `{"authorization": "Bearer …"}`, or in the header. The
/// socket closes with 4403 when the token expires or is revoked, and with 4410 when you read too
/// slowly: subscribe again `after` the last received revision. Also over Server-Sent Events
/// (graphql-sse) at `/graphql`, with `Accept: text/event-stream`.
#[derive(Default, Description)]
pub struct Subscription;

#[Subscriptions(use_type_description)]
impl Subscription {
    /// An event for every committed change that you may see, in order. `after` resumes from a
    /// revision without gaps or duplicates.
    #[graphql(directive = shared::apply())]
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only changes of these kinds; all when omitted.")] kinds: Option<
            Vec<ChangeKind>,
        >,
        #[graphql(
            desc = "Only changes after this revision, including past ones; only future changes \
                    when omitted."
        )]
        after: Option<Revision>,
    ) -> Result<BoxStream<'static, Result<Change>>> {
        let after = after
            .map(|Revision(after)| {
                after.parse().ok().filter(|after| *after >= 0).ok_or_else(no_revision)
            })
            .transpose()?;
        let kinds = kinds.unwrap_or_default().into_iter().map(Into::into).collect();
        match ctx.data_opt::<Source>() {
            Some(Source::Event(event)) => {
                return Ok(stream::iter([Ok(Change(event.clone()))]).boxed());
            }
            Some(Source::Plan(plan)) => {
                change_feed::check_after(caller(ctx), after).await?;
                // The plan is set only here.
                plan.set(Plan { kinds, after }).ok();
                return Ok(stream::empty().boxed());
            }
            None => {}
        }
        let free: change_feed::CatchUpLimit = Arc::new(|_| std::future::ready(()).boxed());
        let events = change_feed::follow(
            &change_feed::Followers::default(),
            caller(ctx),
            kinds,
            after,
            free,
        )
        .await?;
        let rows: Rows = ctx.data_unchecked::<Rows>().clone();
        // Each event is a separate answer.
        Ok(events.inspect(move |_| rows.reset()).map(|event| event.map(Change)).boxed())
    }
}

fn no_revision() -> Error {
    Error::invalid(
        "after",
        FieldErrorCode::NotANumber
            .problem("is not a revision; pass one that you received, as \"4711\""),
    )
}

/// The revision of the state that a query over HTTP reads, if that is known.
pub struct StateRevision(pub i64);

/// Queries of revisions.
#[derive(Default)]
pub struct RevisionQuery;

#[Object]
impl RevisionQuery {
    /// Latest revision of the state that the answer shows. Query it with the data that you want to
    /// keep up to date, or before it, and subscribe to `changes` after it: no change is missed.
    /// With several servers, send it with later queries as the header X-Samregister-Revision.
    async fn revision(&self, ctx: &Context<'_>) -> Result<Revision> {
        if let Some(StateRevision(known)) = ctx.data_opt::<StateRevision>() {
            return Ok(Revision::new(*known));
        }
        Ok(Revision::new(Box::pin(domain::audit::revision(caller(ctx))).await?))
    }
}

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(super) fn measure(sizes: &mut super::future_sizes::Sizes<'_, '_>) {
    sizes.add(&Change(Event {
        revision: 0,
        at: chrono::DateTime::default(),
        action: String::new(),
        kind: change_feed::Kind::Member,
        subject_kind: ::entity::kind::SubjectKind::Member,
        subject: uuid::Uuid::nil(),
    }));
}
