//! The answers of this crate are those of the library, for the same types.

use async_graphql::{EmptyMutation, EmptySubscription, Request, Response, Schema, Variables};
use serde_json::{Value, json};

/// Declares the same types, resolved by the crate of this path.
macro_rules! types {
    ($module:ident, $crate_path:literal, $($list:ident)::+) => {
        mod $module {
            use async_graphql::{
                Context, Enum, Error, Guard, ID, Interface, Object, Result, SimpleObject, Union,
            };

            use $($list)::+ as List;

            #[derive(Enum, Clone, Copy, PartialEq, Eq)]
            enum Kind {
                Even,
                Odd,
            }

            struct Closed;

            #[async_graphql::async_trait::async_trait]
            impl Guard for Closed {
                async fn check(&self, _: &Context<'_>) -> Result<()> {
                    Err(Error::new("closed"))
                }
            }

            /// Waits, so that the other fields are polled in between.
            async fn wait(times: i32) {
                for _ in 0..times {
                    tokio::task::yield_now().await;
                }
            }

            #[derive(Clone)]
            pub struct Row(i32);

            #[Object(crate = $crate_path)]
            impl Row {
                async fn id(&self) -> ID {
                    self.0.to_string().into()
                }

                async fn name(&self) -> String {
                    format!("row {}", self.0)
                }

                async fn half(&self) -> Option<i32> {
                    (self.0 % 2 == 0).then_some(self.0 / 2)
                }

                async fn kind(&self) -> Kind {
                    if self.0 % 2 == 0 { Kind::Even } else { Kind::Odd }
                }

                async fn tags(&self) -> Vec<String> {
                    (0..self.0).map(|tag| tag.to_string()).collect()
                }

                async fn echo(&self, #[graphql(default = 7)] number: i32) -> i32 {
                    number
                }

                async fn late(&self, #[graphql(default = 2)] times: i32) -> i32 {
                    wait(times + self.0).await;
                    self.0
                }

                async fn fails(&self) -> Result<String> {
                    Err(Error::new(format!("{} fails", self.0)))
                }

                async fn fails_softly(&self) -> Option<Result<String>> {
                    Some(Err(Error::new(format!("{} fails softly", self.0))))
                }

                async fn fails_late(&self) -> Result<String> {
                    wait(3).await;
                    Err(Error::new(format!("{} fails late", self.0)))
                }

                async fn fails_late_softly(&self) -> Option<Result<String>> {
                    wait(2 - self.0 % 2).await;
                    Some(Err(Error::new(format!("{} fails late and softly", self.0))))
                }

                async fn odd_fails(&self) -> Result<i32> {
                    if self.0 % 2 == 0 { Ok(self.0) } else { Err(Error::new("is odd")) }
                }

                #[graphql(guard = "Closed")]
                async fn guarded(&self) -> Option<i32> {
                    Some(1)
                }

                async fn next(&self) -> Row {
                    Row(self.0 + 1)
                }

                async fn maybe(&self) -> Option<Row> {
                    wait(1).await;
                    Some(Row(self.0 + 1))
                }

                async fn rows(&self, #[graphql(default = 3)] first: i32) -> List<Row> {
                    (0..first).map(Row).collect()
                }

                async fn maybe_rows(&self) -> Option<List<Option<Row>>> {
                    wait(1).await;
                    Some([Some(Row(1)), None, Some(Row(2))].into_iter().collect())
                }

                async fn extent(&self) -> Extent {
                    let rows = [Row(4), Row(5)].into_iter().collect();
                    Extent { text: None, first: Row(self.0), rows }
                }

                async fn node(&self) -> Node {
                    Node::Row(Row(self.0))
                }

                async fn nodes(&self) -> List<Node> {
                    [Node::Row(Row(1)), Node::Note(Note(2))].into_iter().collect()
                }

                async fn either(&self) -> List<Either> {
                    [Either::Note(Note(2)), Either::Row(Row(3))].into_iter().collect()
                }
            }

            #[derive(Clone)]
            pub struct Note(i32);

            #[Object(crate = $crate_path)]
            impl Note {
                async fn id(&self) -> ID {
                    self.0.to_string().into()
                }

                async fn text(&self) -> Option<&str> {
                    Some("a note")
                }

                async fn row(&self) -> Row {
                    Row(self.0)
                }
            }

            #[derive(SimpleObject)]
            #[graphql(crate = $crate_path)]
            pub struct Extent {
                text: Option<&'static str>,
                first: Row,
                rows: List<Row>,
            }

            #[derive(Interface, Clone)]
            #[graphql(crate = $crate_path, field(name = "id", ty = "ID"))]
            enum Node {
                Row(Row),
                Note(Note),
            }

            #[derive(Union, Clone)]
            #[graphql(crate = $crate_path)]
            enum Either {
                Row(Row),
                Note(Note),
            }

            pub struct Query;

            #[Object(crate = $crate_path)]
            impl Query {
                async fn row(&self) -> Row {
                    Row(2)
                }

                async fn maybe(&self) -> Option<Row> {
                    Some(Row(3))
                }

                async fn rows(&self, #[graphql(default = 3)] first: i32) -> List<Row> {
                    (0..first).map(Row).collect()
                }

                async fn nodes(&self) -> List<Node> {
                    [Node::Row(Row(1)), Node::Note(Note(2))].into_iter().collect()
                }
            }
        }
    };
}

types!(library, "::async_graphql", std::vec::Vec);
types!(own, "::resolver", resolver::List);

