//! A Rust program with types that `graphql_client` makes of `schema.graphql`: pages, and
//! a mutation that is safe to repeat.

use std::{cell::Cell, env, error::Error, fmt, fs};

use graphql_client::{GraphQLQuery, Response};

// The schema's own scalars. An amount stays a text: "26800.00" is exact, a float would not be.
type Date = String;
type Money = String;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "../../../schema.graphql",
    query_path = "src/documents.graphql",
    response_derives = "Debug"
)]
struct Members;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "../../../schema.graphql",
    query_path = "src/documents.graphql",
    response_derives = "Debug"
)]
struct Activity;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "../../../schema.graphql",
    query_path = "src/documents.graphql",
    response_derives = "Debug, PartialEq"
)]
struct FileReport;

/// The register, and who asks.
struct Register {
    agent: ureq::Agent,
    url: String,
    authorization: String,
    /// The newest revision that answers stated. Sent with each request: no answer shows an older
    /// state, whichever server gives it.
    seen: Cell<u64>,
}

/// The header with the revision.
const REVISION: &str = "x-samregister-revision";

impl Register {
    fn of_environment() -> Result<Self> {
        let token = env::var("SAMREGISTER_TOKEN")?;
        // A refusal comes with words in its body, whatever the status.
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Ok(Self {
            agent,
            url: format!("{}/graphql", env::var("SAMREGISTER_URL")?),
            authorization: format!("Bearer {token}"),
            seen: Cell::new(0),
        })
    }

    /// The answer to one document. With a key, the same mutation can be sent again and is not done
    /// again.
    fn ask<Q: GraphQLQuery>(
        &self,
        variables: Q::Variables,
        key: Option<&str>,
    ) -> Result<Q::ResponseData> {
        let mut request = self
            .agent
            .post(&self.url)
            .header("authorization", &self.authorization)
            .header("accept", "application/graphql-response+json, application/json;q=0.9");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let sent = self.seen.get();
        if sent > 0 {
            request = request.header(REVISION, sent.to_string());
        }
        let mut response = request.send_json(Q::build_query(variables))?;
        // An answer that was refused before its execution states none. A smaller one than was sent
        // is of a register that was set back.
        if let Some(stated) = response.headers().get(REVISION) {
            self.seen.set(stated.to_str()?.parse()?);
        }
        let answer: Response<Q::ResponseData> = response.body_mut().read_json()?;
        match (answer.data, answer.errors) {
            (Some(data), None) => Ok(data),
            (_, errors) => Err(Refusal(errors.unwrap_or_default()).into()),
        }
    }
}

/// The errors of an answer. A refused mutation has them with a null payload.
#[derive(Debug)]
struct Refusal(Vec<graphql_client::Error>);

impl Refusal {
    /// The invalid fields: the path in the input, and a code of the enum `FieldErrorCode`.
    fn fields(&self) -> Vec<(&str, &str)> {
        self.0
            .iter()
            .filter_map(|error| error.extensions.as_ref()?.get("fields")?.as_array())
            .flatten()
            .filter_map(|field| Some((field["path"].as_str()?, field["code"].as_str()?)))
            .collect()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&messages.join("; "))
    }
}

impl Error for Refusal {}

/// Every member that does not take part in Indikatorer, and in how many pages they came.
fn every_member(register: &Register) -> Result<(Vec<members::MembersMembersNodes>, u32)> {
    let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = register.ask::<Members>(members::Variables { first: 4, after }, None)?.members;
        found.extend(page.nodes);
        pages += 1;
        if !page.page_info.has_next_page {
            assert_eq!(usize::try_from(page.total_count)?, found.len());
            return Ok((found, pages));
        }
        after = page.page_info.end_cursor;
    }
}

fn main() -> Result<()> {
    let register = Register::of_environment()?;
    let (members, pages) = every_member(&register)?;
    let in_kronor = |member: &members::MembersMembersNodes| {
        member.balance.as_ref().is_none_or(|sums| sums.outstanding.contains('.'))
    };
    assert!(pages > 1 && members.iter().all(in_kronor));

    let activity = register
        .ask::<Activity>(activity::Variables { slug: "jgl".into() }, None)?
        .activity
        .ok_or("there is no JGL")?;
    assert!(activity.coverage.connected_count <= activity.coverage.member_count);

    let key = fs::read_to_string("/proc/sys/kernel/random/uuid")?;
    let report = |summary: &str| file_report::Variables {
        input: file_report::StatusReportFileInput {
            activity_id: activity.id.clone(),
            period: "2026-T3".into(),
            health: file_report::ActivityHealth::GREEN,
            summary: summary.into(),
            deviations: None,
            next_steps: None,
        },
    };
    let filed = register.ask::<FileReport>(report("Filed by graphql_client"), Some(key.trim()))?;
    let again = register.ask::<FileReport>(report("Filed by graphql_client"), Some(key.trim()))?;
    assert_eq!(filed, again, "a mutation was done twice");
    assert!(register.seen.get() > 0, "no answer stated a revision");
    // The same key for another mutation is a mistake of the caller, and nothing is done.
    assert!(
        register.ask::<FileReport>(report("Something else"), Some(key.trim())).is_err(),
        "a key was good for two mutations"
    );
    // An invalid field has its path in the input and a code.
    let refusal = register.ask::<FileReport>(report(""), None).expect_err("it has no summary");
    let refusal = refusal.downcast_ref::<Refusal>().ok_or("the server gave no answer")?;
    assert_eq!(refusal.fields(), [("input.summary", "EMPTY")]);

    println!("{} members in {pages} pages, a mutation repeated by its key", members.len());
    Ok(())
}
