//! Settings about who may still come in: for how long tokens and members are believed, which
//! proxies are, and who may read metrics.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Given, Secret, number, secrets, yes_or_no};

/// The longest time that a token may be valid for, in days, unless it is set.
pub(crate) const MAX_TOKEN_DAYS: u32 = 400;
pub(super) const METRICS_TOKEN: &str = "SAMREGISTER_METRICS_TOKEN";
pub(super) const METRICS_TOKEN_FILE: &str = "SAMREGISTER_METRICS_TOKEN_FILE";

/// Access to the metrics, which count the agreements of all members by activity. A peer on the same
/// machine, which no proxy has forwarded, always has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsAccess {
    /// `true` if anybody may, without a token.
    pub is_open: bool,
    /// The bearer token of others; null: there is none.
    pub token: Option<Secret>,
}

impl Given {
    /// Reads who may read what is measured.
    pub(super) fn metrics(&mut self) -> MetricsAccess {
        MetricsAccess {
            is_open: self.take("SAMREGISTER_METRICS_OPEN", false, yes_or_no),
            token: self.optional(METRICS_TOKEN, secrets::bearer),
        }
    }

    /// Reads which proxies are believed about whom they forward.
    pub(super) fn trusted_proxies(&mut self) -> Vec<IpNet> {
        self.take("SAMREGISTER_TRUSTED_PROXIES", Vec::new(), |text| {
            text.split([',', ' ']).filter(|part| !part.is_empty()).map(network).collect()
        })
    }

    /// Reads the longest time that a token may be valid for, in days.
    pub(super) fn max_token_days(&mut self) -> u32 {
        self.take("SAMREGISTER_MAX_TOKEN_DAYS", MAX_TOKEN_DAYS, |text| number(text, 1..=3_650))
    }

    /// Reads for how many days a member that has left reads its own invoices and agreements.
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
    fn who_may_come_in_is_read() {
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
