//! Operations of a WebSocket or an event stream: queries and mutations as over HTTP, and
//! subscriptions, whose answers are shared by viewers with the same permissions.
//!
//! An event is resolved a single time for all sockets with the same document, variables and
//! permissions, and its JSON is sent to each. Documents with fields that are specific to a subject,
//! or whose readers are logged, are shared only by that subject's sockets.

use std::{
    collections::{HashMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    time::Instant,
};

use async_graphql::{
    Request as Document, Response as Answer, ServerError, Value,
    parser::types::{ExecutableDocument, OperationType},
};
use axum::body::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::OnceCell;

use super::{
    Step, Steps,
    client::{Client, Protocol},
    messages::{self, Outgoing},
    root,
};
use crate::{
    graphql::{
        batch::Rows,
        errors,
        language::{self, Language},
        request::{AnswerSize, RequestCache},
        subscription::{Plan, Source},
    },
    http::{
        App,
        allowance::Allowance,
        api,
        concurrency_limit::Permit,
        denials::Denials,
        event_stream,
        execution::{Caller, Execution, Ready, execute},
        graphql_request::GraphqlRequest,
        graphql_response::Written,
        lanes, panic_message,
        read_server::note_seen,
        request_record::RequestRecord,
    },
};
use domain::{
    audit::reads::ReadMark,
    auth::viewer::Viewer,
    change_feed::{self, Event},
    database::Committed,
    error::{ConflictReason, Error, FieldErrorCode, LimitReason, Result},
    idempotency::Mutations,
};

/// Number of events whose answers a group stores, for its slower members.
const MAX_ANSWERS: usize = 64;

/// Returns all messages of an operation: its answers and its end, or the errors for which it is not
/// executed.
pub(in crate::http) fn steps(
    app: &App,
    id: Arc<str>,
    graphql_request: GraphqlRequest,
    client: &Client,
) -> Steps {
    let request_id = client.request_id();
    let steps = match prepare(app, graphql_request, client) {
        Ok((ready, cost)) if ready.operation == OperationType::Subscription => {
            let (own, client, refusal_id) = (app.clone(), client.clone(), request_id.clone());
            let begun = async move {
                match Subscription::begin(own, client, ready, cost, &refusal_id).await {
                    Ok(subscription) => subscription.steps(),
                    Err(refused) => stream::iter([Output::Refused(refused)]).boxed(),
                }
            };
            stream::once(begun).flatten().boxed()
        }
        Ok((ready, cost)) => {
            let (own, client, request_id) = (app.clone(), client.clone(), request_id.clone());
            stream::once(async move { answer(&own, &client, ready, cost, &request_id).await })
                .boxed()
        }
        Err(error) => {
            let refused = errors::refused(error, &request_id);
            app.metrics.count_result(None, &refused);
            stream::iter([Output::Refused(refused)]).boxed()
        }
    };
    let (own, noted) = (app.clone(), client.clone());
    let steps = steps.inspect(move |output| output.note_denials(&own, &noted));
    let last = stream::iter([Output::Nothing]);
    let steps =
        AssertUnwindSafe(steps.chain(last)).catch_unwind().map(move |output| match output {
            Ok(output) => output,
            Err(cause) => {
                let cause = std::io::Error::other(format!(
                    "a resolver panicked: {}",
                    panic_message(&*cause)
                ));
                Output::Refused(errors::refused(Error::internal(cause), &request_id))
            }
        });
    let (protocol, language) = (client.protocol, client.language);
    let steps = steps.scan(false, move |is_over, output| {
        let step = (!*is_over).then(|| match protocol {
            Protocol::WebSocket => output.step(&id, language),
            Protocol::EventStream => output.event(language),
        });
        *is_over |= matches!(step, Some(Step::Last(_)));
        let id = Arc::clone(&id);
        async move { step.map(|step| (id, step)) }
    });
    steps.boxed()
}

/// The next message of an operation.
enum Output {
    /// Serialized answer, and its errors.
    Answer(Bytes, Arc<[ServerError]>),
    /// Errors for which it is not executed, or ends.
    Refused(Answer),
    /// End of the operation.
    Nothing,
}

impl Output {
    fn step(&self, id: &str, language: Language) -> Step {
        match self {
            Self::Answer(json, _) => {
                Step::Next(lanes::on_text(json.len(), || messages::next(id, text(json))))
            }
            Self::Refused(answer) => {
                let errors = language::localized(&answer.errors, language);
                Step::Last(Outgoing::Error { id, payload: &errors }.text())
            }
            Self::Nothing => Step::Last(Outgoing::Complete { id }.text()),
        }
    }

    /// Returns the step on an event stream, which has one operation.
    fn event(&self, language: Language) -> Step {
        match self {
            Self::Answer(json, _) => {
                Step::Next(lanes::on_text(json.len(), || event_stream::next(text(json))))
            }
            Self::Refused(answer) => Step::Last(event_stream::refusal(answer, language)),
            Self::Nothing => Step::Last(event_stream::COMPLETE.to_owned()),
        }
    }

    /// Logs and counts the denials of an answer.
    fn note_denials(&self, app: &App, client: &Client) {
        let errors: &[ServerError] = match self {
            Self::Answer(_, errors) => errors,
            Self::Refused(answer) => &answer.errors,
            Self::Nothing => &[],
        };
        if let Some(denials) = Denials::of(Some(&client.viewer.subject), errors) {
            let (method, route) = client.protocol.method_and_route();
            denials.note(app, client.address, method, route);
        }
    }

    /// Returns the message of a serialized answer.
    fn written(written: Written) -> Self {
        if is_refused(&written.answer, 0) {
            return Self::Refused(written.answer);
        }
        Self::Answer(written.json, written.answer.errors.into())
    }
}

/// Returns the text of serialized JSON, which is always UTF-8.
fn text(json: &Bytes) -> &str {
    std::str::from_utf8(json).unwrap_or_default()
}

/// `true` if nothing was executed: there is no data, and no error has a path longer than `levels`.
fn is_refused(answer: &Answer, levels: usize) -> bool {
    answer.is_err()
        && answer.data == Value::Null
        && answer.errors.iter().all(|error| error.path.len() <= levels)
}

/// Finds and measures the document, and takes its cost from the caller's budget.
fn prepare(
    app: &App,
    graphql_request: GraphqlRequest,
    client: &Client,
) -> Result<(Ready, Option<Value>)> {
    let subject = &client.viewer.subject;
    let mut ready = api::prepare(app, graphql_request, subject)?;
    if ready.operation == OperationType::Mutation && !client.allows_mutations {
        let words = "must not be a mutation; send mutations with POST";
        return Err(Error::invalid("query", FieldErrorCode::Unsupported.problem(words)));
    }
    if ready.operation == OperationType::Subscription {
        let name = ready.document.operation_name.clone();
        let mut parsed = ready
            .document
            .parsed_query()
            .map_err(|error| {
                Error::invalid(
                    "query",
                    FieldErrorCode::InvalidDocument.problem(error.message.clone()),
                )
            })?
            .clone();
        root::single(&mut parsed, name.as_deref())?;
        ready.document.set_parsed_query(parsed);
    }
    let cost = Caller::charge(app, subject, ready.figures.complexity, ready.reports_cost)?;
    Ok((ready, cost))
}

/// Executes a query or mutation, which counts among its sender's requests as over HTTP.
async fn answer(
    app: &App,
    client: &Client,
    ready: Ready,
    cost: Option<Value>,
    request_id: &str,
) -> Output {
    let subject = client.viewer.subject.clone();
    let permit = match app.permits.take(&subject) {
        Ok(permit) => Arc::new(permit),
        Err(error) => return Output::Refused(errors::refused(error, request_id)),
    };
    let ready = Ready { document: client.data(ready.document).data(permit), ..ready };
    let (record, began) = (Arc::new(RequestRecord::new(client.address)), Instant::now());
    record.set_subject(&subject);
    let execution = Execution {
        ready,
        subject,
        cost,
        allowance: Allowance::of(app),
        mutations: Arc::default(),
        language: client.language,
        key: None,
        read_mark: ReadMark::default(),
        record: Arc::clone(&record),
        replica: None,
        reports_revision: true,
    };
    let written = execute(app, execution, request_id).await;
    record.note_size(written.json.len());
    record.log_operation(request_id, client.protocol.method_and_route().1, began.elapsed());
    Output::written(written)
}

/// A subscription to `changes`.
struct Subscription {
    app: App,
    client: Client,
    plan: Plan,
    group: Arc<Group>,
    /// Cost of one event.
    points: u64,
    cost: Option<Value>,
    /// Counts among the subject's subscriptions until dropped.
    permit: Permit,
}

impl Subscription {
    /// Validates the document and reads its arguments, as execution without an event does, within
    /// the time of a request.
    async fn begin(
        app: App,
        client: Client,
        ready: Ready,
        cost: Option<Value>,
        request_id: &str,
    ) -> Result<Self, Answer> {
        let (viewer, language) = (&client.viewer, client.language);
        let refuse = |error| errors::refused(error, request_id);
        let permit = app.sockets.subscriptions.try_take(&viewer.subject).ok_or_else(|| {
            let most = app.sockets.subscriptions.most();
            let words = format!("you have {most} subscriptions on all your sockets, which is the maximum; complete one");
            refuse(Error::conflict(ConflictReason::LimitSubscriptions, words))
        })?;
        let Ready { mut document, figures, .. } = ready;
        let parsed = document.parsed_query().cloned();
        let parsed = parsed.map_err(|error| {
            refuse(Error::invalid("query", FieldErrorCode::InvalidDocument.problem(error.message)))
        })?;
        let key = Template::key(figures.is_personal, &document, viewer, language);
        let template = Template {
            key: key.map_err(|cause| refuse(Error::internal(cause)))?,
            parsed,
            query: document.query.clone(),
            operation_name: document.operation_name.clone(),
            variables: document.variables.clone(),
            language,
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
        Ok(Self { app, client, plan, group, points: figures.complexity, cost, permit })
    }

    /// Returns an answer for each event, until one fails.
    fn steps(self) -> stream::BoxStream<'static, Output> {
        let Self { app, client, plan, group, points, mut cost, permit } = self;
        let following = async move {
            let toll = toll(&app, &client.viewer);
            let following = change_feed::follow(
                &app.sockets.followers,
                app.context(&client.viewer),
                plan.kinds,
                plan.after,
                toll,
            );
            let events = match tokio::time::timeout(app.request_time, following).await {
                Ok(Ok(events)) => events.boxed(),
                Ok(Err(error)) => stream::iter([Err(error)]).boxed(),
                Err(_) => stream::iter([Err(late(&app, "to begin"))]).boxed(),
            };
            let shared = Arc::new((app, client, permit));
            events.then(move |event| {
                let (shared, group, cost) = (Arc::clone(&shared), Arc::clone(&group), cost.take());
                async move {
                    let (app, client, _) = &*shared;
                    match event {
                        Ok(event) => {
                            app.budget.wait(&client.viewer.subject, points).await;
                            let revision = event.revision;
                            let output = group.answer(app, client, event, points, cost).await;
                            // The object is as of now.
                            let revision = revision.max(app.db.known_revision());
                            note_seen(app, &client.viewer.subject, revision);
                            output
                        }
                        Err(error) => Output::Refused(errors::refused(error, &client.request_id())),
                    }
                }
            })
        };
        stream::once(following).flatten().boxed()
    }
}

fn late(app: &App, what: &str) -> Error {
    Error::limit(
        LimitReason::LimitTime,
        "query",
        format!(
            "The document took longer than {} s {what}. Request less.",
            app.request_time.as_secs()
        ),
    )
}

/// Number of past revisions that a follower reads per point.
const REVISIONS_PER_POINT: u64 = 5;

/// Makes a follower of past revisions wait until its subject's budget covers the cost of reading
/// them.
fn toll(app: &App, viewer: &Viewer) -> change_feed::CatchUpLimit {
    let (budget, subject) = (Arc::clone(&app.budget), viewer.subject.clone());
    Arc::new(move |revisions| {
        let (budget, subject) = (Arc::clone(&budget), subject.clone());
        async move { budget.wait(&subject, revisions / REVISIONS_PER_POINT).await }.boxed()
    })
}

/// Document of a group, from which a request is created for each event.
struct Template {
    key: String,
    parsed: ExecutableDocument,
    query: String,
    operation_name: Option<String>,
    variables: async_graphql::Variables,
    language: Language,
}

impl Template {
    /// Returns a key of what the answers depend on: the document, its variables, the language and
    /// the viewer's permissions; also the subject if a field is specific to it.
    ///
    /// # Errors
    /// Fails if the variables can't be serialized.
    fn key(
        is_personal: bool,
        document: &Document,
        viewer: &Viewer,
        language: Language,
    ) -> serde_json::Result<String> {
        let subject = if is_personal { viewer.subject.as_str() } else { "" };
        let class = viewer.visibility_class();
        let variables = serde_json::to_string(&document.variables)?;
        let (name, language) = (&document.operation_name, language.tag());
        let text = &document.query;
        Ok(format!("{subject:?}\n{class}\n{language}\n{name:?}\n{variables}\n{text}"))
    }

    fn document(&self) -> Document {
        let mut document = Document::new(self.query.clone()).variables(self.variables.clone());
        document.operation_name.clone_from(&self.operation_name);
        document.set_parsed_query(self.parsed.clone());
        document
    }
}

/// Groups of subscriptions with the same answers.
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

/// An answer, or the cell of one in progress, by revision.
type Resolved = ((i64, Committed), Arc<OnceCell<EventAnswer>>);

/// Serialized answer to an event, and its errors.
type EventAnswer = (Bytes, Arc<[ServerError]>);

/// Subscriptions with the same answers.
struct Group {
    template: Template,
    /// Answers to the last events, by their revision and the last one that was committed when they
    /// were resolved: they describe objects and permissions as of then.
    answers: Mutex<VecDeque<Resolved>>,
}

impl Group {
    /// Returns the answer to an event: the first subscription of the group that needs it resolves
    /// it for all.
    async fn answer(
        &self,
        app: &App,
        client: &Client,
        event: Event,
        points: u64,
        cost: Option<Value>,
    ) -> Output {
        // A subscription that requests its cost gets its own answers.
        if cost.is_some() {
            let resolved = self.resolve(app, client, event, points, cost).await;
            return resolved
                .map_or_else(|output| output, |(json, errors)| Output::Answer(json, errors));
        }
        let known_by = (event.revision, *app.db.changed().borrow());
        let cell = {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            match answers.iter().find(|(resolved, _)| *resolved == known_by) {
                Some((_, known)) => Arc::clone(known),
                None => {
                    if answers.len() >= MAX_ANSWERS {
                        answers.pop_front();
                    }
                    let cell = Arc::default();
                    answers.push_back((known_by, Arc::clone(&cell)));
                    cell
                }
            }
        };
        let resolved =
            cell.get_or_try_init(|| self.resolve(app, client, event, points, None)).await.cloned();
        resolved.map_or_else(|output| output, |(json, errors)| Output::Answer(json, errors))
    }

    /// Executes the document on one event, in the lane of its cost.
    async fn resolve(
        &self,
        app: &App,
        client: &Client,
        event: Event,
        points: u64,
        cost: Option<Value>,
    ) -> Result<EventAnswer, Output> {
        let size = AnswerSize::new(app.answer_bytes);
        let rows = Rows::default();
        let document =
            client.data(self.template.document()).data(Source::Event(event)).data(rows.clone());
        let document = document.data(size.clone()).data(RequestCache::default());
        let (schema, document_text, hides) =
            (app.schema.clone(), self.template.query.clone(), !app.suggestions);
        let (metrics, language) = (Arc::clone(&app.metrics), self.template.language);
        let request_id = client.request_id();
        let id = request_id.clone();
        let resolving = app.lanes.spawn(&client.viewer.subject, points, async move {
            let answer = schema.execute_stream(document).next().await.unwrap_or_default();
            let mut answer = match rows.check() {
                Ok(()) if size.is_exceeded() => errors::refused(size.exceeded(), &id),
                Ok(()) => errors::finish(answer, &document_text, &id),
                Err(error) => errors::refused(error, &id),
            };
            if hides {
                errors::hide_suggestions(&mut answer);
            }
            answer.extensions.extend(cost.map(|cost| ("cost".to_owned(), cost)));
            metrics.count_result(Some(OperationType::Subscription), &answer);
            Written::within(answer, &Mutations::default(), &size, language)
        });
        let written = match tokio::time::timeout(app.request_time, resolving).await {
            Ok(Ok(written)) => written,
            Ok(Err(failed)) => {
                return Err(Output::Refused(errors::refused(Error::internal(failed), &request_id)));
            }
            Err(_) => {
                return Err(Output::Refused(errors::refused(
                    late(app, "for an event"),
                    &request_id,
                )));
            }
        };
        if is_refused(&written.answer, 1) {
            return Err(Output::Refused(written.answer));
        }
        match Output::written(written) {
            Output::Answer(json, errors) => Ok((json, errors)),
            output => Err(output),
        }
    }
}
