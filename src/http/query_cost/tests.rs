//! Each limit from both sides, and the documents that it guards against.

use std::{thread, time::Instant};

use serde_json::json;

use super::*;
use crate::graphql::cost::SchemaField;

fn with(
    document: &str,
    variables: serde_json::Value,
    operation: Option<&str>,
) -> Result<Measured, String> {
    measure(document, &Variables::from_json(variables), operation, &Limits::default())
        .map_err(|refusal| refusal.to_string())
}

fn figures(document: &str) -> Figures {
    with(document, json!({}), None)
        .unwrap_or_else(|refusal| panic!("{refusal}: {document}"))
        .figures
}

fn refusal(document: &str) -> String {
    with(document, json!({}), None)
        .map_or_else(|refusal| refusal, |measured| panic!("{:?}", measured.figures))
}

fn nest(open: &str, levels: usize, within: &str, close: &str) -> String {
    format!("{}{within}{}", open.repeat(levels), close.repeat(levels))
}

/// Fragments that each spread the next one twice.
fn doubling(levels: usize) -> String {
    let fragments: String = (1..=levels)
        .map(|level| format!("fragment f{} on Q{{...f{level}...f{level}}}", level - 1))
        .collect();
    format!("{fragments}fragment f{levels} on Q{{a}}")
}

#[test]
fn a_limit_refuses_documents_over_it_and_not_at_it() {
    type Set = fn(&mut Limits, u64);
    let cases: [(u64, &str, &str, Set); 8] = [
        (12, "{ a(x: [1, -2.5]) } # 3", "has 12 tokens", |limits, most| {
            limits.tokens = most as usize
        }),
        (3, "{ a { b ...F } } fragment F on A { c { d } }", "is 3 levels deep", |limits, most| {
            limits.depth = most as usize
        }),
        (16, "{ a(first: 7) { b c } d }", "has a cost of 16 points", |limits, most| {
            limits.complexity = most
        }),
        (5, "{ x: a ...F ...F } fragment F on Q { y: b z: c }", "has 5 aliases", |limits, most| {
            limits.aliases = most as usize
        }),
        (
            7,
            "query($v: Int @d) @d { a @d ...F @d ... @d { b } } fragment F on Q @d { c @d }",
            "has 7 directives",
            |limits, most| {
                limits.directives = most as usize;
            },
        ),
        (
            11,
            "{ a(x: [1, {y: 2}]) @d(z: \"\") ...F ...F } fragment F on Q { b }",
            "grows to 11 parts",
            |limits, most| {
                limits.expansion = most as usize;
            },
        ),
        (
            3,
            "{ a __schema { types { name } } }",
            "has introspection 3 levels deep",
            |limits, most| {
                limits.introspection_depth = most as usize;
            },
        ),
        (
            102,
            "{ a __schema { types { name } } }",
            "has an introspection cost of 102",
            |limits, most| {
                limits.introspection_complexity = most;
            },
        ),
    ];
    for (most, document, words, set) in cases {
        let held = |most| {
            let mut limits = Limits::default();
            set(&mut limits, most);
            measure(document, &Variables::default(), None, &limits)
                .map_or_else(|refusal| refusal.to_string(), |_| String::new())
        };
        assert_eq!(held(most), "", "{document}");
        assert!(held(most - 1).starts_with(&format!("The document {words}")), "{}", held(most - 1));
    }
    let several = refusal(&format!("{{{}}}", "a:b@c ".repeat(201)));
    assert_eq!(
        several,
        "The document has 201 aliases; at most 200 are allowed. It has 201 directives; at most 50 are allowed."
    );
    assert_eq!(
        refusal(&nest("{a", 23, "", "}")),
        "The document is 23 levels deep; at most 15 are allowed."
    );
}

