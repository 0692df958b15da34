//! Addresses of peers and, behind trusted proxies, of clients.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::Request,
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use ipnet::IpNet;

use super::{App, execution::Caller};
use domain::error::{Error, FieldErrorCode};

/// Address of the peer, attached to each request of its connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Headers in which proxies state the client.
const FORWARDING: [HeaderName; 6] = [
    FORWARDED_FOR,
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-real-ip"),
    FORWARDED_HOST,
    FORWARDED_PROTO,
];

/// `true` for a request from the same machine that no proxy has forwarded.
pub fn is_local(request: &Request) -> bool {
    let is_forwarded = FORWARDING.iter().any(|name| request.headers().contains_key(name));
    peer(request.extensions()).is_some_and(|address| address.is_loopback()) && !is_forwarded
}

/// Returns the address of the client: the peer's, or the one that a trusted proxy states; `None` if
/// the peer is not known.
pub fn client(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let mut client = peer(extensions)?;
    let hops =
        headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or_default());
    let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).collect();
    // Each proxy appends its peer; entries before that of the first untrusted one may be forged.
    for hop in hops.into_iter().rev() {
        if !trusted.iter().any(|network| network.contains(&client)) {
            break;
        }
        let Some(address) = address(hop.trim()) else { break };
        client = address;
    }
    Some(client)
}

/// What states the address of this server: the request's host, and the headers of a proxy.
#[derive(Clone, Debug)]
pub(super) struct ServerAddress {
    peer: Option<IpAddr>,
    host: Option<HeaderValue>,
    forwarded_host: Option<HeaderValue>,
    forwarded_proto: Option<HeaderValue>,
}

impl ServerAddress {
    pub(super) fn of(request: &Request) -> Self {
        let last = |name: HeaderName| request.headers().get_all(name).iter().next_back().cloned();
        Self {
            peer: peer(request.extensions()),
            host: request.headers().get(header::HOST).cloned(),
            forwarded_host: last(FORWARDED_HOST),
            forwarded_proto: last(FORWARDED_PROTO),
        }
    }

    /// Returns the address without a slash at its end: of the settings, or else the request's own,
    /// or the one that a trusted proxy states. Empty if the request has no host.
    pub(super) fn base(&self, app: &App) -> String {
        match &app.public_url {
            Some(address) => address.to_string(),
            None => self.stated(&app.trusted_proxies),
        }
    }

    fn stated(&self, trusted: &[IpNet]) -> String {
        let is_trusted =
            self.peer.is_some_and(|peer| trusted.iter().any(|network| network.contains(&peer)));
        // The last entry is the one that the trusted proxy has added.
        let forwarded = |value: &'_ Option<HeaderValue>| {
            let text = value.as_ref().filter(|_| is_trusted)?.to_str().ok()?;
            text.rsplit(',').next().map(|text| text.trim().to_owned())
        };
        let own = || self.host.as_ref()?.to_str().ok().map(str::to_owned);
        let host = forwarded(&self.forwarded_host).or_else(own).filter(|host| is_host(host));
        let is_secure = forwarded(&self.forwarded_proto).is_some_and(|scheme| scheme == "https");
        let scheme = if is_secure { "https" } else { "http" };
        host.map(|host| format!("{scheme}://{host}")).unwrap_or_default()
    }
}

/// Refuses a request whose header Host names no host (RFC 9112, 3.2). One without it is of an old
/// client.
pub async fn check_host(request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let is_good = hosts.next().is_none_or(|host| host.to_str().is_ok_and(is_host));
    if is_good && hosts.next().is_none() {
        return next.run(request).await;
    }
    let words = "must be the name or address of this server, with its port if it has one";
    let problem = FieldErrorCode::InvalidValue.problem(words);
    Caller::of(&request).refuse(Error::invalid("host", problem))
}

