//! The operations of a socket: queries and mutations as over HTTP, and subscriptions, whose answers
//! are shared by viewers with the same rights.
//!
//! An event is resolved once for all sockets on which the same document is asked with the same
//! variables by viewers with the same rights, and its JSON is sent to each. Documents with fields
//! that are for one subject only, or whose readers are recorded, are shared by that subject's
//! sockets alone.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use async_graphql::{
    Request as Document, Response as Answer, ServerError, Value,
    parser::types::{ExecutableDocument, OperationType},
};
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{
    METHOD, ROUTE, Step, Steps,
    messages::{self, Outgoing},
    root,
};
use crate::{
    graphql::{
        batch::Rows,
        errors,
        request::{AnswerSize, RequestCache},
        subscription::{Plan, Source},
    },
    http::{
        App, api,
        concurrency_limit::Permit,
        denials::Denials,
        execution::{Allowance, Caller, Execution, Ready, execute},
        graphql_request::GraphqlRequest,
        graphql_response::Written,
        lanes, panic_message,
    },
};
use domain::{
    auth::viewer::Viewer,
    change_feed::{self, Event},
    error::{Error, Result},
    idempotency::Mutations,
};

/// The events of which the answers of a group are remembered for those of it that come a little
/// later.
const REMEMBERED: usize = 64;

/// Everything that an operation says: its answers and then that there are no more, or why it is not
/// executed.
pub(super) fn steps(
    app: &App,
    id: Arc<str>,
    asked: GraphqlRequest,
    viewer: &Viewer,
    address: Option<IpAddr>,
) -> Steps {
    let request_id = Uuid::now_v7().to_string();
    let steps = match prepare(app, asked, viewer) {
        Ok((ready, cost)) if ready.operation == OperationType::Subscription => {
            let (own, viewer, refusal_id) = (app.clone(), viewer.clone(), request_id.clone());
            let begun = async move {
                match Subscription::begin(own, viewer, ready, cost, &refusal_id).await {
                    Ok(subscription) => subscription.steps(),
                    Err(refused) => stream::iter([Said::Refused(refused)]).boxed(),
                }
            };
            stream::once(begun).flatten().boxed()
        }
        Ok((ready, cost)) => {
            let (own, viewer, request_id) = (app.clone(), viewer.clone(), request_id.clone());
            stream::once(async move { answer(&own, viewer, ready, cost, &request_id).await })
                .boxed()
        }
        Err(error) => {
            let refused = errors::refused(error, &request_id);
            app.metrics.count_result(None, &refused);
            stream::iter([Said::Refused(refused)]).boxed()
        }
    };
    let (own, subject) = (app.clone(), viewer.subject.clone());
    let steps = steps.inspect(move |said| said.note_denials(&own, &subject, address));
    let last = stream::iter([Said::Nothing]);
    let steps = AssertUnwindSafe(steps.chain(last)).catch_unwind().map(move |said| match said {
        Ok(said) => said,
        Err(cause) => {
            let cause =
                std::io::Error::other(format!("a resolver panicked: {}", panic_message(&*cause)));
            Said::Refused(errors::refused(Error::internal(cause), &request_id))
        }
    });
    let steps = steps.scan(false, move |is_over, said| {
        let step = (!*is_over).then(|| said.step(&id));
        *is_over |= matches!(step, Some(Step::Last(_)));
        let id = Arc::clone(&id);
        async move { step.map(|step| (id, step)) }
    });
    steps.boxed()
}

/// The next message of an operation.
enum Said {
    /// The JSON of an answer, and what it denies.
    Answer(Arc<String>, Arc<[ServerError]>),
    /// The errors for which it is not executed, or ends.
    Refused(Answer),
    /// There is no more.
    Nothing,
}

impl Said {
    fn step(&self, id: &str) -> Step {
        match self {
            Self::Answer(json, _) => {
                Step::Next(lanes::on_text(json.len(), || messages::next(id, json)))
            }
            Self::Refused(answer) => {
                Step::Last(Outgoing::Error { id, payload: &answer.errors }.text())
            }
            Self::Nothing => Step::Last(Outgoing::Complete { id }.text()),
        }
    }

