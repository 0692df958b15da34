//! Client of the API, for commands with the caller's own rights.

use std::{env, net::IpAddr, time::Duration};

use clap::Args;
use serde_json::json;

use super::{Failure, Result, config_option};
use crate::graphql::client::Value;
use domain::config::Settings;

/// Server of a command without another address.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// Time limit of a request.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Largest response that is read, in bytes.
const MAX_RESPONSE_BYTES: u64 = 256 << 20;

// No doc comment: clap would take it for the description of each command that has these options.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Server {
    /// Address of the server; defaults to SAMREGISTER_URL, then to http://127.0.0.1:8080
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Token; defaults to SAMREGISTER_TOKEN, which other users of the machine can't read
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
}

/// Response of the API.
pub(super) struct Reply {
    /// The whole response, its fields in the order of the query.
    pub document: Value,
    /// Its errors.
    pub errors: Vec<serde_json::Value>,
}

impl Reply {
    /// Returns the data. Fails with the errors of the response if it has any.
    pub fn data(self) -> Result<Value> {
        if !self.errors.is_empty() {
            return Err(Failure::of_response(&self.errors));
        }
        Ok(field(&self.document, "data").cloned().unwrap_or_default())
    }
}

/// Returns the field of an object at this path, of names with dots between them.
pub(super) fn field<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, name| match value {
        Value::Object(fields) => fields.get(name),
        _ => None,
    })
}

impl Server {
    /// Sends a document to the API.
    ///
    /// # Errors
    /// Fails if a settings file that is named can't be read, though no setting is needed.
    pub async fn send(
        &self,
        query: &str,
        variables: &serde_json::Value,
        operation: Option<&str>,
    ) -> Result<Reply> {
        check_settings_file()?;
        let of_environment = |name| env::var(name).ok().filter(|value| !value.trim().is_empty());
        let url = self.url.clone().or_else(|| of_environment("SAMREGISTER_URL"));
        let url = address(&url.unwrap_or_else(|| DEFAULT_URL.to_owned()));
        let token = self.token.clone().or_else(|| of_environment("SAMREGISTER_TOKEN"));
        let token = token.ok_or_else(|| {
            Failure::usage("set SAMREGISTER_TOKEN to a token for the API, or state it with --token")
        })?;
        let mut body = json!({ "query": query, "variables": variables });
        if let Some(name) = operation {
            body["operationName"] = name.into();
        }
        let asked =
            tokio::task::spawn_blocking(move || post(&url, token.trim(), &body.to_string()));
        asked.await.map_err(|cause| Failure::new(format!("the request was not sent: {cause}")))?
    }
}

/// Checks the settings file, as every other command does: one that is named must exist, and that of
/// --config must be good.
fn check_settings_file() -> Result<()> {
    match config_option() {
        Some(_) => drop(Settings::of_process(config_option())?),
        None => drop(Settings::find_file(None)?),
    }
    Ok(())
}

/// Returns the address of the API on a server.
fn address(server: &str) -> String {
    let server = server.trim().trim_end_matches('/');
    if server.ends_with("/graphql") { server.to_owned() } else { format!("{server}/graphql") }
}

/// Returns `true` if the address is on this machine, where no proxy leads to.
fn is_local(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or(url).split('/').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Posts a request, and reads the response.
fn post(url: &str, token: &str, body: &str) -> Result<Reply> {
    let unreachable = |cause: ureq::Error| Failure::new(format!("cannot ask {url}: {cause}"));
    let tls =
        ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
    let mut config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(TIMEOUT))
        .tls_config(tls);
    if is_local(url) {
        config = config.proxy(None);
    }
    let request = config
        .build()
        .new_agent()
        .post(url)
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "application/graphql-response+json, application/json")
        .header("content-type", "application/json");
    let mut response = request.send(body).map_err(unreachable)?;
    let status = response.status().as_u16();
    let reading = response.body_mut().with_config().limit(MAX_RESPONSE_BYTES);
    let text = reading.read_to_string().map_err(unreachable)?;
    read(&text).ok_or_else(|| {
        Failure::new(format!(
            "{url} answered with status {status} and not as a GraphQL server; check the address"
        ))
    })
}

/// Reads a response of GraphQL; `None` if it is something else.
fn read(text: &str) -> Option<Reply> {
    #[derive(serde::Deserialize)]
    struct Errors {
        #[serde(default)]
        errors: Vec<serde_json::Value>,
    }
    let document: Value = serde_json::from_str(text).ok()?;
    let Errors { errors } = serde_json::from_str(text).ok()?;
    let is_response = field(&document, "data").is_some() || !errors.is_empty();
    is_response.then_some(Reply { document, errors })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_below_the_address_of_a_server() {
        for (server, url) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/graphql"),
            ("https://register.example.se/", "https://register.example.se/graphql"),
            ("https://register.example.se/graphql", "https://register.example.se/graphql"),
        ] {
            assert_eq!(address(server), url);
        }
        assert!(is_local("http://127.0.0.1:8080/graphql") && is_local("http://[::1]:1/graphql"));
        assert!(is_local("http://localhost/graphql") && !is_local("https://a.se/127.0.0.1"));
    }

    #[test]
    fn a_response_has_data_or_errors() {
        let reply = read(r#"{"data":{"b":1,"a":{"c":"x"}}}"#).unwrap();
        assert_eq!(field(&reply.document, "data.a.c"), Some(&Value::from("x")));
        let text = serde_json::to_string(&reply.document).unwrap();
        assert_eq!(text, r#"{"data":{"b":1,"a":{"c":"x"}}}"#, "the order is that of the response");
        assert!(read(r#"{"errors":[{"message":"no"}]}"#).unwrap().data().is_err());
        assert!(read("<html>").is_none() && read("{}").is_none() && read("[]").is_none());
    }
}