/// `true` for a host name or address, possibly with a port.
fn is_host(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    !text.is_empty() && text.bytes().all(is_plain)
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<Peer>().map(|Peer(address)| address.ip().to_canonical())
}

/// Parses an address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address =
        bare.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(peer: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        request
    }

    #[test]
    fn the_client_is_stated_by_trusted_proxies_only() {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "127.0.0.1/32", "::1/128"]
            .map(|network| network.parse().unwrap())
            .to_vec();
        for (peer, headers, client_address) in [
            ("127.0.0.1:1", &[][..], "127.0.0.1"),
            ("127.0.0.1:1", &[("x-forwarded-for", "203.0.113.7")], "203.0.113.7"),
            ("[::ffff:127.0.0.1]:1", &[("x-forwarded-for", "203.0.113.7:4711")], "203.0.113.7"),
            ("[::1]:1", &[("x-forwarded-for", "[2001:db8::7]:4711")], "2001:db8::7"),
            // Entries by the client itself are ignored.
            (
                "127.0.0.1:1",
                &[("x-forwarded-for", "198.51.100.1, 203.0.113.7, 10.0.0.2")],
                "203.0.113.7",
            ),
            (
                "127.0.0.1:1",
                &[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.7")],
                "203.0.113.7",
            ),
            (
                "127.0.0.1:1",
                &[("x-forwarded-for", "203.0.113.7, unidentified, 10.0.0.2")],
                "10.0.0.2",
            ),
            ("192.0.2.1:1", &[("x-forwarded-for", "203.0.113.7")], "192.0.2.1"),
        ] {
            let request = request(peer, headers);
            let found = client(request.extensions(), request.headers(), &trusted);
            assert_eq!(found, Some(client_address.parse().unwrap()), "{peer} {headers:?}");
        }
        assert_eq!(client(&Extensions::new(), &HeaderMap::new(), &trusted), None);
    }

    #[test]
    fn the_server_s_address_is_stated_by_trusted_proxies_only() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let forwarded = [("x-forwarded-host", "a.se"), ("x-forwarded-proto", "https")];
        let own = ("host", "127.0.0.1:8080");
        for (peer, headers, base) in [
            ("10.0.0.1:1", vec![own], "http://127.0.0.1:8080"),
            ("10.0.0.1:1", vec![own, forwarded[0], forwarded[1]], "https://a.se"),
            ("10.0.0.1:1", vec![own, forwarded[1]], "https://127.0.0.1:8080"),
            ("10.0.0.1:1", vec![own, ("x-forwarded-host", "evil.se, a.se")], "http://a.se"),
            ("192.0.2.1:1", vec![own, forwarded[0], forwarded[1]], "http://127.0.0.1:8080"),
            ("192.0.2.1:1", vec![], ""),
            ("192.0.2.1:1", vec![("host", "a.se/x")], ""),
        ] {
            let request = request(peer, &headers);
            let found = ServerAddress::of(&request).stated(&trusted);
            assert_eq!(found, base, "{peer} {headers:?}");
        }
    }

    #[test]
    fn local_is_a_direct_request_from_this_machine() {
        for (peer, headers, is) in [
            ("127.0.0.1:1", &[][..], true),
            ("127.9.9.9:1", &[], true),
            ("[::1]:1", &[], true),
            ("[::ffff:127.0.0.1]:1", &[], true),
            ("10.0.0.1:1", &[], false),
            ("127.0.0.1:1", &[("x-forwarded-for", "127.0.0.1")], false),
            ("127.0.0.1:1", &[("forwarded", "for=127.0.0.1")], false),
            ("127.0.0.1:1", &[("x-real-ip", "127.0.0.1")], false),
            ("127.0.0.1:1", &[("via", "1.1 proxy")], false),
        ] {
            assert_eq!(is_local(&request(peer, headers)), is, "{peer} {headers:?}");
        }
        assert!(!is_local(&Request::new(Body::empty())), "the peer is not known");
    }
}
