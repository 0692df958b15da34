//! Walks through lists page by page.

use serde_json::Value;

use crate::support::caller::Caller;

/// Number of rows of a page.
const SIZE: usize = 2;

/// Returns the selected fields of each row of a list, in order, read page by page from the start.
/// The pages from the end must have the same rows, and the list as many rows as it counts.
/// `arguments` are further ones, each after a comma.
pub async fn walk(caller: &Caller<'_>, list: &str, arguments: &str, selection: &str) -> Vec<Value> {
    let forward = pages(caller, list, arguments, selection, Direction::Forward).await;
    let backward = pages(caller, list, arguments, selection, Direction::Backward).await;
    assert_eq!(forward, backward, "{list}{arguments} forward and backward");
    forward
}

/// Returns the names of the rows of a list, as [`walk`] does.
pub async fn names(caller: &Caller<'_>, list: &str, arguments: &str) -> Vec<String> {
    let rows = walk(caller, list, arguments, "name").await;
    rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Forward,
    Backward,
}

async fn pages(
    caller: &Caller<'_>,
    list: &str,
    arguments: &str,
    selection: &str,
    direction: Direction,
) -> Vec<Value> {
    let (size, bound, more, end) = match direction {
        Direction::Forward => ("first", "after", "hasNextPage", "endCursor"),
        Direction::Backward => ("last", "before", "hasPreviousPage", "startCursor"),
    };
    let (mut rows, mut from) = (Vec::<Value>::new(), String::new());
    loop {
        let document = format!(
            "{{ list: {list}({size}: {SIZE}{from}{arguments}) {{ totalCount nodes {{ {selection} }} pageInfo {{ {more} {end} }} }} }}"
        );
        let page = caller.query(&document).await["list"].clone();
        let own = page["nodes"].as_array().unwrap().clone();
        rows = match direction {
            Direction::Forward => [rows, own].concat(),
            Direction::Backward => [own, rows].concat(),
        };
        if page["pageInfo"][more] != true {
            assert_eq!(page["totalCount"], rows.len(), "{list}{arguments}");
            return rows;
        }
        from = format!(", {bound}: {}", page["pageInfo"][end]);
    }
}
