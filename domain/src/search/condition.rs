//! A search of a list as SQL conditions: by the words of each object, and by the index of words.

use std::collections::BTreeSet;

use sea_orm::{
    DbBackend, ExprTrait,
    sea_query::{Alias, BinOper, Expr, Query, SelectStatement, SimpleExpr},
};

use super::{EntityType, folding::words};

/// A search for the objects of an entity type that have every word of a text, or a word with that
/// prefix.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    backend: DbBackend,
    code: char,
    words: BTreeSet<String>,
}

impl Search {
    /// Returns the search of a filter; `None` if its text has no words.
    pub(crate) fn of(backend: DbBackend, noun: EntityType, text: Option<&str>) -> Option<Self> {
        let words = words(text?);
        (!words.is_empty()).then(|| Self { backend, code: noun.code(), words })
    }

    fn is_postgres(&self) -> bool {
        self.backend == DbBackend::Postgres
    }

    /// Returns the search in the language of the index. Only letters and digits of the text reach
    /// the database, so it can't contain query operators.
    fn query(&self) -> String {
        let code = self.code;
        let prefix = |word: &String| match self.backend {
            DbBackend::Postgres => format!("'{code}{word}':*"),
            _ => format!("\"{code}{word}\"*"),
        };
        let all: Vec<_> = self.words.iter().map(prefix).collect();
        all.join(if self.is_postgres() { " & " } else { " " })
    }

    /// Returns the condition that the object with an id has the words. It looks them up by the id,
    /// for a few objects.
    pub(crate) fn has_words(&self, id: SimpleExpr) -> SimpleExpr {
        if self.is_postgres() {
            let text = "(SELECT vector @@ $2::tsquery FROM search_document WHERE subject_id = $1)";
            return Expr::cust_with_exprs(text, [id, Expr::val(self.query())]);
        }
        let begin = |word: &String| Expr::val(format!(" {}{word}", self.code));
        let each = vec!["instr(' ' || words, ?) > 0"; self.words.len()].join(" AND ");
        let text = format!("(SELECT {each} FROM search_document WHERE subject_id = ?)");
        Expr::cust_with_exprs(text, self.words.iter().map(begin).chain([id]))
    }

    /// Returns the condition that an id is one of the table `first`, or if that has fewer rows than
    /// `enough`, of any object with the words by the index.
    pub(crate) fn is_first_or_indexed(&self, id: SimpleExpr, enough: u64) -> SimpleExpr {
        let values =
            [Expr::val(i64::try_from(enough).unwrap_or(i64::MAX)), Expr::val(self.query())];
        if self.is_postgres() {
            // As an array, so that the rows are looked up by id however many are expected.
            let text = "$1 = ANY(ARRAY(SELECT \"id\" FROM \"first\" UNION ALL SELECT subject_id FROM search_document \
                        WHERE vector @@ $3::tsquery AND (SELECT COUNT(*) FROM \"first\") < $2))";
            return Expr::cust_with_exprs(text, std::iter::once(id).chain(values));
        }
        // The outer loop is empty if the first rows suffice: SQLite then does not open the index.
        let text = "SELECT \"id\" FROM \"first\" UNION ALL SELECT d.subject_id FROM (SELECT 1 WHERE (SELECT COUNT(*) FROM \"first\") < ?) AS few \
                    CROSS JOIN search_index CROSS JOIN search_document AS d ON d.id = search_index.rowid WHERE search_index MATCH ?";
        id.binary(BinOper::In, Expr::cust_with_exprs(text, values))
    }

    /// Selects the objects with the words from the index, which has no others of an entity type.
    pub(crate) fn select(&self) -> SelectStatement {
        let (table, condition) = if self.is_postgres() {
            ("search_document", "vector @@ $1::tsquery")
        } else {
            ("search_index", "search_index MATCH ?")
        };
        Query::select()
            .from(Alias::new(table))
            .and_where(Expr::cust_with_values(condition, [self.query()]))
            .take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_words_is_no_search() {
        let of = |text| Search::of(DbBackend::Sqlite, EntityType::Agreement, text).is_some();
        assert!(of(Some("bip 2026-0042")));
        assert!(!of(None) && !of(Some(" ")) && !of(Some("%")));
    }

    #[test]
    fn words_are_prefixes_of_words_of_their_entity_type() {
        let query =
            |backend| Search::of(backend, EntityType::Member, Some("Åre b")).unwrap().query();
        assert_eq!(query(DbBackend::Sqlite), "\"mb\"* \"måre\"*");
        assert_eq!(query(DbBackend::Postgres), "'mb':* & 'måre':*");
    }
}
