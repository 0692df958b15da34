//! The documents of the workloads W1 to W11, with their variables: for benchmarks, instruction
//! counts and tests of statements.

use serde_json::{Value, json};

/// A workload: its name, document and variables.
#[derive(Clone, Debug)]
pub struct Workload {
    /// `W1` to `W11`.
    pub name: &'static str,
    /// The document.
    pub document: &'static str,
    /// Its variables.
    pub variables: Value,
}

/// W1: 50 members with their agreements and the activities of these.
pub const MEMBERS: &str = "{ members(first: 50) { nodes { id name agreements(first: 5) { nodes { number status activity { name } } } } } }";

/// W2: a member with its last ten invoices.
const MEMBER: &str = "query($id: ID!) { member(by: { id: $id }) { id name orgNumber invoices(first: 10, orderBy: { field: ISSUED_ON, direction: DESC }) { nodes { number issuedOn dueOn total outstanding status } } } }";

/// W3: the first hundred agreements that expire within 90 days.
const EXPIRING: &str = "{ expiringAgreements(withinDays: 90, first: 100) { nodes { number nextDeadline { kind deadlineOn } counterparty { ... on Member { name } } activity { name } } } }";

/// W4: revenue by activity and year.
const REVENUE: &str = "{ revenue(input: { from: \"2021-01-01\", to: \"2026-12-31\", groupBy: [ACTIVITY, YEAR] }) { rows { activity { name } period net } total { net } } }";

/// W5: a page of 50 invoices by total, after a cursor.
const PAGE: &str = "query($after: String) { invoices(first: 50, after: $after, orderBy: { field: TOTAL }) { nodes { number total status } pageInfo { hasNextPage endCursor } } }";

/// W6: an invoice of three lines, drafted and issued.
const ISSUE: &str = "mutation($input: InvoiceIssueInput!) { invoiceIssue(input: $input) { invoice { id number total } } }";

/// W7: the first 50 overdue invoices, and the number of all.
const OVERDUE: &str = "{ invoices(filter: { status: [OVERDUE] }, first: 50, orderBy: { field: DUE_ON }) { totalCount nodes { number dueOn outstanding } } }";

/// W8: revenue of a year by member.
const REVENUE_BY_MEMBER: &str = "{ revenue(input: { from: \"2026-01-01\", to: \"2026-12-31\", groupBy: [MEMBER] }) { rows { member { name } net } total { net } } }";

/// W9: accrued revenue of a year by activity and month.
const ACCRUED: &str = "{ revenue(input: { from: \"2026-01-01\", to: \"2026-12-31\", basis: ACCRUED, groupBy: [ACTIVITY, MONTH] }) { rows { activity { name } period net } total { net } } }";

/// W10: the first 50 members without an agreement about an activity, and the number of all.
const OUTSIDE: &str = "{ members(filter: { notInActivitySlugs: [\"activity-0\"] }, first: 50) { totalCount nodes { name } } }";

/// W11: members that joined and left each activity in a year.
const TREND: &str = "{ activityMatrix(comparedTo: \"2025-11-30\") { activities { activity { name } trend { joinedCount leftCount } } } }";

/// Objects of a register that the variables name.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Ids of the first 50 members, which can all be invoiced.
    pub members: Vec<String>,
    /// Id of an activity.
    pub activity: String,
    /// Cursor after nine tenths of the invoices by total.
    pub after: String,
    /// Id of the invoice at that cursor.
    pub last: String,
}

impl Facts {
    /// Finds the objects; `ask` returns the data of the answer to a document with variables.
    pub async fn find(mut ask: impl AsyncFnMut(&str, Value) -> Value) -> Self {
        let document = "{ members(first: 50) { nodes { id } } activities(first: 1) { nodes { id } } invoices(first: 0) { totalCount } }";
        let data = ask(document, json!({})).await;
        let members = data["members"]["nodes"].as_array().into_iter().flatten();
        let mut found = Self {
            members: members.map(|member| text(&member["id"])).collect(),
            activity: text(&data["activities"]["nodes"][0]["id"]),
            ..Self::default()
        };
        // From the back, which is a ninth of the distance.
        let mut left = data["invoices"]["totalCount"].as_u64().unwrap_or_default() / 10;
        let mut before = Value::Null;
        while left > 0 {
            let last = left.min(200);
            let document = "query($before: String, $last: Int!) { invoices(last: $last, before: $before, orderBy: { field: TOTAL }) { nodes { id } pageInfo { startCursor } } }";
            let page = ask(document, json!({ "before": before, "last": last })).await;
            before = page["invoices"]["pageInfo"]["startCursor"].clone();
            found.last = text(&page["invoices"]["nodes"][0]["id"]);
            left -= last;
        }
        found.after = text(&before);
        found
    }

    /// Returns W1 to W5.
    pub fn reads(&self) -> [Workload; 5] {
        let member = self.members.get(10).or(self.members.first());
        let workload = |name, document, variables| Workload { name, document, variables };
        [
            workload("W1", MEMBERS, json!({})),
            workload("W2", MEMBER, json!({ "id": member })),
            workload("W3", EXPIRING, json!({})),
            workload("W4", REVENUE, json!({})),
            workload("W5", PAGE, json!({ "after": self.after })),
        ]
    }

    /// Returns W7 to W11, which read more rows the larger the register is.
    pub fn wide_reads() -> [Workload; 5] {
        let workload = |name, document| Workload { name, document, variables: json!({}) };
        [
            workload("W7", OVERDUE),
            workload("W8", REVENUE_BY_MEMBER),
            workload("W9", ACCRUED),
            workload("W10", OUTSIDE),
            workload("W11", TREND),
        ]
    }

    /// Returns W6 for the buyer with this position.
    pub fn issue(&self, position: usize) -> Workload {
        let buyer = &self.members[position % self.members.len().max(1)];
        let lines: Vec<_> = [400, 800, 1200]
            .into_iter()
            .map(|price| {
                json!({
                    "description": "Särskild avgift",
                    "activityId": self.activity,
                    "suppliedOn": "2026-11-01",
                    "unitPrice": format!("{price}.00"),
                    "vatRate": "STANDARD_25",
                })
            })
            .collect();
        let input = json!({ "draft": { "buyerId": buyer, "lines": lines } });
        Workload { name: "W6", document: ISSUE, variables: json!({ "input": input }) }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
