//! The SQL of the hand-written handlers: one statement an answer, on SQLite and on PostgreSQL.

use chrono::NaiveDate;
use sea_orm::sqlx::{self, PgPool, SqlitePool, query, query_as, query_scalar};
use uuid::Uuid;

/// Id and name of a member; of an agreement, its number, first and last day, months of notice and
/// of renewal, and days of signature, withdrawal, notice and replacement; name of its activity.
pub type MemberRow = (
    Uuid,
    String,
    Option<String>,
    Option<NaiveDate>,
    Option<NaiveDate>,
    Option<i32>,
    Option<i32>,
    Option<NaiveDate>,
    Option<NaiveDate>,
    Option<NaiveDate>,
    Option<NaiveDate>,
    Option<String>,
);

/// Number, day of issue, due date, total, paid, credited and written-off sums of an invoice, days
/// of its first payment, settlement and credit, and id.
pub type InvoiceRow = (
    Option<String>,
    Option<NaiveDate>,
    Option<NaiveDate>,
    i64,
    i64,
    i64,
    i64,
    Option<NaiveDate>,
    Option<NaiveDate>,
    Option<NaiveDate>,
    Uuid,
);

/// An invoice, and the name and organisation number of its buyer.
pub type BuyerRow = (
    Option<String>,
    Option<NaiveDate>,
    Option<NaiveDate>,
    i64,
    i64,
    i64,
    i64,
    Option<NaiveDate>,
    Option<NaiveDate>,
    Option<NaiveDate>,
    Uuid,
    String,
    Option<String>,
);

/// Number of an agreement, kind and day of its deadline, names of counterparty and activity.
pub type DeadlineRow = (Option<String>, String, NaiveDate, Option<String>, Option<String>);

/// Name of an activity, year and net sum.
pub type RevenueRow = (String, String, i64);

/// Number of all overdue invoices; number, due date and outstanding sum of one.
pub type OverdueRow = (i64, Option<String>, Option<NaiveDate>, i64);

/// Number of all members without an agreement; name of one.
pub type OutsideRow = (i64, String);

/// Name of an activity, and the numbers of members that joined and left it.
pub type TrendRow = (String, i64, i64);

/// An invoice to issue, with its sums.
#[derive(Clone, Debug)]
pub struct Issue {
    pub id: Uuid,
    pub buyer: Uuid,
    pub issued_on: NaiveDate,
    pub due_on: NaiveDate,
    pub net: i64,
    pub vat: i64,
    pub lines: Vec<IssueLine>,
}

/// A line of it.
#[derive(Clone, Debug)]
pub struct IssueLine {
    pub description: String,
    pub activity: Uuid,
    pub net: i64,
}

const MEMBERS: &str = "SELECT m.id, m.name, a.number, a.starts_on, a.ends_on, a.notice_months, \
    a.renewal_months, a.signed_on, a.withdrawn_on, a.notice_given_on, a.replaced_from, v.name \
    FROM (SELECT id, name, name_key FROM member ORDER BY name_key, id LIMIT 50) m \
    LEFT JOIN agreement a ON a.member_id = m.id LEFT JOIN activity v ON v.id = a.activity_id \
    ORDER BY m.name_key, m.id, a.number_key, a.id";

const MEMBER: &str = "SELECT i.number, i.issued_on, i.due_on, i.total, i.paid, i.credited, \
    i.written_off, i.first_paid_on, i.settled_on, i.credited_on, i.id, m.name, m.org_number \
    FROM (SELECT * FROM invoice WHERE member_id = $1 ORDER BY issued_on DESC, id DESC LIMIT 10) i \
    JOIN member m ON m.id = i.member_id ORDER BY i.issued_on DESC, i.id DESC";