/// Selections of a row. Each pair of them is a document.
const SELECTIONS: [&str; 36] = [
    "id",
    "name",
    "alias: name",
    "half kind tags",
    "__typename",
    "kind: __typename",
    "echo echo5: echo(number: 5)",
    "echo(number: $n)",
    "late",
    "late(times: 0)",
    "fails",
    "failsSoftly",
    "failsLate",
    "failsLateSoftly late",
    "oddFails",
    "guarded",
    "next { id }",
    "next { name late }",
    "next { fails }",
    "maybe { id failsLate }",
    "maybe { oddFails }",
    "rows { id }",
    "rows { name late next { kind } }",
    "rows { oddFails }",
    "maybeRows { id }",
    "maybeRows { oddFails half }",
    "extent { text first { late } rows { oddFails } }",
    "extent { rows { id } ... { text } __typename }",
    "node { id } node { ... on Row { name failsSoftly } }",
    "nodes { __typename id ... on Note { text row { half } } ... on Row { name } }",
    "either { ... on Node { id } ... on Note { text } ...OfRow }",
    "...OfRow ...OfNode",
    "... on Row { kind next { name } } ... { late }",
    "... on Node { id } ... on Node { ... on Row { half } }",
    "name @include(if: $yes) id @skip(if: $yes) ... @include(if: $no) { fails }",
    "... on Row @skip(if: $no) { failsLateSoftly next @include(if: $yes) { half } }",
];

const FRAGMENTS: [(&str, &str); 2] = [
    ("...OfRow", "fragment OfRow on Row { id next { id kind } failsSoftly } "),
    ("...OfNode", "fragment OfNode on Node { id ... on Row { name } __typename } "),
];

fn schema<Q: async_graphql::ObjectType + 'static>(
    query: Q,
) -> Schema<Q, EmptyMutation, EmptySubscription> {
    Schema::build(query, EmptyMutation, EmptySubscription).finish()
}

fn request(document: &str) -> Request {
    let variables = json!({ "n": 9, "yes": true, "no": false });
    Request::new(document).variables(Variables::from_json(variables))
}

/// Returns the answer as it is sent: the order of fields and errors is compared too.
fn text(answer: &Response) -> String {
    serde_json::to_string(answer).unwrap_or_default()
}

fn sorted(mut answer: Response) -> Response {
    // Then the first error is that of the answer, and others are of what was resolved until then.
    if answer.data == async_graphql::Value::Null
        && answer.errors.iter().any(|error| !error.path.is_empty())
    {
        answer.errors.truncate(1);
    }
    answer.errors.sort_by_key(|error| format!("{error:?}"));
    answer
}

fn documents() -> Vec<String> {
    let parents =
        ["row { S }", "maybe { S }", "rows(first: 40) { S }", "nodes { id ... on Row { S } }"];
    let mut documents = Vec::new();
    for (first, second) in
        SELECTIONS.iter().flat_map(|first| SELECTIONS.map(|second| (first, second)))
    {
        let selection = format!("{first} {second}");
        let parent = parents[documents.len() % parents.len()].replace('S', &selection);
        // What is declared must be used.
        let variables = [("$n", "Int!"), ("$yes", "Boolean!"), ("$no", "Boolean!")];
        let used = variables.into_iter().filter(|(name, _)| parent.contains(name));
        let declared: Vec<_> = used.map(|(name, kind)| format!("{name}: {kind}")).collect();
        let declared =
            if declared.is_empty() { String::new() } else { format!("({})", declared.join(", ")) };
        let fragments = FRAGMENTS.iter().filter(|(name, _)| parent.contains(name));
        let fragments: String = fragments.map(|(_, fragment)| *fragment).collect();
        documents.push(format!("query{declared} {{ {parent} }} {fragments}"));
    }
    documents
}

#[tokio::test]
async fn every_answer_is_the_librarys() {
    let (library, own) = (schema(library::Query), schema(own::Query));
    let (mut with_data, mut with_errors) = (0, 0);
    for document in documents() {
        let expected = library.execute(request(&document)).await;
        let answer = own.execute(request(&document)).await;
        // Those that wait in a long list fail in the order in which they are woken.
        let is_long = document.contains("first: 40");
        let comparable = |answer: Response| text(&if is_long { sorted(answer) } else { answer });
        let (expected, found) = (comparable(expected), comparable(answer));
        assert_eq!(found, expected, "{document}");
        with_data += usize::from(!found.contains(r#""data":null"#));
        with_errors += usize::from(found.contains(r#""path":["#));
    }
    assert!(
        with_data > 300 && with_errors > 300,
        "{with_data} with data, {with_errors} with errors"
    );
}

#[tokio::test]
async fn a_failed_leaf_has_its_path_and_location() {
    let own = schema(own::Query);
    let document = "{ rows(first: 2) { id maybe { next {\n  broken: fails } } } }";
    let answer: Value =
        serde_json::from_str(&text(&own.execute(document).await)).unwrap_or_default();
    let rows = json!([{ "id": "0", "maybe": null }, { "id": "1", "maybe": null }]);
    assert_eq!(answer["data"]["rows"], rows);
    let error = |row: usize| {
        json!({
            "message": format!("{} fails", row + 2),
            "locations": [{ "line": 2, "column": 3 }],
            "path": ["rows", row, "maybe", "next", "broken"],
        })
    };
    assert_eq!(answer["errors"], json!([error(0), error(1)]));
}

#[tokio::test]
async fn introspection_is_answered() {
    let (library, own) = (schema(library::Query), schema(own::Query));
    let document = "{ __schema { types { name fields { name args { name defaultValue } type { name ofType { name } } } possibleTypes { name } } } __type(name: \"Row\") { kind interfaces { name } } row { __typename } }";
    let (expected, answer) = (library.execute(document).await, own.execute(document).await);
    assert!(answer.errors.is_empty(), "{:?}", answer.errors);
    assert_eq!(text(&answer), text(&expected));
}