#[test]
fn doubling_fragments_are_each_measured_a_single_time() {
    let start = Instant::now();
    let doubled = refusal(&format!("{{...f0}}{}", doubling(30)));
    println!("30 doublings measured in {:?}", start.elapsed());
    assert!(doubled.contains("has a cost of over 1000000000 points; at most 50000 are allowed. It grows to over 1000000000"), "{doubled}");
    // The library also validates what is not executed: another operation, unused fragments, and
    // fragments without any field.
    let other =
        with(&format!("query A{{a}} query B{{...f0}}{}", doubling(30)), json!({}), Some("A"));
    assert!(other.is_err_and(|refusal| refusal.starts_with("The document grows to over")));
    assert!(refusal(&format!("{{a}}{}", doubling(30))).starts_with("The document grows to over"));
    assert!(
        refusal(&format!("{{...f0}}{}", doubling(30).replace("{a}", "{...Unknown}")))
            .starts_with("The document grows to over")
    );
    assert!(refusal(&format!("{{...f0}}{}", doubling(100))).contains("nests fields and fragments"));
    // The content of a fragment counts at each spread, here a text in a variable that is spread 256
    // times.
    let carried =
        format!("query($v: String) {{...f0}}{}", doubling(8).replace("{a}", "{a(x: $v)}"));
    assert!(
        with(&carried, json!({ "v": "x".repeat(64_000) }), None)
            .is_err_and(|refusal| refusal.contains("grows to 25"))
    );
    assert!(with(&carried, json!({ "v": "x" }), None).is_ok());
}

#[test]
fn the_work_grows_with_the_document_and_not_with_its_expansion() {
    let visited = |levels| {
        with(&format!("{{...f0}}{}", doubling(levels)), json!({}), None)
            .map_or(0, |measured| measured.visited)
    };
    // An operation is visited twice, and each level has two spreads.
    assert_eq!([visited(2), visited(7), visited(13)], [7, 17, 29]);
    let fields = |count| {
        with(&format!("{{{}}}", "a ".repeat(count)), json!({}), None)
            .map_or(0, |measured| measured.visited)
    };
    assert_eq!([fields(1), fields(10_000)], [2, 20_000]);
}

#[test]
fn cycles_are_named() {
    let cycle = "has fragments that form a cycle: A, B; remove one spread";
    assert_eq!(refusal("{...A} fragment A on Q {...B} fragment B on Q {a {... {...A}}}"), cycle);
    assert!(
        refusal("{a} fragment A on Q {...B} fragment B on Q {...A}")
            .starts_with("has fragments that form a cycle")
    );
    assert!(refusal("{...A} fragment A on Q {...A}").contains("form a cycle: A;"));
    assert_eq!(figures("{...Unknown ...A} fragment A on Q {a}").complexity, 1);
}

#[test]
fn strings_and_comments_hide_nothing() {
    for document in [
        r#"{ a(x: "}{[(\"\\", y: "å🙂\u00e5") } # }}}} "never ends"#,
        "# \"\"\" {{{\r{ a(x: \"\"\"{ \" \"\" \\\"\"\" [ \\\\ \n # \"\"\", y: \"\") }",
        "\u{feff}{ a(x: \"\"\"\"\"\", y: \"\"\"#\"\"\") }",
    ] {
        let found = figures(document);
        assert_eq!((found.tokens, found.complexity), (11, 1), "{document}");
    }
    assert_eq!(
        refusal("{\n  a(x: \"å\", y: \"never\n ends\")}"),
        "has a syntax error at 2:16: this string is not terminated"
    );
    assert_eq!(
        refusal("{ a(x: [\"\"\" \" \" ]) }"),
        "has a syntax error at 1:9: this string is not terminated"
    );
    // The parser reads each of these as a list of as many values, without a blank between them.
    for value in ["0", "-1", "\"\"\"a\"\"\"", "true", "null", "\"a\""] {
        let found = figures(&format!("{{ a(x: [{}]) }}", value.repeat(1000)));
        assert!(found.expansion >= 1000 && found.tokens >= 800, "{value}: {found:?}");
    }
}

#[test]
fn connections_cost_by_the_requested_rows() {
    let cost = |document: &str, variables| {
        with(document, variables, None).map_or(0, |measured| measured.figures.complexity)
    };
    for (document, expected) in [
        ("{ a { b } }", 2),
        ("{ a { edges { node { b } } } }", 76),
        ("{ a { ...F } } fragment F on C { nodes { b } totalCount }", 52),
        ("{ a(first: null) { nodes { b } } }", 51),
        ("{ a(last: 3) { nodes { b } } }", 7),
        ("{ a(first: 100000) { nodes { b } } }", 401),
        ("{ a(first: -1) { nodes { b } } }", 3),
        ("{ a(first: 10) { nodes { b(first: 10) { nodes { c } } } } }", 221),
        ("{ nodes(ids: [1, 2, 3]) { id } }", 2),
    ] {
        assert_eq!(cost(document, json!({})), expected, "{document}");
    }
    let variable = "query($n: Int = 4) { a(first: $n) { nodes { b } } }";
    let given = [
        json!({}),
        json!({ "n": 9 }),
        json!({ "n": null }),
        json!({ "n": "many" }),
        json!({ "other": 1 }),
    ];
    assert_eq!(given.map(|variables| cost(variable, variables)), [9, 19, 51, 401, 9]);
    assert_eq!(cost("query($n: Int) { a(first: $n) { nodes { b } } }", json!({})), 51);
    assert_eq!(
        cost("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": ["1", "2"] })),
        2
    );
    assert!(
        refusal("{a(first:200){nodes{b(first:200){nodes{c}}}}}")
            .contains("has a cost of 80401 points")
    );
    assert_eq!(cost(&format!("{{ {}: a }}", "x".repeat(640)), json!({})), 11);
}

