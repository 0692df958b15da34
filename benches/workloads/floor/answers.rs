//! The answers of the hand-written handlers, as `serde_json` writes them.

use chrono::NaiveDate;
use domain::invoices::{amounts, outstanding};
use entity::{
    id::{Identifier, InvoiceId, MemberId},
    invoice,
    money::Money,
    term::{Status, Term},
};
use serde::Serialize;
use uuid::Uuid;

use super::statements::{
    BuyerRow, DeadlineRow, InvoiceRow, MemberRow, OutsideRow, OverdueRow, RevenueRow, TrendRow,
};

/// An answer.
#[derive(Serialize)]
pub struct Data<T> {
    pub data: T,
}

#[derive(Serialize)]
struct Nodes<T> {
    nodes: Vec<T>,
}

#[derive(Serialize)]
struct Named {
    name: String,
}

/// Answer of W1.
#[derive(Serialize)]
pub struct Members {
    members: Nodes<MemberNode>,
}

#[derive(Serialize)]
struct MemberNode {
    id: String,
    name: String,
    agreements: Nodes<AgreementNode>,
}

#[derive(Serialize)]
struct AgreementNode {
    number: Option<String>,
    status: &'static str,
    activity: Option<Named>,
}

impl Members {
    /// Returns the answer from rows in the order of their members.
    pub fn of(rows: Vec<MemberRow>, today: NaiveDate) -> Self {
        let (mut nodes, mut last) = (Vec::<MemberNode>::new(), None);
        for row in rows {
            let (
                id,
                name,
                number,
                starts_on,
                ends_on,
                notice_months,
                renewal_months,
                signed_on,
                withdrawn_on,
                notice_given_on,
                replaced_from,
                activity,
            ) = row;
            if last.replace(id) != Some(id) {
                let agreements = Nodes { nodes: Vec::new() };
                nodes.push(MemberNode { id: MemberId(id).global_id(), name, agreements });
            }
            let (Some(starts_on), Some(member)) = (starts_on, nodes.last_mut()) else { continue };
            let term = Term {
                starts_on,
                ends_on,
                notice_months: notice_months.unwrap_or_default(),
                renewal_months,
                offered_on: signed_on,
                signed_on,
                withdrawn_on,
                notice_given_on,
                replaced_from,
            };
            member.agreements.nodes.push(AgreementNode {
                number,
                status: word(term.status(today)),
                activity: activity.map(|name| Named { name }),
            });
        }
        Self { members: Nodes { nodes } }
    }
}

/// Returns the word of a status in the API.
fn word(status: Status) -> &'static str {
    match status {
        Status::Draft => "DRAFT",
        Status::Offered => "OFFERED",
        Status::Signed => "SIGNED",
        Status::Active => "ACTIVE",
        Status::NoticeGiven => "NOTICE_GIVEN",
        Status::Ended => "ENDED",
        Status::Withdrawn => "WITHDRAWN",
    }
}

