//! Hand-written handlers with the same answers: the floor that the program is compared with. They
//! read the same database, have no GraphQL, no permissions and no audit trail, and use only the
//! value types and status rules of the register.

pub mod answers;
pub mod statements;

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chrono::{Days, NaiveDate};
use serde::Deserialize;
use uuid::Uuid;

use self::{
    answers::{
        Data, Expiring, Issued, Matrix, Member, MemberRevenue, Members, Outside, Overdue, Page,
        Revenue,
    },
    statements::{Issue, IssueLine, Statements},
};

/// State of the handlers.
#[derive(Clone, Debug)]
pub struct Floor<S> {
    statements: S,
    today: NaiveDate,
}

/// A request that failed, with the reason.
struct Failed(String);

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0).into_response()
    }
}

type Answer<T> = Result<Json<Data<T>>, Failed>;

/// Returns the router of the handlers.
pub fn router<S: Statements>(statements: S, today: NaiveDate) -> Router {
    Router::new()
        .route("/W1", get(members::<S>))
        .route("/W2/{id}", get(member::<S>))
        .route("/W3", get(expiring::<S>))
        .route("/W4", get(revenue::<S>))
        .route("/W5/{after}", get(page::<S>))
        .route("/W6", post(issue::<S>))
        .route("/W7", get(overdue::<S>))
        .route("/W8", get(revenue_by_member::<S>))
        .route("/W10", get(outside::<S>))
        .route("/W11", get(trend::<S>))
        .with_state(Arc::new(Floor { statements, today }))
}

async fn members<S: Statements>(State(floor): State<Arc<Floor<S>>>) -> Answer<Members> {
    let rows = floor.statements.members().await?;
    Ok(Json(Data { data: Members::of(rows, floor.today) }))
}

async fn member<S: Statements>(
    State(floor): State<Arc<Floor<S>>>,
    Path(id): Path<String>,
) -> Answer<Member> {
    let id = uuid_of(&id)?;
    let rows = floor.statements.member(id).await?;
    Ok(Json(Data { data: Member::of(id, rows, floor.today) }))
}

async fn expiring<S: Statements>(State(floor): State<Arc<Floor<S>>>) -> Answer<Expiring> {
    let to = floor.today.checked_add_days(Days::new(90)).unwrap_or(floor.today);
    let rows = floor.statements.expiring(floor.today, to).await?;
    Ok(Json(Data { data: Expiring::of(rows) }))
}

async fn revenue<S: Statements>(State(floor): State<Arc<Floor<S>>>) -> Answer<Revenue> {
    Ok(Json(Data { data: Revenue::of(floor.statements.revenue().await?) }))
}

async fn page<S: Statements>(
    State(floor): State<Arc<Floor<S>>>,
    Path(after): Path<String>,
) -> Answer<Page> {
    let (total, id) = after.split_once(':').ok_or_else(|| Failed("no cursor".to_owned()))?;
    let rows = floor.statements.page((total.parse()?, uuid_of(id)?)).await?;
    Ok(Json(Data { data: Page::of(rows, floor.today) }))
}

async fn overdue<S: Statements>(State(floor): State<Arc<Floor<S>>>) -> Answer<Overdue> {
    Ok(Json(Data { data: Overdue::of(floor.statements.overdue(floor.today).await?) }))
}

async fn revenue_by_member<S: Statements>(
    State(floor): State<Arc<Floor<S>>>,
) -> Answer<MemberRevenue> {
    Ok(Json(Data { data: MemberRevenue::of(floor.statements.revenue_by_member().await?) }))
}

async fn outside<S: Statements>(State(floor): State<Arc<Floor<S>>>) -> Answer<Outside> {
    Ok(Json(Data { data: Outside::of(floor.statements.outside(floor.today).await?) }))
}

async fn trend<S: Statements>(State(floor): State<Arc<Floor<S>>>) -> Answer<Matrix> {
    let compared_to = NaiveDate::from_ymd_opt(2025, 11, 30).unwrap_or(floor.today);
    let rows = floor.statements.trend(floor.today, compared_to).await?;
    Ok(Json(Data { data: Matrix::of(rows) }))
}

/// Body of W6.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Draft {
    buyer_id: String,
    lines: Vec<DraftLine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DraftLine {
    description: String,
    activity_id: String,
    unit_price: String,
}

async fn issue<S: Statements>(State(floor): State<Arc<Floor<S>>>, body: Bytes) -> Answer<Issued> {
    let draft: Draft = serde_json::from_slice(&body)?;
    let (id, mut lines, mut net) = (Uuid::now_v7(), Vec::new(), 0);
    for line in draft.lines {
        let price: entity::money::Money = line.unit_price.parse()?;
        net += price.0;
        let activity = uuid_of(&line.activity_id)?;
        lines.push(IssueLine { description: line.description, activity, net: price.0 });
    }
    let vat = net / 4;
    let due_on = floor.today.checked_add_days(Days::new(30)).unwrap_or(floor.today);
    let (buyer, issued_on) = (uuid_of(&draft.buyer_id)?, floor.today);
    let number =
        floor.statements.issue(Issue { id, buyer, issued_on, due_on, net, vat, lines }).await?;
    Ok(Json(Data { data: Issued::of(id, number, net + vat) }))
}

/// Returns the UUID of a global id.
fn uuid_of(id: &str) -> Result<Uuid, Failed> {
    Ok(Uuid::try_parse(id.rsplit('_').next().unwrap_or_default())?)
}