const EXPIRING: &str = "SELECT a.number, d.kind, d.deadline_on, m.name, v.name \
    FROM (SELECT * FROM floor_deadline WHERE deadline_on BETWEEN $1 AND $2 \
    ORDER BY deadline_on, agreement_id LIMIT 100) d JOIN agreement a ON a.id = d.agreement_id \
    LEFT JOIN member m ON m.id = a.member_id LEFT JOIN activity v ON v.id = a.activity_id \
    ORDER BY d.deadline_on, d.agreement_id";

const PAGE: &str = "SELECT number, issued_on, due_on, total, paid, credited, written_off, \
    first_paid_on, settled_on, credited_on, id FROM invoice WHERE (total, id) > ($1, $2) \
    ORDER BY total, id LIMIT 51";

const OVERDUE: &str = "SELECT (SELECT COUNT(*) FROM invoice WHERE kind = 'INVOICE' \
    AND due_on < $1 AND settled_on IS NULL AND credited_on IS NULL), number, due_on, \
    total - paid - credited - written_off FROM invoice WHERE kind = 'INVOICE' AND due_on < $1 \
    AND settled_on IS NULL AND credited_on IS NULL ORDER BY due_on, id LIMIT 50";

const REVENUE_BY_MEMBER: &str = "SELECT m.name, CAST(SUM(l.net) AS bigint) FROM invoice i \
    JOIN invoice_line l ON l.invoice_id = i.id JOIN member m ON m.id = i.member_id \
    WHERE i.kind = 'INVOICE' AND i.issued_on BETWEEN '2026-01-01' AND '2026-12-31' \
    GROUP BY m.id, m.name, m.name_key ORDER BY m.name_key, m.id";

/// Every agreement of these registers is signed, and none has notice given of it.
const OUTSIDE: &str = "WITH outside AS (SELECT m.id, m.name, m.name_key FROM member m \
    WHERE NOT EXISTS (SELECT 1 FROM agreement a JOIN activity v ON v.id = a.activity_id WHERE a.member_id = m.id \
    AND a.kind = 'PARTICIPATION' AND v.slug = 'activity-0' AND a.starts_on <= $1 \
    AND (a.ends_on >= $1 OR a.renewal_months IS NOT NULL))) \
    SELECT (SELECT COUNT(*) FROM outside), name FROM outside ORDER BY name_key, id LIMIT 50";

const TREND: &str = "SELECT v.name, COUNT(*) FILTER (WHERE f.is_in = 1 AND f.was_in = 0), \
    COUNT(*) FILTER (WHERE f.is_in = 0 AND f.was_in = 1) FROM (SELECT activity_id, member_id, \
    MAX(CASE WHEN ends_on >= $1 OR renewal_months IS NOT NULL THEN 1 ELSE 0 END) AS is_in, \
    MAX(CASE WHEN ends_on >= $2 OR renewal_months IS NOT NULL THEN 1 ELSE 0 END) AS was_in \
    FROM agreement WHERE kind = 'PARTICIPATION' AND starts_on <= $2 \
    GROUP BY activity_id, member_id) f JOIN activity v ON v.id = f.activity_id \
    GROUP BY v.name, v.name_key ORDER BY v.name_key";

/// The statement of W4 with this expression for the year of issue.
macro_rules! revenue {
    ($year:literal) => {
        concat!(
            "SELECT v.name, ",
            $year,
            ", CAST(SUM(l.net) AS bigint) FROM invoice i JOIN invoice_line l ON l.invoice_id = i.id \
             JOIN activity v ON v.id = l.activity_id WHERE i.kind = 'INVOICE' AND i.issued_on \
             BETWEEN '2021-01-01' AND '2026-12-31' GROUP BY v.name, v.name_key, 2 ORDER BY 2, v.name_key"
        )
    };
}

