//! The network that issues the invoices of benchmarks.

use domain::config::Network;

/// A network that lacks nothing.
pub fn network() -> Network {
    Network {
        name: Some("Nätverket".to_owned()),
        org_number: "802555-0008".parse().ok(),
        vat_number: Some("SE802555000801".to_owned()),
        address_line: Some("Kansligatan 1".to_owned()),
        postal_code: Some("111 11".to_owned()),
        city: Some("Stockholm".to_owned()),
        bankgiro: Some("5050-1055".to_owned()),
        ..Network::default()
    }
}
