//! Full-text search for members, organisations, contacts, activities, status reports, decisions,
//! templates, agreements, archived documents, invoices, payments, costs and grants that have all
//! words of a text. The index is updated in the transaction of each change.
//!
//! The words of an object are in `search_document`, folded by this module, because the databases do
//! not know that å is a letter in its own right and é is not. Database triggers mark an object's
//! words as stale whenever a row that they come from is written, by any program; [`refresh`]
//! updates them before the transaction ends. On SQLite an FTS5 table indexes them, on PostgreSQL a
//! text search vector.

pub(crate) mod condition;
mod folding;
mod texts;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::kind::SubjectKind;
use sea_orm::{
    Condition, ConnectionTrait, DbBackend, ExprTrait, Statement, Value,
    sea_query::{
        Alias, ArrayType, BinOper, DeleteStatement, Expr, InsertStatement, OnConflict, Query,
        SimpleExpr,
    },
};
use uuid::Uuid;

use self::folding::{texts_within, words};
use crate::{database::sql::among, error::Result};

/// The entity types that can be searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::VariantArray)]
pub enum EntityType {
    /// By name and slug.
    Activity,
    /// A refund, by the reference of the bank and the number of its invoice.
    Adjustment,
    /// By number, the names of its counterparty, its activity, and the values of its parameters.
    Agreement,
    /// By number and title.
    ArchivedDocument,
    /// By payer, references and message.
    BankPayment,
    /// By name and e-mail.
    Contact,
    /// By name.
    ContactArea,
    /// By description and the supplier's reference.
    Cost,
    /// By paragraph and document.
    Decision,
    /// By funder.
    Grant,
    /// By number, payment reference, the names of its buyer, its references, and the text of its
    /// lines.
    Invoice,
    /// By current and former names, organisation number and municipalities.
    Member,
    /// By name and organisation number.
    Organisation,
    /// By the reference of the bank and the number of its invoice.
    Payment,
    /// By summary, deviations and next steps.
    StatusReport,
    /// By title, slug and activity.
    Template,
}

impl EntityType {
    pub(crate) const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Returns the kinds of subject that the audit trail records these entities, or what they
    /// belong to, as.
    pub(crate) fn subject_kinds(self) -> &'static [SubjectKind] {
        match self {
            Self::Activity | Self::Cost | Self::Grant => &[SubjectKind::Activity],
            Self::Agreement => &[SubjectKind::Agreement],
            Self::ArchivedDocument => &[SubjectKind::ArchivedDocument],
            Self::BankPayment => &[SubjectKind::BankPayment],
            Self::Contact => &[SubjectKind::Contact],
            Self::ContactArea => &[SubjectKind::ContactArea],
            Self::Decision => {
                &[SubjectKind::Activity, SubjectKind::Agreement, SubjectKind::FeeSchedule]
            }
            Self::Invoice | Self::Adjustment | Self::Payment => &[SubjectKind::Invoice],
            Self::Member => &[SubjectKind::Member],
            Self::Organisation => &[SubjectKind::Organisation],
            Self::StatusReport => &[SubjectKind::StatusReport],
            Self::Template => &[SubjectKind::Template],
        }
    }

    /// Returns the column with the id of the subject in the audit trail.
    fn subject_column(self) -> &'static str {
        match self {
            Self::Adjustment | Self::Payment => "invoice_id",
            Self::Cost | Self::Grant => "activity_id",
            _ => "id",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Activity => "ACTIVITY",
            Self::Adjustment => "ADJUSTMENT",
            Self::Agreement => "AGREEMENT",
            Self::ArchivedDocument => "ARCHIVED_DOCUMENT",
            Self::BankPayment => "BANK_PAYMENT",
            Self::Contact => "CONTACT",
            Self::ContactArea => "CONTACT_AREA",
            Self::Cost => "COST",
            Self::Decision => "DECISION",
            Self::Grant => "GRANT",
            Self::Invoice => "INVOICE",
            Self::Member => "MEMBER",
            Self::Organisation => "ORGANISATION",
            Self::Payment => "PAYMENT",
            Self::StatusReport => "STATUS_REPORT",
            Self::Template => "TEMPLATE",
        }
    }

    /// Returns the prefix of each word in the index, so that a search for one entity type
    /// never reads the words of others.
    fn code(self) -> char {
        match self {
            Self::Activity => 'v',
            Self::Adjustment => 'r',
            Self::Agreement => 'a',
            Self::ArchivedDocument => 'h',
            Self::BankPayment => 'b',
            Self::Contact => 'k',
            Self::ContactArea => 'o',
            Self::Cost => 'c',
            Self::Decision => 'd',
            Self::Grant => 'f',
            Self::Invoice => 'i',
            Self::Member => 'm',
            Self::Organisation => 'g',
            Self::Payment => 'p',
            Self::StatusReport => 's',
            Self::Template => 't',
        }
    }

    fn table(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Adjustment => "adjustment",
            Self::Agreement => "agreement",
            Self::ArchivedDocument => "archived_document",
            Self::BankPayment => "bank_payment",
            Self::Contact => "contact",
            Self::ContactArea => "contact_area",
            Self::Cost => "cost",
            Self::Decision => "decision",
            Self::Grant => "activity_grant",
            Self::Invoice => "invoice",
            Self::Member => "member",
            Self::Organisation => "organisation",
            Self::Payment => "payment",
            Self::StatusReport => "status_report",
            Self::Template => "agreement_template",
        }
    }

    /// Returns the statement that selects the texts of objects.
    fn texts(self) -> &'static str {
        match self {
            Self::Activity => texts::ACTIVITY,
            Self::Adjustment => texts::ADJUSTMENT,
            Self::Agreement => texts::AGREEMENT,
            Self::ArchivedDocument => texts::ARCHIVED_DOCUMENT,
            Self::BankPayment => texts::BANK_PAYMENT,
            Self::Contact => texts::CONTACT,
            Self::ContactArea => texts::CONTACT_AREA,
            Self::Cost => texts::COST,
            Self::Decision => texts::DECISION,
            Self::Grant => texts::GRANT,
            Self::Invoice => texts::INVOICE,
            Self::Member => texts::MEMBER,
            Self::Organisation => texts::ORGANISATION,
            Self::Payment => texts::PAYMENT,
            Self::StatusReport => texts::STATUS_REPORT,
            Self::Template => texts::TEMPLATE,
        }
    }
}