/// The tables that only the hand-written handlers use: deadlines as a nightly job would store
/// them, and invoices without a trail. `{date}` and `{id}` are types.
pub const TABLES: &str = "DROP TABLE IF EXISTS floor_deadline; DROP TABLE IF EXISTS floor_line; \
    DROP TABLE IF EXISTS floor_invoice; DROP TABLE IF EXISTS floor_series; \
    CREATE TABLE floor_deadline (agreement_id {id} NOT NULL, kind text NOT NULL, \
    deadline_on {date} NOT NULL, PRIMARY KEY (deadline_on, agreement_id)); \
    CREATE TABLE floor_series (last bigint NOT NULL); INSERT INTO floor_series VALUES (100000); \
    CREATE TABLE floor_invoice (id {id} NOT NULL PRIMARY KEY, number bigint NOT NULL UNIQUE, \
    member_id {id} NOT NULL REFERENCES member (id), issued_on {date} NOT NULL, \
    due_on {date} NOT NULL, net bigint NOT NULL, vat bigint NOT NULL, total bigint NOT NULL); \
    CREATE INDEX floor_invoice__member_id ON floor_invoice (member_id, issued_on); \
    CREATE TABLE floor_line (invoice_id {id} NOT NULL REFERENCES floor_invoice (id), \
    position integer NOT NULL, description text NOT NULL, activity_id {id} NOT NULL REFERENCES \
    activity (id), net bigint NOT NULL, PRIMARY KEY (invoice_id, position));";

/// The statements on one kind of database.
pub trait Statements: Clone + Send + Sync + 'static {
    /// W1.
    fn members(&self) -> impl Future<Output = sqlx::Result<Vec<MemberRow>>> + Send;
    /// W2.
    fn member(&self, id: Uuid) -> impl Future<Output = sqlx::Result<Vec<BuyerRow>>> + Send;
    /// W3.
    fn expiring(
        &self,
        from: NaiveDate,
        to: NaiveDate,
    ) -> impl Future<Output = sqlx::Result<Vec<DeadlineRow>>> + Send;
    /// W4.
    fn revenue(&self) -> impl Future<Output = sqlx::Result<Vec<RevenueRow>>> + Send;
    /// W5.
    fn page(
        &self,
        after: (i64, Uuid),
    ) -> impl Future<Output = sqlx::Result<Vec<InvoiceRow>>> + Send;
    /// W7.
    fn overdue(
        &self,
        today: NaiveDate,
    ) -> impl Future<Output = sqlx::Result<Vec<OverdueRow>>> + Send;
    /// W8: name and net sum of each member.
    fn revenue_by_member(&self) -> impl Future<Output = sqlx::Result<Vec<(String, i64)>>> + Send;
    /// W10.
    fn outside(
        &self,
        today: NaiveDate,
    ) -> impl Future<Output = sqlx::Result<Vec<OutsideRow>>> + Send;
    /// W11.
    fn trend(
        &self,
        today: NaiveDate,
        compared_to: NaiveDate,
    ) -> impl Future<Output = sqlx::Result<Vec<TrendRow>>> + Send;
    /// W6: issues an invoice, and returns its number.
    fn issue(&self, issue: Issue) -> impl Future<Output = sqlx::Result<i64>> + Send;
}

