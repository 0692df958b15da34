//! Checks of a token's claims before its subject counts: it is an access token of one issuer, and
//! valid now.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::error::{Error, Result};

/// Allowed difference between the issuer's clock and ours at the start and the expiry of a token,
/// in seconds.
pub(super) const LEEWAY: f64 = 30.0;
/// Longest time by which a token's time of issue may lie ahead of our clock, in seconds.
const ISSUE_LEEWAY: f64 = 60.0;
/// Types that the header of an access token may name (RFC 7519, 5.1; RFC 9068, 2.1), without the
/// prefix `application/`.
const TYPES: [&str; 2] = ["jwt", "at+jwt"];
/// Values of the claims `typ` and `token_use` in tokens that are not for an API, in lower case
/// without punctuation. ID tokens identify the user to a client; refresh tokens are for the issuer
/// alone.
const OTHER_USES: [&str; 7] =
    ["id", "idtoken", "refresh", "refreshtoken", "offline", "offlineaccess", "logout"];

/// Returns the error that refuses a token. `reason` continues "the token".
pub(super) fn refused(reason: impl fmt::Display) -> Error {
    Error::Unauthenticated(format!("the token {reason}"))
}

/// Checks the type in a token's header.
///
/// # Errors
/// UNAUTHENTICATED if the header names a type other than an access token's.
pub(super) fn check_type(header: Option<&str>) -> Result<()> {
    let Some(name) = header.map(str::to_ascii_lowercase) else { return Ok(()) };
    let name = name.strip_prefix("application/").unwrap_or(&name);
    if TYPES.contains(&name) {
        Ok(())
    } else {
        Err(refused("has a type (typ) in its header that is neither JWT nor at+jwt"))
    }
}

/// Checks that the claims belong to an access token of one issuer.
///
/// # Errors
/// UNAUTHENTICATED if the claims mark an ID token or a refresh token, or name a list of issuers.
pub(super) fn check_use(claims: &Value) -> Result<()> {
    for name in ["typ", "token_use"] {
        let value = match &claims[name] {
            Value::Null => continue,
            Value::String(text) => text
                .chars()
                .filter(|char| char.is_alphanumeric())
                .collect::<String>()
                .to_lowercase(),
            _ => return Err(refused(format!("has a claim {name} that is not a string"))),
        };
        if OTHER_USES.contains(&value.as_str()) {
            return Err(refused(format!("is no access token ({name}); send the access token")));
        }
    }
    if claims["iss"].is_string() {
        Ok(())
    } else {
        Err(refused("must have one issuer (iss), as a string"))
    }
}

/// Checks the validity period of a token, and returns the time from which it is invalid.
///
/// # Errors
/// UNAUTHENTICATED if the token is not valid at `now`, or valid for more than `max_days` days.
pub(super) fn check_times(
    claims: &Value,
    max_days: u32,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>> {
    // Seconds, possibly with a fraction (RFC 7519, 2). An f64 holds microseconds for centuries.
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
    let max_seconds = TimeDelta::days(i64::from(max_days)).num_seconds() as f64;
    if expiry - issued > max_seconds {
        return Err(refused(format!(
            "is valid for longer than {max_days} days; get one for a shorter time"
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
        assert!(reason(check_use(&json!({ "iss": "x", "typ": ["ID"] }))).contains("not a string"));
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