/// Maximum number of words of one object: more than any name has, and few enough for PostgreSQL.
const MAX_WORDS: usize = 4000;
/// Objects whose words are updated together.
const CHUNK: usize = 500;
/// Marks of stale words that are removed together.
const MARKS: u64 = 5000;

/// Returns the condition that an object has every word of the text, or a word with that prefix;
/// `id` is its column. A blank text matches everything, and a text without letters and digits
/// nothing.
///
/// Only letters and digits of the text reach the database, so it can't contain query operators.
#[must_use]
pub fn found(backend: DbBackend, noun: EntityType, id: SimpleExpr, text: &str) -> SimpleExpr {
    let words = words(text);
    if words.is_empty() {
        return Expr::cust(if text.trim().is_empty() { "1 = 1" } else { "1 = 0" });
    }
    let code = noun.code();
    if backend == DbBackend::Postgres {
        let all: Vec<_> = words.iter().map(|word| format!("'{code}{word}':*")).collect();
        let ids = Expr::cust_with_values(
            "SELECT subject_id FROM search_document WHERE vector @@ $1::tsquery",
            [all.join(" & ")],
        );
        id.binary(BinOper::In, ids)
    } else {
        let all: Vec<_> = words.iter().map(|word| format!("\"{code}{word}\"*")).collect();
        let ids = "SELECT d.subject_id FROM search_index CROSS JOIN search_document AS d ON d.id = search_index.rowid WHERE search_index MATCH ?";
        // The plus prevents SQLite, which can't estimate the number of matches, from looking each
        // of them up and sorting them. That was measured to take twice as long for many matches,
        // and no less for few, as going through the list in its order.
        Expr::cust_with_expr("+?", id)
            .binary(BinOper::In, Expr::cust_with_values(ids, [all.join(" ")]))
    }
}

/// Returns the condition of [`found`] for the search text of a filter; `None` if the text is
/// missing or blank.
#[must_use]
pub(crate) fn filter(
    backend: DbBackend,
    noun: EntityType,
    id: SimpleExpr,
    text: Option<&str>,
) -> Option<SimpleExpr> {
    let text = text.map(str::trim).filter(|text| !text.is_empty())?;
    Some(found(backend, noun, id, text))
}

/// Updates the words of all objects that are marked as stale.
pub async fn refresh(db: &impl ConnectionTrait) -> Result<()> {
    refresh_others(db, &BTreeSet::new()).await
}