/// The reading statements, which both databases understand.
macro_rules! reads {
    ($pool:ident, $year:literal) => {
        async fn members(&self) -> sqlx::Result<Vec<MemberRow>> {
            query_as(MEMBERS).fetch_all(&self.$pool).await
        }

        async fn member(&self, id: Uuid) -> sqlx::Result<Vec<BuyerRow>> {
            query_as(MEMBER).bind(id).fetch_all(&self.$pool).await
        }

        async fn expiring(&self, from: NaiveDate, to: NaiveDate) -> sqlx::Result<Vec<DeadlineRow>> {
            query_as(EXPIRING).bind(from).bind(to).fetch_all(&self.$pool).await
        }

        async fn revenue(&self) -> sqlx::Result<Vec<RevenueRow>> {
            query_as(revenue!($year)).fetch_all(&self.$pool).await
        }

        async fn page(&self, (total, id): (i64, Uuid)) -> sqlx::Result<Vec<InvoiceRow>> {
            query_as(PAGE).bind(total).bind(id).fetch_all(&self.$pool).await
        }

        async fn overdue(&self, today: NaiveDate) -> sqlx::Result<Vec<OverdueRow>> {
            query_as(OVERDUE).bind(today).fetch_all(&self.$pool).await
        }

        async fn revenue_by_member(&self) -> sqlx::Result<Vec<(String, i64)>> {
            query_as(REVENUE_BY_MEMBER).fetch_all(&self.$pool).await
        }

        async fn outside(&self, today: NaiveDate) -> sqlx::Result<Vec<OutsideRow>> {
            query_as(OUTSIDE).bind(today).fetch_all(&self.$pool).await
        }

        async fn trend(
            &self,
            today: NaiveDate,
            compared_to: NaiveDate,
        ) -> sqlx::Result<Vec<TrendRow>> {
            query_as(TREND).bind(today).bind(compared_to).fetch_all(&self.$pool).await
        }
    };
}

/// Connections to a file of SQLite: several that read, one that writes.
#[derive(Clone, Debug)]
pub struct Sqlite {
    pub readers: SqlitePool,
    pub writer: SqlitePool,
}

impl Statements for Sqlite {
    reads!(readers, "substr(i.issued_on, 1, 4)");

    async fn issue(&self, issue: Issue) -> sqlx::Result<i64> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let number: i64 = query_scalar("UPDATE floor_series SET last = last + 1 RETURNING last")
            .fetch_one(&mut *tx)
            .await?;
        query("INSERT INTO floor_invoice VALUES ($1, $2, $3, $4, $5, $6, $7, $6 + $7)")
            .bind(issue.id)
            .bind(number)
            .bind(issue.buyer)
            .bind(issue.issued_on)
            .bind(issue.due_on)
            .bind(issue.net)
            .bind(issue.vat)
            .execute(&mut *tx)
            .await?;
        let mut insert = query(
            "INSERT INTO floor_line VALUES (?, 1, ?, ?, ?), (?, 2, ?, ?, ?), (?, 3, ?, ?, ?)",
        );
        for line in issue.lines {
            insert = insert.bind(issue.id).bind(line.description);
            insert = insert.bind(line.activity).bind(line.net);
        }
        insert.execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(number)
    }
}

/// Connections to a server of PostgreSQL.
#[derive(Clone, Debug)]
pub struct Postgres {
    pub pool: PgPool,
}

impl Statements for Postgres {
    reads!(pool, "to_char(i.issued_on, 'YYYY')");

    async fn issue(&self, issue: Issue) -> sqlx::Result<i64> {
        let activities: Vec<Uuid> = issue.lines.iter().map(|line| line.activity).collect();
        let nets: Vec<i64> = issue.lines.iter().map(|line| line.net).collect();
        let descriptions: Vec<String> =
            issue.lines.into_iter().map(|line| line.description).collect();
        query_scalar(
            "WITH series AS (UPDATE floor_series SET last = last + 1 RETURNING last), \
             issued AS (INSERT INTO floor_invoice SELECT $1, last, $2, $3, $4, $5, $6, $5 + $6 \
             FROM series RETURNING number), lines AS (INSERT INTO floor_line \
             SELECT $1, position, description, activity, net \
             FROM unnest($7::text[], $8::uuid[], $9::bigint[]) \
             WITH ORDINALITY AS line (description, activity, net, position)) \
             SELECT number FROM issued",
        )
        .bind(issue.id)
        .bind(issue.buyer)
        .bind(issue.issued_on)
        .bind(issue.due_on)
        .bind(issue.net)
        .bind(issue.vat)
        .bind(descriptions)
        .bind(activities)
        .bind(nets)
        .fetch_one(&self.pool)
        .await
    }
}
