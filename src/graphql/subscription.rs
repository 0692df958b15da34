//! Changes as the API tells of them, when they are made.

use std::sync::{Arc, OnceLock};

use async_graphql::{Context, Description, Enum, Object, Subscription as Subscriptions};
use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};

use super::{
    audit,
    batch::Rows,
    cost::shared,
    database,
    node::{self, Node},
    scalars::{DateTime, NodeId},
    viewer,
};
use domain::{
    change_feed::{self, Event},
    error::{Error, Result},
};

/// What a change is about.
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
    /// An agreement.
    Agreement,
    /// A fee of the network itself, or a reference rate.
    Fee,
    /// An invoice, but for what is paid of it.
    Invoice,
    /// A payment of an invoice (`node` is the invoice), or one that the bank's files tell of.
    Payment,
}

/// One committed change that you may see.
#[derive(Description)]
pub struct Change(Event);

#[Object(use_type_description)]
impl Change {
    /// Its place in the register's history: a whole number, larger than that of every change before
    /// it. Keep that of the last change that came, and give it as `after` when you subscribe again.
    /// Numbers are missing where others changed what you may not see.
    #[graphql(directive = shared::apply())]
    async fn revision(&self) -> String {
        self.0.revision.to_string()
    }

    /// What it is about.
    #[graphql(directive = shared::apply())]
    async fn kind(&self) -> ChangeKind {
        self.0.kind.into()
    }

    /// What was done, as the mutation's name; `import` and the like for what was done at the
    /// machine.
    #[graphql(directive = shared::apply())]
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// What it was done to, as it is now; null when it is gone, or of a kind that has no node.
    #[graphql(directive = shared::apply())]
    async fn node(&self, ctx: &Context<'_>) -> Option<Result<Node>> {
        let of = |noun: &str| NodeId { noun: noun.to_owned(), id: self.0.subject };
        let noun = audit::noun(self.0.subject_kind);
        // A template and its versions are one in the trail.
        let ids = if noun == "template" {
            vec![of(noun), of("template_version")]
        } else {
            vec![of(noun)]
        };
        node::by_ids(ctx, &ids).await.map(|found| found.into_values().next()).transpose()
    }

    /// When it was committed.
    #[graphql(directive = shared::apply())]
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }
}

/// The source of the events of one execution of `changes`, when the server follows the trail for
/// many subscriptions at once; without it, they come from the trail.
pub enum Source {
    /// From nowhere: the arguments are checked and noted.
    Plan(Arc<OnceLock<Plan>>),
    /// There is this one.
    Event(Event),
}

/// The changes that one subscription follows.
#[derive(Clone)]
pub struct Plan {
    /// The kinds of changes; none for all.
    pub kinds: Vec<change_feed::Kind>,
    /// The revision that it begins after; `None` for the last.
    pub after: Option<i64>,
}

/// What can be followed, at `/graphql/ws` by the protocol graphql-transport-ws.
///
/// Send the token in `connection_init` as `{"authorization": "Bearer …"}`, or in the header. The
/// socket closes with 4403 when it expires or is revoked, and with 4410 when you read too slowly:
/// subscribe again `after` the last revision that came.
#[derive(Default, Description)]
pub struct Subscription;

#[Subscriptions(use_type_description)]
impl Subscription {
    /// One event for every committed change that you may see, in order; `after` resumes from a
    /// revision without a gap or a double.
    #[graphql(directive = shared::apply())]
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only changes of these kinds; all when left out")] kinds: Option<
            Vec<ChangeKind>,
        >,
        #[graphql(
            desc = "Only changes after this revision, those made before you ask included; from now on when left out"
        )]
        after: Option<String>,
    ) -> Result<BoxStream<'static, Result<Change>>> {
        let after = after
            .map(|after| after.parse().ok().filter(|after| *after >= 0).ok_or_else(no_revision))
            .transpose()?;
        let kinds = kinds.unwrap_or_default().into_iter().map(Into::into).collect();
        match ctx.data_opt::<Source>() {
            Some(Source::Event(event)) => {
                return Ok(stream::iter([Ok(Change(event.clone()))]).boxed());
            }
            Some(Source::Plan(plan)) => {
                change_feed::check_after(database(ctx), after).await?;
                // No one else notes anything there.
                plan.set(Plan { kinds, after }).ok();
                return Ok(stream::empty().boxed());
            }
            None => {}
        }
        let free: change_feed::Toll = Arc::new(|_| std::future::ready(()).boxed());
        let events = change_feed::follow(
            &change_feed::Followers::default(),
            database(ctx),
            viewer(ctx),
            kinds,
            after,
            free,
        )
        .await?;
        let rows: Rows = ctx.data_unchecked::<Rows>().clone();
        // Each event is an answer by itself.
        Ok(events.inspect(move |_| rows.reset()).map(|event| event.map(Change)).boxed())
    }
}

fn no_revision() -> Error {
    Error::invalid("after", "is not a revision that the register gave you, as \"4711\"")
}

/// The register's history.
#[derive(Default)]
pub struct RevisionQuery;

#[Object]
impl RevisionQuery {
    /// The last revision of the register. Ask it before what you then keep up to date, and follow
    /// `changes` after it: nothing is missed.
    async fn revision(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(domain::audit::revision(database(ctx)).await?.to_string())
    }
}