#[test]
fn fields_cost_what_they_declare() {
    let limits = Limits { costs: Costs::of_schema(), ..Limits::default() };
    let cost = |document: &str, variables: serde_json::Value| {
        measure(document, &Variables::from_json(variables), None, &limits)
            .map(|measured| measured.figures.complexity)
    };
    let of = |type_name: &str, field: &str| {
        limits.costs.field(type_name, field).map_or(0, |cost| cost.weight)
    };
    let (members, node, nodes) =
        (of("Query", "members"), of("Query", "node"), of("Query", "nodes"));
    let (count, search, html) = (
        of("MemberConnection", "totalCount"),
        limits.costs.input("search"),
        of("AgreementPreview", "html"),
    );
    assert!([count, search, html].iter().all(|cost| *cost > 5), "{count} {search} {html}");
    for (document, expected) in [
        ("{ node(id: 1) { id } }", node + 1),
        ("{ node(id: 1) { ... on ContactArea { boardContacts { name } } } }", node + 1 + 5),
        ("{ node(id: 1) { ...F } } fragment F on Invoice { lines { net } }", node + 1 + 5),
        ("{ members { nodes { name } } }", members + 50),
        ("{ members(first: 200) { totalCount } }", members + count),
        (
            "{ members(first: 2) { totalCount edges { node { id formerNames } } } }",
            members + count + 2 * 4,
        ),
        ("{ nodes(ids: [1, 2]) { id } }", nodes + 2),
        ("{ a: members(filter: {search: \"x\"}) { totalCount } }", members + search + count),
        ("{ a: members(filter: {search: null}) { totalCount } }", members + count),
        // A field that the schema doesn't have is left to validation.
        ("{ a { b { c } } }", 3),
    ] {
        assert_eq!(cost(document, json!({})), Ok(expected), "{document}");
    }
    let by_ids =
        "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Agreement { preview { html } } } }";
    let preview = of("Agreement", "preview");
    assert_eq!(cost(by_ids, json!({ "ids": ["1", "2", "1"] })), Ok(nodes + 3 * (preview + html)));
    let searched = "query($f: MemberFilter, $s: String) { a: members(filter: $f) { totalCount } b: members(filter: {search: $s}) { totalCount } }";
    let both = 2 * (members + count);
    assert_eq!(cost(searched, json!({ "f": { "search": "x" }, "s": "y" })), Ok(both + 2 * search));
    assert_eq!(cost(searched, json!({ "f": { "search": "x" } })), Ok(both + search));
    assert_eq!(cost(searched, json!({ "s": null })), Ok(both));
}

#[test]
fn a_bulk_mutation_costs_what_its_items_do() {
    let limits = Limits { costs: Costs::of_schema(), ..Limits::default() };
    let cost = |document: &str, variables: serde_json::Value| {
        measure(document, &Variables::from_json(variables), None, &limits)
            .map(|measured| measured.figures.complexity)
    };
    let item = limits.costs.field("Mutation", "invoicesRemind").map_or(0, |cost| cost.weight);
    assert_eq!(item, 200);
    let with = |input: &str| {
        format!(
            "mutation {{ invoicesRemind(input: {input}) {{ results {{ invoice {{ id }} }} }} }}"
        )
    };
    // The results, their invoices and the ids.
    for (items, expected) in [("[]", 200), ("[{}]", 203), ("[{}, {}, {}]", 609), ("{}", 203)] {
        let document = with(&format!("{{ items: {items} }}"));
        assert_eq!(cost(&document, json!({})), Ok(expected), "{items}");
    }
    let three = json!([{ "invoiceId": "1" }, { "invoiceId": "2" }, { "invoiceId": "3" }]);
    let variable = with("$input").replace("mutation", "mutation($input: InvoicesRemindInput!)");
    assert_eq!(cost(&variable, json!({ "input": { "items": three, "partial": true } })), Ok(609));
    let within =
        with("{ items: $items }").replace("mutation", "mutation($items: [InvoiceRemindInput!]!)");
    assert_eq!(cost(&within, json!({ "items": three })), Ok(609));
}