    /// Logs and counts what an answer denies.
    fn note_denials(&self, app: &App, subject: &str, address: Option<IpAddr>) {
        let errors: &[ServerError] = match self {
            Self::Answer(_, errors) => errors,
            Self::Refused(answer) => &answer.errors,
            Self::Nothing => &[],
        };
        if let Some(denials) = Denials::of(Some(subject), errors) {
            denials.note(app, address, METHOD, ROUTE);
        }
    }

    /// Returns the message for a written answer.
    fn written(written: Written) -> Self {
        if is_refused(&written.answer, 0) {
            return Self::Refused(written.answer);
        }
        Self::Answer(Arc::new(written.json), written.answer.errors.into())
    }
}

/// `true` if nothing was executed: there is no data, and no error stands more than so many fields
/// deep.
fn is_refused(answer: &Answer, levels: usize) -> bool {
    answer.is_err()
        && answer.data == Value::Null
        && answer.errors.iter().all(|error| error.path.len() <= levels)
}

/// Finds and measures the document, and takes its cost from the sender's budget.
fn prepare(app: &App, asked: GraphqlRequest, viewer: &Viewer) -> Result<(Ready, Option<Value>)> {
    let mut ready = api::prepare(app, asked, &viewer.subject)?;
    if ready.operation == OperationType::Subscription {
        let name = ready.document.operation_name.clone();
        let mut parsed = ready
            .document
            .parsed_query()
            .map_err(|error| Error::invalid("query", error.message.clone()))?
            .clone();
        root::single(&mut parsed, name.as_deref())?;
        ready.document.set_parsed_query(parsed);
    }
    let cost = Caller::charge(app, &viewer.subject, ready.figures.complexity, ready.reports_cost)?;
    Ok((ready, cost))
}

/// Answers a query or mutation, which counts among its sender's requests as one over HTTP does.
async fn answer(
    app: &App,
    viewer: Viewer,
    ready: Ready,
    cost: Option<Value>,
    request_id: &str,
) -> Said {
    let permit = match app.permits.take(&viewer.subject) {
        Ok(permit) => Arc::new(permit),
        Err(error) => return Said::Refused(errors::refused(error, request_id)),
    };
    let subject = viewer.subject.clone();
    let ready = Ready { document: ready.document.data(viewer).data(permit), ..ready };
    let execution = Execution {
        ready,
        subject,
        cost,
        allowance: Allowance::of(app),
        mutations: Arc::default(),
    };
    Said::written(execute(app, execution, request_id).await)
}

/// One subscription to `changes`.
struct Subscription {
    app: App,
    viewer: Viewer,
    plan: Plan,
    group: Arc<Group>,
    /// Cost of one event.
    points: u64,
    cost: Option<Value>,
    /// It counts among the subject's subscriptions as long as it is followed.
    permit: Permit,
}

impl Subscription {
    /// Validates the document and reads its arguments, as executing it without any event does,
    /// within the time of a request.
    async fn begin(
        app: App,
        viewer: Viewer,
        ready: Ready,
        cost: Option<Value>,
        request_id: &str,
    ) -> Result<Self, Answer> {
        let refuse = |error| errors::refused(error, request_id);
        let permit = app.sockets.subscriptions.try_take(&viewer.subject).ok_or_else(|| {
            let most = app.sockets.subscriptions.most();
            let words = format!("you have {most} subscriptions on all your sockets, which is the maximum; complete one");
            refuse(Error::conflict("LIMIT_SUBSCRIPTIONS", words))
        })?;
        let Ready { mut document, figures, .. } = ready;
        let parsed = document.parsed_query().cloned();
        let parsed = parsed.map_err(|error| refuse(Error::invalid("query", error.message)))?;
        let template = Template {
            key: Template::key(figures.is_personal, &document, &viewer),
            parsed,
            query: document.query.clone(),
            operation_name: document.operation_name.clone(),
            variables: document.variables.clone(),
        };
        let plan = Arc::new(OnceLock::new());
        let planning = document
            .data(viewer.clone())
            .data(Rows::default())
            .data(Source::Plan(Arc::clone(&plan)));
        let schema = app.schema.clone();
        let planning = app.lanes.spawn(&viewer.subject, figures.complexity, async move {
            schema.execute_stream(planning).next().await
        });
        let planned = tokio::time::timeout(app.request_time, planning).await;
        let planned = planned
            .map_err(|_| refuse(late(&app, "to begin")))?
            .map_err(|failed| refuse(Error::internal(failed)))?;
        // Without an error, there is none.
        if let Some(mut answer) = planned {
            if !app.suggestions {
                errors::hide_suggestions(&mut answer);
            }
            return Err(errors::finish(answer, &template.query, request_id));
        }
        let Some(plan) = plan.get().cloned() else {
            return Err(refuse(Error::internal(std::io::Error::other(
                "a subscription has no plan",
            ))));
        };
        let group = app.sockets.answers.group(template);
        Ok(Self { app, viewer, plan, group, points: figures.complexity, cost, permit })
    }

