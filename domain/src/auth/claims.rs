//! Claims that a token needs before its subject counts: that it is an access token, of one issuer,
//! and valid from when to when.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::error::{Error, Result};

/// Allowed difference between the issuer's clock and ours at a token's beginning and end, in
/// seconds.
pub(super) const LEEWAY: f64 = 30.0;
/// Greatest allowed lead of its time of issue over our clock, in seconds.
const ISSUE_LEEWAY: f64 = 60.0;
/// The types that the header of an access token may name (RFC 7519, 5.1; RFC 9068, 2.1), without
/// `application/` before them.
const TYPES: [&str; 2] = ["jwt", "at+jwt"];
/// Values of the claims `typ` and `token_use` in tokens that are not for an API, in lower case
/// without punctuation: ID tokens, by which a client learns who logged in, and refresh tokens,
/// which are for the issuer alone.
const OTHER_USES: [&str; 7] =
    ["id", "idtoken", "refresh", "refreshtoken", "offline", "offlineaccess", "logout"];

/// Refuses a token, for this reason.
pub(super) fn refused(reason: impl fmt::Display) -> Error {
    Error::Unauthenticated(format!("the token {reason}"))
}

/// Checks the type in a token's header.
///
/// # Errors
/// UNAUTHENTICATED when it names another type than that of access tokens.
pub(super) fn check_type(header: Option<&str>) -> Result<()> {
    let Some(name) = header.map(str::to_ascii_lowercase) else { return Ok(()) };
    let name = name.strip_prefix("application/").unwrap_or(&name);
    if TYPES.contains(&name) {
        Ok(())
    } else {
        Err(refused("has a type (typ) in its header that is neither JWT nor at+jwt"))
    }
}

/// Checks that the claims are of an access token by one issuer.
///
/// # Errors
/// UNAUTHENTICATED when they say that it is an ID token or a refresh token, or name a list of
/// issuers.
pub(super) fn check_use(claims: &Value) -> Result<()> {
    for name in ["typ", "token_use"] {
        let said = match &claims[name] {
            Value::Null => continue,
            Value::String(text) => text
                .chars()
                .filter(|char| char.is_alphanumeric())
                .collect::<String>()
                .to_lowercase(),
            _ => return Err(refused(format!("has a claim {name} that is not a text"))),
        };
        if OTHER_USES.contains(&said.as_str()) {
            return Err(refused(format!("is no access token ({name}); send the access token")));
        }
    }
    if claims["iss"].is_string() {
        Ok(())
    } else {
        Err(refused("must have one issuer (iss), as a text"))
    }
}

/// Checks from when to when a token is valid, and returns when it no longer holds.
///
/// # Errors
/// UNAUTHENTICATED when that is not now, or for more than `most_days` days.
pub(super) fn check_times(
    claims: &Value,
    most_days: u32,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>> {
    // Seconds, perhaps with a fraction (RFC 7519, 2); a float keeps microseconds for centuries.
    let now = now.timestamp_micros() as f64 / 1e6;
    let Some(expiry) = claims["exp"].as_f64() else {
        return Err(refused("has no expiry (exp) as a number"));
    };
    if now >= expiry + LEEWAY {
        return Err(refused("has expired; get a new one"));
    }
    match (&claims["nbf"], claims["nbf"].as_f64()) {
        (Value::Null, _) => {}
        (_, Some(start)) if now + LEEWAY >= start => {}
        (_, Some(_)) => return Err(refused("is not valid yet (nbf)")),
        (_, None) => return Err(refused("has a start (nbf) that is not a number")),
    }
    let issued = match (&claims["iat"], claims["iat"].as_f64()) {
        (Value::Null, _) => now,
        (_, Some(issued)) if issued <= now + ISSUE_LEEWAY => issued,
        (_, Some(_)) => {
            return Err(refused("was issued (iat) in the future; the issuer's clock may be wrong"));
        }
        (_, None) => return Err(refused("has a time of issue (iat) that is not a number")),
    };
    let most = TimeDelta::days(i64::from(most_days)).num_seconds() as f64;
    if expiry - issued > most {
        return Err(refused(format!(
            "is valid for longer than {most_days} days; get one for a shorter time"
        )));
    }
    Ok(DateTime::from_timestamp_micros(((expiry + LEEWAY) * 1e6) as i64)
        .unwrap_or(DateTime::<Utc>::MAX_UTC))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reason<T>(checked: Result<T>) -> String {
        checked.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_header_names_the_type_of_an_access_token_or_none() {
        for name in [
            None,
            Some("JWT"),
            Some("jwt"),
            Some("at+jwt"),
            Some("AT+JWT"),
            Some("application/at+jwt"),
            Some("Application/JWT"),
        ] {
            assert!(check_type(name).is_ok(), "{name:?}");
        }
        for name in [
            "",
            "id+jwt",
            "logout+jwt",
            "dpop+jwt",
            "secevent+jwt",
            "JOSE",
            "application/",
            "application/application/jwt",
            "at+jwt ",
        ] {
            assert!(
                reason(check_type(Some(name))).contains("a type (typ) in its header"),
                "{name:?}"
            );
        }
    }

    #[test]
    fn tokens_for_others_are_refused() {
        for claims in [
            json!({}),
            json!({ "typ": "Bearer" }),
            json!({ "token_use": "access" }),
            json!({ "typ": "JWT", "token_use": null }),
        ] {
            let mut claims = claims;
            claims["iss"] = json!("x");
            assert!(check_use(&claims).is_ok(), "{claims}");
            claims["iss"] = json!(["x"]);
            assert!(reason(check_use(&claims)).contains("one issuer"), "{claims}");
        }
        for (name, value) in [
            ("typ", "ID"),
            ("typ", "Refresh"),
            ("typ", "Offline"),
            ("token_use", "id"),
            ("token_use", "refresh_token"),
        ] {
            assert!(
                reason(check_use(&json!({ "iss": "x", name: value }))).contains("no access token"),
                "{name} {value}"
            );
        }
        assert!(reason(check_use(&json!({ "iss": "x", "typ": ["ID"] }))).contains("not a text"));
    }

    #[test]
    fn a_token_is_valid_for_so_many_days_at_most() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let (at, day) = (now.timestamp(), 86_400);
        for (issued, expiry, why) in [
            (json!(at), at + 400 * day, ""),
            (json!(at), at + 400 * day + 1, "longer than 400 days"),
            (json!(at - 399 * day), at + day, ""),
            (json!(at - 400 * day), at + day, "longer than 400 days"),
            (Value::Null, at + 400 * day, ""),
            (Value::Null, at + 400 * day + 1, "longer than 400 days"),
            (json!(at + 60), at + day, ""),
            (json!(at + 61), at + day, "in the future"),
            (json!(-1e300), at + day, "longer than 400 days"),
            (json!("now"), at + day, "not a number"),
        ] {
            let found = reason(check_times(&json!({ "iat": issued, "exp": expiry }), 400, now));
            assert!(
                if why.is_empty() { found.is_empty() } else { found.contains(why) },
                "{issued} {expiry}: {found}"
            );
        }
        assert!(
            reason(check_times(&json!({ "exp": 1e300 }), 3_650, now))
                .contains("longer than 3650 days")
        );
    }
}