/// Updates the words of all objects that are marked as stale, and removes the marks. The words of
/// `written` are up to date. [`crate::audit`] calls it before a change is committed.
pub(crate) async fn refresh_others(
    db: &impl ConnectionTrait,
    written: &BTreeSet<Uuid>,
) -> Result<()> {
    let take = take_marks(db.get_database_backend());
    loop {
        let (mut stale, mut count) = (BTreeMap::<EntityType, Vec<Uuid>>::new(), 0);
        for row in &db.query_all(&take).await? {
            count += 1;
            let (id, word): (Uuid, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let noun = EntityType::ALL.iter().copied().find(|noun| noun.word() == word);
            if let Some(noun) = noun.filter(|_| !written.contains(&id)) {
                stale.entry(noun).or_default().push(id);
            }
        }
        for (noun, ids) in stale {
            for ids in ids.chunks(CHUNK) {
                write(db, ids, documents(db, noun, ids).await?).await?;
            }
        }
        if count < MARKS {
            return Ok(());
        }
    }
}

/// Returns the statement that removes some marks and returns them.
fn take_marks(backend: DbBackend) -> DeleteStatement {
    let (table, id) = (Alias::new("search_stale"), Alias::new("subject_id"));
    let some = if backend == DbBackend::Postgres {
        // The table is empty after each change, and so it is in PostgreSQL's statistics. By their
        // ids, each mark would be compared with all others: after an ANALYZE, 20 seconds were too
        // few for 5000 of 57 000 marks. By their positions in the table it took 6 milliseconds.
        Expr::cust(format!("ctid = ANY (ARRAY(SELECT ctid FROM search_stale LIMIT {MARKS}))"))
    } else {
        let some = Query::select().column(id.clone()).from(table.clone()).limit(MARKS).take();
        Expr::col(id.clone()).in_subquery(some)
    };
    Query::delete()
        .from_table(table)
        .and_where(some)
        .returning(Query::returning().columns([id, Alias::new("noun")]))
        .take()
}

/// Returns the words of an object with these texts, as the index stores them. `None` if there are
/// none, or if they exceed the limit.
pub(crate) fn words_of(noun: EntityType, texts: &[&str]) -> Option<String> {
    let words: BTreeSet<String> = texts.iter().flat_map(|text| words(text)).collect();
    (1..=MAX_WORDS).contains(&words.len()).then(|| line(noun, &words))
}

/// Returns the words in one line, each with the prefix of its entity type.
fn line(noun: EntityType, words: &BTreeSet<String>) -> String {
    words.iter().map(|word| format!("{}{word}", noun.code())).collect::<Vec<_>>().join(" ")
}

/// Returns the statement that writes the words of these objects, which must not be empty.
pub(crate) fn upsert(documents: impl IntoIterator<Item = (Uuid, String)>) -> InsertStatement {
    let (id, words) = (Alias::new("subject_id"), Alias::new("words"));
    let mut insert = Query::insert()
        .into_table(Alias::new("search_document"))
        .columns([id.clone(), words.clone()])
        .take();
    for (subject, line) in documents {
        insert.values_panic([Expr::val(subject), Expr::val(line)]);
    }
    insert.on_conflict(OnConflict::column(id).update_column(words).to_owned());
    insert
}

/// Returns the words of each of these objects, as the index stores them; missing objects and those
/// without words are skipped.
async fn documents(
    db: &impl ConnectionTrait,
    noun: EntityType,
    ids: &[Uuid],
) -> Result<BTreeMap<Uuid, String>> {
    let (among, list): (_, Value) = if db.get_database_backend() == DbBackend::Postgres {
        (
            "= ANY($1)",
            Value::Array(
                ArrayType::Uuid,
                Some(Box::new(ids.iter().copied().map(Value::from).collect())),
            ),
        )
    } else {
        let ids: Vec<_> = ids.iter().map(|id| id.simple().to_string()).collect();
        (
            "IN (SELECT unhex(value) FROM json_each(?1))",
            serde_json::Value::from(ids).to_string().into(),
        )
    };
    let statement = Statement::from_sql_and_values(
        db.get_database_backend(),
        noun.texts().replace("{among}", among),
        [list],
    );
    // In the order of their ids, so that rows that were created together are close to each other.
    let mut of: BTreeMap<Uuid, BTreeSet<String>> = BTreeMap::new();
    for row in &db.query_all_raw(statement).await? {
        let (id, text, is_json): (Uuid, String, i32) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        let mut texts = Vec::new();
        match is_json {
            0 => texts.push(text),
            _ => texts_within(&serde_json::from_str(&text).unwrap_or_default(), &mut texts),
        }
        let own = of.entry(id).or_default();
        for word in texts.iter().flat_map(|text| words(text)) {
            if own.len() < MAX_WORDS {
                own.insert(word);
            }
        }
    }
    Ok(of
        .into_iter()
        .filter(|(_, words)| !words.is_empty())
        .map(|(id, words)| (id, line(noun, &words)))
        .collect())
}

async fn write(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    documents: BTreeMap<Uuid, String>,
) -> Result<()> {
    let (table, id) = (Alias::new("search_document"), Alias::new("subject_id"));
    let gone: Vec<_> = ids.iter().copied().filter(|id| !documents.contains_key(id)).collect();
    if !gone.is_empty() {
        let gone = among(db.get_database_backend(), Expr::col(id), gone);
        db.execute(&Query::delete().from_table(table).and_where(gone).take()).await?;
    }
    if !documents.is_empty() {
        db.execute(&upsert(documents)).await?;
    }
    Ok(())
}

/// Finds errors in the index: objects whose words differ from their rows, and words of missing
/// objects.
pub async fn violations(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let (mut violations, mut indexed) = (Vec::new(), 0_i64);
    let id = Expr::col(Alias::new("id"));
    for &noun in EntityType::ALL {
        let mut last = Uuid::nil();
        loop {
            let select = Query::select()
                .expr(id.clone())
                .from(Alias::new(noun.table()))
                .and_where(id.clone().gt(last))
                .order_by_expr(id.clone(), sea_orm::Order::Asc)
                .limit(CHUNK as u64)
                .take();
            let found = db.query_all(&select).await?;
            let ids: Vec<Uuid> = found
                .iter()
                .map(|row| row.try_get_by_index(0))
                .collect::<std::result::Result<_, _>>()?;
            let Some(end) = ids.last() else { break };
            last = *end;
            indexed += compare(db, noun, &ids, &mut violations).await?;
        }
    }
    let count =
        Query::select().expr(Expr::cust("COUNT(*)")).from(Alias::new("search_document")).take();
    let all: i64 = db
        .query_one(&count)
        .await?
        .map(|row| row.try_get_by_index(0))
        .transpose()?
        .unwrap_or_default();
    if all > indexed {
        violations
            .push(format!("the search index has {} objects that do not exist", all - indexed));
    }
    Ok(violations)
}

/// Does the same for these objects only.
pub async fn violations_of(
    db: &impl ConnectionTrait,
    noun: EntityType,
    ids: &[Uuid],
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for ids in ids.chunks(CHUNK) {
        compare(db, noun, ids, &mut found).await?;
    }
    Ok(found)
}

/// Returns the ids of the objects of this entity type that the audit trail records as one of these
/// subjects.
pub async fn ids_of_type(
    db: &impl ConnectionTrait,
    noun: EntityType,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<Vec<Uuid>> {
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let is_subject = |column: &'static str| {
        let column = Expr::col(Alias::new(column));
        among(db.get_database_backend(), column, ids.iter().copied())
    };
    let own = match noun {
        EntityType::Decision => decided_by(is_subject),
        _ => Condition::all().add(is_subject(noun.subject_column())),
    };
    let select = Query::select()
        .expr(Expr::col(Alias::new("id")))
        .from(Alias::new(noun.table()))
        .cond_where(own)
        .take();
    db.query_all(&select).await?.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// Selects the decisions about subjects of the audit trail; `is_subject` is the condition that a
/// column has the id of one of them.
fn decided_by(is_subject: impl Fn(&'static str) -> SimpleExpr) -> Condition {
    let of = |table: &'static str, subject: &'static str| {
        let decision = Expr::col(Alias::new("decision_id"));
        let decisions = Query::select()
            .expr(decision.clone())
            .from(Alias::new(table))
            .and_where(decision.is_not_null())
            .and_where(is_subject(subject))
            .take();
        Expr::col(Alias::new("id")).in_subquery(decisions)
    };
    Condition::any()
        .add(of("activity", "id"))
        .add(of("agreement", "id"))
        .add(of("fee_schedule", "id"))
        .add(of("fee_schedule", "activity_id"))
}

/// Compares the words of these objects with their rows, and returns the number of objects with
/// words.
async fn compare(
    db: &impl ConnectionTrait,
    noun: EntityType,
    ids: &[Uuid],
    found: &mut Vec<String>,
) -> Result<i64> {
    let documents = documents(db, noun, ids).await?;
    let subject = Expr::col(Alias::new("subject_id"));
    let select = Query::select()
        .expr(subject.clone())
        .expr(Expr::col(Alias::new("words")))
        .from(Alias::new("search_document"))
        .and_where(among(db.get_database_backend(), subject, ids.iter().copied()))
        .take();
    let mut stored: HashMap<Uuid, String> = HashMap::new();
    for row in &db.query_all(&select).await? {
        stored.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    }
    for id in ids.iter().filter(|id| stored.get(id) != documents.get(id)) {
        found.push(format!(
            "{} {} has other words in the search index than in its rows",
            noun.word().to_lowercase(),
            id.simple()
        ));
    }
    Ok(i64::try_from(stored.len()).unwrap_or(i64::MAX))
}
