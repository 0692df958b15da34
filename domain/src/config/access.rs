//! Settings of access: validity of tokens, former members, trusted proxies, and readers of metrics.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    environment::{Environment, number, yes_or_no},
    names::METRICS_TOKEN,
    secrets::{self, Secret},
};

/// Default of the longest validity of a token, in days.
pub(crate) const MAX_TOKEN_DAYS: u32 = 400;

/// Access to the metrics, which count the agreements of all members by activity. A peer on the same
/// machine without a proxy in between always has access.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsAccess {
    /// `true` if anyone may read them, without a token.
    pub is_open: bool,
    /// The bearer token of other readers; null: there is none.
    pub token: Option<Secret>,
}

impl Environment {
    /// Reads the access to metrics.
    pub(super) fn metrics(&mut self) -> MetricsAccess {
        MetricsAccess {
            is_open: self.take("SAMREGISTER_METRICS_OPEN", false, yes_or_no),
            token: self.optional(METRICS_TOKEN, secrets::bearer),
        }
    }

    /// Reads the proxies whose forwarding headers are trusted.
    pub(super) fn trusted_proxies(&mut self) -> Vec<IpNet> {
        self.take("SAMREGISTER_TRUSTED_PROXIES", Vec::new(), |text| {
            text.split([',', ' ']).filter(|part| !part.is_empty()).map(network).collect()
        })
    }

    /// Reads the longest validity of a token, in days.
    pub(super) fn max_token_days(&mut self) -> u32 {
        self.take("SAMREGISTER_MAX_TOKEN_DAYS", MAX_TOKEN_DAYS, |text| number(text, 1..=3_650))
    }

    /// Reads the number of days for which a member that has left may read its own invoices and
    /// agreements.
    pub(super) fn former_member_days(&mut self) -> u16 {
        self.take("SAMREGISTER_FORMER_MEMBER_DAYS", 0, |text| number(text, 0..=3_650))
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| {
        "must be addresses or networks as 10.0.0.1, 10.0.0.0/8 or fd00::/8, with commas between"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bad, good};
    use super::*;

    #[test]
    fn access_settings_are_read() {
        let settings = good(&[], "");
        assert_eq!(
            (settings.max_token_days, settings.former_member_days, settings.trusted_proxies.len()),
            (400, 0, 0)
        );
        assert_eq!(settings.metrics, MetricsAccess::default());
        let settings =
            good(&[("SAMREGISTER_TRUSTED_PROXIES", "10.0.0.1, fd00::/8 192.168.0.0/16")], "");
        assert_eq!(
            settings.trusted_proxies,
            ["10.0.0.1/32", "fd00::/8", "192.168.0.0/16"].map(|net| net.parse::<IpNet>().unwrap())
        );
        let token = "a-token-for-prometheus-of-32-bytes";
        let metrics =
            good(&[(METRICS_TOKEN, token), ("SAMREGISTER_METRICS_OPEN", "true")], "").metrics;
        assert!(
            metrics.is_open && metrics.token.as_ref().is_some_and(|found| found.expose() == token),
            "{metrics:?}"
        );
        for (name, value) in [
            ("SAMREGISTER_TRUSTED_PROXIES", "proxy.example.se"),
            ("SAMREGISTER_TRUSTED_PROXIES", "10.0.0.0/33"),
            (METRICS_TOKEN, "short"),
            (METRICS_TOKEN, "with a blank, and of 32 bytes or more"),
            ("SAMREGISTER_METRICS_OPEN", "yes"),
            ("SAMREGISTER_METRICS", "open"),
            ("SAMREGISTER_MAX_TOKEN_DAYS", "0"),
            ("SAMREGISTER_MAX_TOKEN_DAYS", "3651"),
            ("SAMREGISTER_FORMER_MEMBER_DAYS", "-1"),
        ] {
            assert!(bad(&[(name, value)], "").starts_with(name), "{name} {value}");
        }
    }
}