/// Answer of W2.
#[derive(Serialize)]
pub struct Member {
    member: Option<MemberWithInvoices>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MemberWithInvoices {
    id: String,
    name: String,
    org_number: Option<String>,
    invoices: Nodes<InvoiceNode>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InvoiceNode {
    number: Option<String>,
    issued_on: Option<NaiveDate>,
    due_on: Option<NaiveDate>,
    total: String,
    outstanding: String,
    status: &'static str,
}

impl Member {
    /// Returns the answer from the rows of this member's invoices.
    pub fn of(id: Uuid, rows: Vec<BuyerRow>, today: NaiveDate) -> Self {
        let (mut buyer, mut nodes) = (None, Vec::new());
        for row in rows {
            let (
                number,
                issued,
                due,
                total,
                paid,
                credited,
                off,
                first,
                settled,
                on,
                id,
                name,
                org,
            ) = row;
            let row = (number, issued, due, total, paid, credited, off, first, settled, on, id);
            let invoice = invoice_of(row);
            buyer.get_or_insert((name, org));
            nodes.push(InvoiceNode {
                status: amounts::state(&invoice, today).word(),
                total: invoice.total.to_string(),
                outstanding: outstanding(&invoice).to_string(),
                number: invoice.number,
                issued_on: invoice.issued_on,
                due_on: invoice.due_on,
            });
        }
        let member = buyer.map(|(name, org_number)| MemberWithInvoices {
            id: MemberId(id).global_id(),
            name,
            org_number,
            invoices: Nodes { nodes },
        });
        Self { member }
    }
}

/// Returns an invoice with the columns that its status follows from.
fn invoice_of(row: InvoiceRow) -> invoice::Model {
    let (number, issued_on, due_on, total, paid, credited, written_off, first, settled, on, id) =
        row;
    invoice::Model {
        id: InvoiceId(id),
        number,
        issued_on,
        due_on,
        total: Money(total),
        paid: Money(paid),
        credited: Money(credited),
        written_off: Money(written_off),
        first_paid_on: first,
        settled_on: settled,
        credited_on: on,
        ..invoice::Model::default()
    }
}

/// Answer of W3.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Expiring {
    expiring_agreements: Nodes<ExpiringNode>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExpiringNode {
    number: Option<String>,
    next_deadline: DeadlineNode,
    counterparty: Option<Named>,
    activity: Option<Named>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeadlineNode {
    kind: String,
    deadline_on: NaiveDate,
}

impl Expiring {
    /// Returns the answer from the rows of deadlines.
    pub fn of(rows: Vec<DeadlineRow>) -> Self {
        let node = |(number, kind, deadline_on, counterparty, activity): DeadlineRow| {
            let named = |name: Option<String>| name.map(|name| Named { name });
            ExpiringNode {
                number,
                next_deadline: DeadlineNode { kind, deadline_on },
                counterparty: named(counterparty),
                activity: named(activity),
            }
        };
        Self { expiring_agreements: Nodes { nodes: rows.into_iter().map(node).collect() } }
    }
}

/// Answer of W4.
#[derive(Serialize)]
pub struct Revenue {
    revenue: Report,
}

#[derive(Serialize)]
struct Report {
    rows: Vec<ReportRow>,
    total: Total,
}

#[derive(Serialize)]
struct ReportRow {
    activity: Named,
    period: String,
    net: String,
}

#[derive(Serialize)]
struct Total {
    net: String,
}

impl Revenue {
    /// Returns the answer from sums by activity and year.
    pub fn of(rows: Vec<RevenueRow>) -> Self {
        let net = rows.iter().map(|(.., net)| net).sum();
        let row = |(name, period, net): RevenueRow| ReportRow {
            activity: Named { name },
            period,
            net: Money(net).to_string(),
        };
        let rows = rows.into_iter().map(row).collect();
        Self { revenue: Report { rows, total: Total { net: Money(net).to_string() } } }
    }
}

/// Answer of W5.
#[derive(Serialize)]
pub struct Page {
    invoices: Invoices,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invoices {
    nodes: Vec<PageNode>,
    page_info: PageInfo,
}

#[derive(Serialize)]
struct PageNode {
    number: Option<String>,
    total: String,
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

impl Page {
    /// Returns the answer from up to 51 rows.
    pub fn of(mut rows: Vec<InvoiceRow>, today: NaiveDate) -> Self {
        let has_next_page = rows.len() > 50;
        rows.truncate(50);
        let mut end_cursor = None;
        let node = |row: InvoiceRow| {
            let invoice = invoice_of(row);
            end_cursor = Some((invoice.total.0, invoice.id));
            PageNode {
                status: amounts::state(&invoice, today).word(),
                total: invoice.total.to_string(),
                number: invoice.number,
            }
        };
        let nodes = rows.into_iter().map(node).collect();
        let end_cursor = end_cursor.map(|(total, id)| format!("{total}:{}", id.global_id()));
        Self { invoices: Invoices { nodes, page_info: PageInfo { has_next_page, end_cursor } } }
    }
}

/// Nodes, and the number of all that the filter matches.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counted<T> {
    total_count: i64,
    nodes: Vec<T>,
}

/// Answer of W7.
#[derive(Serialize)]
pub struct Overdue {
    invoices: Counted<OverdueNode>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OverdueNode {
    number: Option<String>,
    due_on: Option<NaiveDate>,
    outstanding: String,
}

impl Overdue {
    /// Returns the answer from the rows of invoices.
    pub fn of(rows: Vec<OverdueRow>) -> Self {
        let total_count = rows.first().map_or(0, |row| row.0);
        let node = |(_, number, due_on, outstanding): OverdueRow| OverdueNode {
            number,
            due_on,
            outstanding: Money(outstanding).to_string(),
        };
        Self { invoices: Counted { total_count, nodes: rows.into_iter().map(node).collect() } }
    }
}

/// Answer of W8.
#[derive(Serialize)]
pub struct MemberRevenue {
    revenue: MemberReport,
}

#[derive(Serialize)]
struct MemberReport {
    rows: Vec<MemberReportRow>,
    total: Total,
}

#[derive(Serialize)]
struct MemberReportRow {
    member: Named,
    net: String,
}

impl MemberRevenue {
    /// Returns the answer from sums by member.
    pub fn of(rows: Vec<(String, i64)>) -> Self {
        let net = rows.iter().map(|(_, net)| net).sum();
        let row = |(name, net): (String, i64)| MemberReportRow {
            member: Named { name },
            net: Money(net).to_string(),
        };
        let rows = rows.into_iter().map(row).collect();
        Self { revenue: MemberReport { rows, total: Total { net: Money(net).to_string() } } }
    }
}

/// Answer of W10.
#[derive(Serialize)]
pub struct Outside {
    members: Counted<Named>,
}

impl Outside {
    /// Returns the answer from the rows of members.
    pub fn of(rows: Vec<OutsideRow>) -> Self {
        let total_count = rows.first().map_or(0, |row| row.0);
        let nodes = rows.into_iter().map(|(_, name)| Named { name }).collect();
        Self { members: Counted { total_count, nodes } }
    }
}

/// Answer of W11.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Matrix {
    activity_matrix: Activities,
}

#[derive(Serialize)]
struct Activities {
    activities: Vec<ActivityTrend>,
}

#[derive(Serialize)]
struct ActivityTrend {
    activity: Named,
    trend: Trend,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trend {
    joined_count: i64,
    left_count: i64,
}

impl Matrix {
    /// Returns the answer from the rows of activities.
    pub fn of(rows: Vec<TrendRow>) -> Self {
        let trend = |(name, joined_count, left_count): TrendRow| ActivityTrend {
            activity: Named { name },
            trend: Trend { joined_count, left_count },
        };
        let activities = rows.into_iter().map(trend).collect();
        Self { activity_matrix: Activities { activities } }
    }
}

/// Answer of W6.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Issued {
    invoice_issue: IssuePayload,
}

#[derive(Serialize)]
struct IssuePayload {
    invoice: IssuedInvoice,
}

#[derive(Serialize)]
struct IssuedInvoice {
    id: String,
    number: String,
    total: String,
}

impl Issued {
    /// Returns the answer for an invoice of this total.
    pub fn of(id: Uuid, number: i64, total: i64) -> Self {
        let invoice = IssuedInvoice {
            id: InvoiceId(id).global_id(),
            number: number.to_string(),
            total: Money(total).to_string(),
        };
        Self { invoice_issue: IssuePayload { invoice } }
    }
}
