//! Statements that write and are sent together, in one round trip instead of one for each.

use sea_orm::{
    ConnectionTrait, DbBackend, Statement, Value,
    sea_query::{Alias, CommonTableExpression, SubQueryStatement, WithClause},
};

use crate::error::Result;

/// Maximum number of bound values that are sent together. PostgreSQL accepts 65 535.
const MAX_VALUES: usize = 20_000;

/// Statements that write and are sent together.
///
/// On SQLite they run one after the other. On PostgreSQL they are the parts of one statement, which
/// all see the rows from before it: none may depend on the rows that another one writes. Keys and
/// triggers after the rows are checked when all have run.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The statements, each with its number of bound values.
    waiting: Vec<(SubQueryStatement, usize)>,
}

impl Batch {
    /// Adds a statement with this number of bound values.
    pub fn push(&mut self, statement: impl Into<SubQueryStatement>, values: usize) {
        self.waiting.push((statement.into(), values));
    }

    /// Runs the statements that were added.
    pub async fn run(&mut self, db: &impl ConnectionTrait) -> Result<()> {
        let backend = db.get_database_backend();
        for statement in statements(backend, std::mem::take(&mut self.waiting)) {
            db.execute_raw(statement).await?;
        }
        Ok(())
    }
}

/// Returns the statements that are sent, each made of as many as its bound values allow.
fn statements(backend: DbBackend, waiting: Vec<(SubQueryStatement, usize)>) -> Vec<Statement> {
    let (mut sent, mut together, mut count) = (Vec::new(), Vec::new(), 0);
    for (statement, values) in waiting {
        if count + values > MAX_VALUES && !together.is_empty() {
            sent.push(joined(backend, std::mem::take(&mut together)));
            count = 0;
        }
        together.push(statement);
        count += values;
    }
    if !together.is_empty() {
        sent.push(joined(backend, together));
    }
    sent
}

/// Joins some statements into one text.
fn joined(backend: DbBackend, mut together: Vec<SubQueryStatement>) -> Statement {
    if backend == DbBackend::Postgres
        && together.len() > 1
        && let Some(last) = together.pop()
    {
        let mut parts = WithClause::new();
        for (position, part) in together.into_iter().enumerate() {
            let name = Alias::new(format!("part_{position}"));
            let part = CommonTableExpression::new().query(part).table_name(name).to_owned();
            parts.cte(part);
        }
        return backend.build(&parts.query(last));
    }
    let (mut texts, mut values): (Vec<String>, Vec<Value>) = (Vec::new(), Vec::new());
    for built in together.iter().map(|statement| build(backend, statement)) {
        texts.push(built.sql);
        values.extend(built.values.into_iter().flat_map(|values| values.0));
    }
    Statement::from_sql_and_values(backend, texts.join("; "), values)
}

fn build(backend: DbBackend, statement: &SubQueryStatement) -> Statement {
    match statement {
        SubQueryStatement::SelectStatement(statement) => backend.build(statement),
        SubQueryStatement::InsertStatement(statement) => backend.build(statement),
        SubQueryStatement::UpdateStatement(statement) => backend.build(statement),
        SubQueryStatement::DeleteStatement(statement) => backend.build(statement),
        SubQueryStatement::WithStatement(statement) => backend.build(statement),
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::sea_query::Query;

    use super::*;

    fn insert(table: &'static str, value: i32) -> SubQueryStatement {
        Query::insert()
            .into_table(Alias::new(table))
            .columns([Alias::new("a")])
            .values_panic([value.into()])
            .to_owned()
            .into()
    }

    fn texts(backend: DbBackend, waiting: Vec<(SubQueryStatement, usize)>) -> Vec<String> {
        statements(backend, waiting).into_iter().map(|statement| statement.to_string()).collect()
    }

    #[test]
    fn statements_are_sent_as_one_text_with_the_values_of_all() {
        let waiting = || vec![(insert("s", 1), 1), (insert("t", 2), 1)];
        assert_eq!(
            texts(DbBackend::Sqlite, waiting()),
            [r#"INSERT INTO "s" ("a") VALUES (1); INSERT INTO "t" ("a") VALUES (2)"#]
        );
        let sent = statements(DbBackend::Postgres, waiting());
        assert_eq!(
            sent[0].sql,
            r#"WITH "part_0" AS (INSERT INTO "s" ("a") VALUES ($1)) INSERT INTO "t" ("a") VALUES ($2)"#
        );
        assert_eq!(
            (sent.len(), sent[0].values.as_ref().map(|values| values.0.len())),
            (1, Some(2))
        );
        assert!(statements(DbBackend::Sqlite, Vec::new()).is_empty());
    }

    #[test]
    fn no_more_values_are_sent_together_than_the_database_accepts() {
        let waiting =
            || vec![(insert("s", 1), MAX_VALUES), (insert("t", 2), 1), (insert("u", 3), 1)];
        for backend in [DbBackend::Sqlite, DbBackend::Postgres] {
            assert_eq!(texts(backend, waiting()).len(), 2, "{backend:?}");
        }
    }
}