    /// Says an answer for each event, until there is one that can't be given.
    fn steps(self) -> stream::BoxStream<'static, Said> {
        let Self { app, viewer, plan, group, points, mut cost, permit } = self;
        let following = async move {
            let toll = toll(&app, &viewer);
            let following = change_feed::follow(
                &app.sockets.followers,
                &app.db,
                &viewer,
                plan.kinds,
                plan.after,
                toll,
            );
            let events = match tokio::time::timeout(app.request_time, following).await {
                Ok(Ok(events)) => events.boxed(),
                Ok(Err(error)) => stream::iter([Err(error)]).boxed(),
                Err(_) => stream::iter([Err(late(&app, "to begin"))]).boxed(),
            };
            let shared = Arc::new((app, viewer, permit));
            events.then(move |event| {
                let (shared, group, cost) = (Arc::clone(&shared), Arc::clone(&group), cost.take());
                async move {
                    let (app, viewer, _) = &*shared;
                    match event {
                        Ok(event) => {
                            app.budget.wait(&viewer.subject, points).await;
                            group.said(app, viewer, event, points, cost).await
                        }
                        Err(error) => {
                            Said::Refused(errors::refused(error, &Uuid::now_v7().to_string()))
                        }
                    }
                }
            })
        };
        stream::once(following).flatten().boxed()
    }
}

fn late(app: &App, what: &str) -> Error {
    Error::limit(
        "LIMIT_TIME",
        "query",
        format!(
            "The document took longer than {} s {what}. Ask for less.",
            app.request_time.as_secs()
        ),
    )
}

/// The revisions that a follower looks through for a point, when it follows from long ago.
const REVISIONS_PER_POINT: u64 = 5;

/// Makes a follower wait until its subject's budget has what a part of the trail costs to read.
fn toll(app: &App, viewer: &Viewer) -> change_feed::Toll {
    let (budget, subject) = (Arc::clone(&app.budget), viewer.subject.clone());
    Arc::new(move |revisions| {
        let (budget, subject) = (Arc::clone(&budget), subject.clone());
        async move { budget.wait(&subject, revisions / REVISIONS_PER_POINT).await }.boxed()
    })
}

/// The document of a group, of which a request is made for each event.
struct Template {
    key: String,
    parsed: ExecutableDocument,
    query: String,
    operation_name: Option<String>,
    variables: async_graphql::Variables,
}

impl Template {
    /// Names what the answers depend on: the document, its variables, and the viewer's rights; the
    /// subject too when a field is not the same for all who have these rights.
    fn key(is_personal: bool, document: &Document, viewer: &Viewer) -> String {
        let viewer = Viewer {
            subject: if is_personal { viewer.subject.clone() } else { String::new() },
            ..viewer.clone()
        };
        let variables = serde_json::to_string(&document.variables).unwrap_or_default();
        format!("{viewer:?}\n{:?}\n{variables}\n{}", document.operation_name, document.query)
    }

    fn document(&self) -> Document {
        let mut document = Document::new(self.query.clone()).variables(self.variables.clone());
        document.operation_name.clone_from(&self.operation_name);
        document.set_parsed_query(self.parsed.clone());
        document
    }
}

/// The groups of subscriptions whose answers are the same.
#[derive(Default)]
pub(super) struct SharedAnswers(Mutex<HashMap<String, Weak<Group>>>);

impl std::fmt::Debug for SharedAnswers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedAnswers").finish_non_exhaustive()
    }
}

