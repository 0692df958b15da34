//! `samregister healthcheck`: asks a running server if it is ready.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use clap::Args;

use super::{Failure, Outcome, Result, put, settings};

/// Time limit of the request; the server's own check of its database takes less.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// Ask the server of this machine if it is ready
///
/// Exits with 0 if the server of SAMREGISTER_BIND answers /readyz with 200: its database can be
/// reached and written to. Else it exits with 1 and the reason. For containers, which have no other
/// program to ask with.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister healthcheck
  samregister healthcheck --live
  samregister healthcheck --url http://127.0.0.1:8081")]
pub struct Options {
    /// Ask /healthz: the server runs, whatever the state of its database
    #[arg(long)]
    live: bool,
    /// Address of the server; defaults to that of SAMREGISTER_BIND
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// Asks the server.
///
/// # Errors
/// Fails if the server can't be reached, or answers that it is not ready.
pub async fn run(options: Options) -> Result {
    let server = match options.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}", local(settings()?.bind)),
    };
    let url = format!("{server}/{}", if options.live { "healthz" } else { "readyz" });
    let asked = tokio::task::spawn_blocking(move || ask(&url)).await;
    put(asked.map_err(|cause| Failure::new(format!("the request was not sent: {cause}")))??)?;
    Ok(Outcome::Done)
}

/// Returns the address at which a server that listens on `bind` is reached from its own machine.
fn local(bind: SocketAddr) -> SocketAddr {
    let host = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(host, bind.port())
}

/// Returns the answer to a probe. Fails unless its status is 200.
fn ask(url: &str) -> Result<String> {
    let unreachable = |cause: ureq::Error| Failure::new(format!("cannot ask {url}: {cause}"));
    let tls =
        ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(TIMEOUT))
        .tls_config(tls)
        // The server is asked, and not what stands before it.
        .proxy(None)
        .build()
        .new_agent();
    let mut answer = agent.get(url).call().map_err(unreachable)?;
    let status = answer.status().as_u16();
    let text = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string();
    let text = text.map_err(unreachable)?;
    match status {
        200 => Ok(text),
        _ => Err(Failure::new(format!("{url} answers {status}: {}", text.trim_end()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_all_addresses_is_asked_on_the_local_one() {
        for (bind, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:81", "[::1]:81"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            assert_eq!(local(bind.parse().unwrap()).to_string(), asked);
        }
    }
}
