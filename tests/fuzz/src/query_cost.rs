//! The measure of GraphQL documents: its work is linear in the request, each limit refuses what is
//! over it and not what is at it, and errors stand within the document.

use std::cell::RefCell;

use samregister::{
    graphql::cost::Costs,
    http::{
        graphql_request::GraphqlRequest,
        query_cost::{Exceeded, Figures, Limits, measure, within_together},
    },
};
use serde_json::{Map, Value, json};

thread_local! {
    static LIMITS: RefCell<Limits> = RefCell::new(Limits { costs: Costs::of_schema(), ..Limits::default() });
}

/// Checks a document; its variables follow after a NUL, which no document has.
pub fn check(input: &str) {
    let (document, variables) = input.split_once('\0').unwrap_or((input, ""));
    let variables = serde_json::from_str::<Map<String, Value>>(variables).unwrap_or_default();
    let payload = json!({"query": document, "variables": variables}).to_string();
    let variables = GraphqlRequest::of_payload(&payload).unwrap().variables;
    LIMITS.with_borrow_mut(|limits| {
        let original = of_limits(limits);
        match measure(document, &variables, None, limits) {
            Ok(measured) => {
                assert!(
                    measured.visited <= 2 * (input.len() + 1),
                    "looked at {} parts of {} bytes",
                    measured.visited,
                    input.len()
                );
                let figures = measured.figures;
                assert!(figures.tokens <= document.len() as u64);
                assert_eq!(within_together([figures].into_iter(), limits), Ok(()));
                let found = of_figures(&figures);
                set(limits, found);
                let again = measure(document, &variables, None, limits)
                    .unwrap_or_else(|exceeded| panic!("at each limit: {exceeded:?}"));
                assert_eq!(again.figures, figures);
                for (position, limit) in found.into_iter().enumerate() {
                    let Some(less) = limit.checked_sub(1) else { continue };
                    let mut tight = found;
                    tight[position] = less;
                    set(limits, tight);
                    let Err(Exceeded::Limits(excesses)) =
                        measure(document, &variables, None, limits)
                    else {
                        panic!("{limit} is not over {less}, at index {position}");
                    };
                    assert!(
                        excesses.iter().any(|excess| (excess.found, excess.most) == (limit, less)),
                        "{excesses:?}"
                    );
                }
            }
            Err(Exceeded::Limits(excesses)) => {
                assert!(
                    !excesses.is_empty()
                        && excesses.iter().all(|excess| excess.found > excess.most),
                    "{excesses:?}"
                );
            }
            Err(Exceeded::Syntax(Some(at), message)) => {
                let line = document
                    .split('\n')
                    .nth(at.line - 1)
                    .unwrap_or_else(|| panic!("{at}: {message}"));
                assert!((1..=line.chars().count() + 1).contains(&at.column), "{at}: {message}");
            }
            Err(Exceeded::Cycle(names)) => assert!(
                !names.is_empty() && names.iter().all(|name| document.contains(name)),
                "{names:?}"
            ),
            Err(Exceeded::Syntax(None, _) | Exceeded::Operation(_) | Exceeded::Introspection) => {}
        }
        set(limits, original);
    });
}

/// The limits, in the order of [`of_figures`].
fn of_limits(limits: &Limits) -> [u64; 8] {
    let Limits {
        tokens,
        depth,
        complexity,
        aliases,
        directives,
        expansion,
        introspection_depth,
        introspection_complexity,
        ..
    } = *limits;
    let [tokens, depth, aliases, directives, expansion, introspection_depth] =
        [tokens, depth, aliases, directives, expansion, introspection_depth]
            .map(|limit| limit as u64);
    [
        tokens,
        depth,
        complexity,
        aliases,
        directives,
        expansion,
        introspection_depth,
        introspection_complexity,
    ]
}

fn of_figures(figures: &Figures) -> [u64; 8] {
    let Figures {
        tokens,
        depth,
        complexity,
        aliases,
        directives,
        expansion,
        introspection_depth,
        introspection_complexity,
        ..
    } = *figures;
    [
        tokens,
        depth,
        complexity,
        aliases,
        directives,
        expansion,
        introspection_depth,
        introspection_complexity,
    ]
}

fn set(limits: &mut Limits, to: [u64; 8]) {
    let [tokens, depth, _, aliases, directives, expansion, introspection_depth, _] =
        to.map(|limit| limit as usize);
    (limits.tokens, limits.depth, limits.complexity) = (tokens, depth, to[2]);
    (limits.aliases, limits.directives, limits.expansion) = (aliases, directives, expansion);
    (limits.introspection_depth, limits.introspection_complexity) = (introspection_depth, to[7]);
}