/// Fields that are expensive although their names and types don't show it; the load program's table
/// finds others.
const EXPENSIVE: [(&str, &str); 11] = [
    ("Agreement", "preview"),
    ("Agreement", "document"),
    ("AgreementPreview", "html"),
    ("AgreementPreview", "sha256"),
    ("MatrixActivity", "trend"),
    ("Mutation", "agreementOffer"),
    ("Mutation", "agreementsOffer"),
    ("Mutation", "invoiceRun"),
    ("Query", "activityMatrix"),
    ("Query", "revenue"),
    ("Query", "serviceFeeScenario"),
];

#[test]
fn documents_with_data_whose_reading_is_logged_are_found() {
    let limits = Limits { costs: Costs::of_schema(), ..Limits::default() };
    let figures = |document: &str| {
        let measured = measure(document, &Variables::default(), None, &limits);
        measured.unwrap_or_else(|refusal| panic!("{refusal}: {document}")).figures
    };
    for document in [
        "{ contacts { nodes { name } } }",
        "{ contacts { edges { cursor } } }",
        "{ c: contacts { pageInfo { endCursor } } }",
        "{ contactReads { pageInfo { endCursor } } }",
        "{ auditEntries { edges { cursor } } }",
        "{ contactExport(contactId: 1) }",
        "{ ...F } fragment F on Query { contactExport(contactId: 1) }",
        "{ node(id: 1) { ... on Contact { email } } }",
        "{ members { nodes { contacts { id } } } }",
        "{ activities { nodes { lead { name } } } }",
    ] {
        assert!(figures(document).is_logged, "{document}");
    }
    for document in ["{ members { edges { cursor } } }", "{ contactAreas { __typename } }"] {
        assert!(!figures(document).is_logged, "{document}");
    }
    assert!(figures("{ members { totalCount } now: revision }").has_revision);
    assert!(!figures("{ auditEntries { nodes { revision } } }").has_revision);
}

#[test]
fn every_list_and_every_expensive_field_declares_what_it_costs() {
    let costs = Costs::of_schema();
    let is_page = |type_name: &str, field: &str| {
        type_name.ends_with("Connection") && ["edges", "nodes"].contains(&field)
    };
    let mut missing: Vec<String> = Vec::new();
    for SchemaField { type_name, name: field, cost } in costs.fields() {
        let has_size =
            cost.rows.is_some() || !cost.sliced_by.is_empty() || is_page(type_name, field);
        let is_expensive = field == "totalCount" || EXPENSIVE.contains(&(type_name, field));
        if cost.is_list && !has_size || is_expensive && !cost.is_declared {
            missing.push(format!("{type_name}.{field}"));
        }
    }
    assert!(missing.is_empty(), "declare @listSize or @cost on {}", missing.join(", "));
    let cheap: Vec<_> = EXPENSIVE
        .iter()
        .filter(|(of, field)| costs.field(of, field).is_none_or(|cost| cost.weight <= 1))
        .collect();
    assert!(cheap.is_empty(), "{cheap:?}");
}

#[test]
fn the_chosen_operation_is_measured() {
    let document = "query A { a } mutation B { b c } subscription C { d }";
    let chosen = |name| {
        with(document, json!({}), name)
            .map(|measured| (measured.operation, measured.figures.complexity))
    };
    assert_eq!(chosen(Some("A")), Ok((OperationType::Query, 1)));
    assert_eq!(chosen(Some("B")), Ok((OperationType::Mutation, 2)));
    assert_eq!(chosen(Some("C")), Ok((OperationType::Subscription, 1)));
    assert_eq!(chosen(Some("D")), Err("has no operation named D".to_owned()));
    assert_eq!(
        chosen(None),
        Err("has 3 operations; name the one to execute in operationName".to_owned())
    );
    assert!(
        with("mutation Only { a }", json!({}), None)
            .is_ok_and(|measured| measured.operation == OperationType::Mutation)
    );
    assert!(with("{ a }", json!({}), Some("A")).is_err());
}