impl SharedAnswers {
    fn group(&self, template: Template) -> Arc<Group> {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = groups.get(&template.key).and_then(Weak::upgrade) {
            return group;
        }
        groups.retain(|_, group| group.strong_count() > 0);
        let key = template.key.clone();
        let group = Arc::new(Group { template, answers: Mutex::default() });
        groups.insert(key, Arc::downgrade(&group));
        group
    }
}

/// An answer, or the cell of one that is being made.
type Resolved = ((i64, i64), Arc<OnceCell<EventAnswer>>);

/// The JSON of an answer to an event, and its errors.
type EventAnswer = (Arc<String>, Arc<[ServerError]>);

/// The subscriptions whose answers are the same.
struct Group {
    template: Template,
    /// The answers to the last events, by their revision and the last one that was committed when
    /// they were resolved: they describe things as they were then, to those who saw them then.
    answers: Mutex<VecDeque<Resolved>>,
}

impl Group {
    /// The answer to an event: the first of the group that comes to it resolves it for all.
    async fn said(
        &self,
        app: &App,
        viewer: &Viewer,
        event: Event,
        points: u64,
        cost: Option<Value>,
    ) -> Said {
        // A subscription that wants to know its cost gets an answer of its own.
        if cost.is_some() {
            let resolved = self.resolve(app, viewer, event, points, cost).await;
            return resolved.map_or_else(|said| said, |(json, errors)| Said::Answer(json, errors));
        }
        let known_by = (event.revision, *app.db.changed().borrow());
        let cell = {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            match answers.iter().find(|(resolved, _)| *resolved == known_by) {
                Some((_, known)) => Arc::clone(known),
                None => {
                    if answers.len() >= REMEMBERED {
                        answers.pop_front();
                    }
                    let cell = Arc::default();
                    answers.push_back((known_by, Arc::clone(&cell)));
                    cell
                }
            }
        };
        let resolved =
            cell.get_or_try_init(|| self.resolve(app, viewer, event, points, None)).await.cloned();
        resolved.map_or_else(|said| said, |(json, errors)| Said::Answer(json, errors))
    }

    /// Executes the document on one event, in the lane for its cost.
    async fn resolve(
        &self,
        app: &App,
        viewer: &Viewer,
        event: Event,
        points: u64,
        cost: Option<Value>,
    ) -> Result<EventAnswer, Said> {
        let size = AnswerSize::new(app.answer_bytes);
        let rows = Rows::default();
        let document = self
            .template
            .document()
            .data(viewer.clone())
            .data(Source::Event(event))
            .data(rows.clone());
        let document = document.data(size.clone()).data(RequestCache::default());
        let (schema, asked, hides) =
            (app.schema.clone(), self.template.query.clone(), !app.suggestions);
        let metrics = Arc::clone(&app.metrics);
        let resolving = app.lanes.spawn(&viewer.subject, points, async move {
            let request_id = Uuid::now_v7().to_string();
            let answer = schema.execute_stream(document).next().await.unwrap_or_default();
            let mut answer = match rows.check() {
                Ok(()) if size.is_exceeded() => errors::refused(size.exceeded(), &request_id),
                Ok(()) => errors::finish(answer, &asked, &request_id),
                Err(error) => errors::refused(error, &request_id),
            };
            if hides {
                errors::hide_suggestions(&mut answer);
            }
            answer.extensions.extend(cost.map(|cost| ("cost".to_owned(), cost)));
            metrics.count_result(Some(OperationType::Subscription), &answer);
            Written::within(answer, &Mutations::default(), &size)
        });
        let request_id = Uuid::now_v7().to_string();
        let written = match tokio::time::timeout(app.request_time, resolving).await {
            Ok(Ok(written)) => written,
            Ok(Err(failed)) => {
                return Err(Said::Refused(errors::refused(Error::internal(failed), &request_id)));
            }
            Err(_) => {
                return Err(Said::Refused(errors::refused(late(app, "for an event"), &request_id)));
            }
        };
        if is_refused(&written.answer, 1) {
            return Err(Said::Refused(written.answer));
        }
        match Said::written(written) {
            Said::Answer(json, errors) => Ok((json, errors)),
            said => Err(said),
        }
    }
}