#[test]
fn introspection_passes_and_a_hostile_nest_of_it_does_not() {
    let type_ref = format!(
        "fragment TypeRef on __Type {{ {} }}",
        nest("kind name ofType {", 9, "kind name", "}")
    );
    let graphiql = format!(
            "query IntrospectionQuery {{ __schema {{ description queryType {{ name }} mutationType {{ name }} subscriptionType {{ name }}
            types {{ ...FullType }} directives {{ name description isRepeatable locations args(includeDeprecated: true) {{ ...Input }} }} }} }}
            fragment FullType on __Type {{ kind name description specifiedByURL isOneOf
              fields(includeDeprecated: true) {{ name description args(includeDeprecated: true) {{ ...Input }} type {{ ...TypeRef }}
                isDeprecated deprecationReason }}
              inputFields(includeDeprecated: true) {{ ...Input }} interfaces {{ ...TypeRef }}
              enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason }} possibleTypes {{ ...TypeRef }} }}
            fragment Input on __InputValue {{ name description type {{ ...TypeRef }} defaultValue isDeprecated deprecationReason }}{type_ref}"
        );
    let found = figures(&graphiql);
    assert_eq!((found.depth, found.complexity, found.introspection_depth), (0, 0, 15));
    println!("the explorer's introspection: {found:?}");
    let of_type =
        refusal(&format!("{{__type(name: \"Q\"){}}}", nest("{ofType", 60, "{name}", "}")));
    assert!(
        of_type.contains("has introspection") && of_type.contains("; at most 20 are allowed"),
        "{of_type}"
    );
    let fields =
        refusal(&format!("{{__schema{{types{}}}}}", nest("{fields{type", 4, "{name}", "}}")));
    assert!(
        fields.contains("has an introspection cost of")
            && fields.contains("; at most 1000000 are allowed"),
        "{fields}"
    );
    // A fragment on both sides counts for each.
    let both = figures(
        "{ ...F a { ...F } __type(name: \"Q\") { ...F } } fragment F on Q { fields { b } }",
    );
    assert_eq!((both.complexity, both.introspection_complexity), (2 + 3, 22));
}

#[test]
fn the_parser_never_sees_what_would_overflow_its_stack() {
    for open in ["{", "[", "{a(x:[", "{a(x:{y:", "query($v:["] {
        let refused = refusal(&open.repeat(100_000));
        assert!(
            refused.contains("nests brackets")
                && refused.ends_with("levels deep; at most 100 are allowed."),
            "{refused}"
        );
    }
    assert!(
        refusal(&format!("{{{}}}", "...F ".repeat(100_000)))
            .starts_with("The document has 200002 tokens; at most 20000 are allowed")
    );
    // The deepest documents that reach the parser, on the stack of a server's thread.
    for (document, words) in [
        (
            nest("{a", 100, "", "}"),
            "The document nests fields and fragments 33 levels deep or more",
        ),
        (
            nest("{... ", 99, "{a}", "}"),
            "The document nests fields and fragments 33 levels deep or more",
        ),
        (format!("{{a(x:{})}}", nest("[", 98, "1", "]")), ""),
        (format!("{{a(x:{})}}", nest("{y:", 98, "1", "}")), ""),
        (format!("query($v:{}){{a}}", nest("[", 99, "Int", "]")), ""),
        (format!("query($v:Int={}){{a}}", nest("[", 99, "1", "]")), ""),
    ] {
        let measured = thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(move || with(&document, json!({}), None).map(|_| ()));
        let outcome = measured
            .ok()
            .and_then(|thread| thread.join().ok())
            .map(|outcome| outcome.err().unwrap_or_default());
        assert!(outcome.as_ref().is_some_and(|outcome| outcome.starts_with(words)), "{outcome:?}");
    }
}

#[test]
fn syntax_errors_have_a_position_and_a_message() {
    for (document, words) in [
        ("{ a { b }", "has a syntax error at 1:10: expected selection"),
        ("", "has a syntax error at 1:1: expected"),
        (
            "{ a }\n{ b }",
            "has a syntax error at 2:1: an operation without a name must be the only one of its document",
        ),
        ("query A { a } query A { b }", "has a syntax error at 1:15: operation A is defined twice"),
        ("fragment A on Q { a }", "has a syntax error: document does not contain an operation"),
        ("{ a(x: 1e999) }", "has a syntax error at 1:8: invalid number: number out of range"),
    ] {
        let refused = refusal(document);
        println!("{refused}");
        assert!(refused.starts_with(words) && !refused.contains(['\n', '|', '_']), "{refused}");
    }
}
