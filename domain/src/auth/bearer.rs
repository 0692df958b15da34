//! The bearer of a token: the viewer that its claims describe, under the names that the issuer
//! gives them.

use chrono::{DateTime, Utc};
use entity::id::{Identifier, MemberId};
use serde_json::Value;
use uuid::Uuid;

use super::{
    claims::refused,
    subject,
    viewer::{Role, Viewer},
};
use crate::{config::ClaimNames, error::Result};

/// Every scope that a [`Role::Service`] can have, separated by spaces.
pub const SCOPES: &str = "members:read agreements:read agreements:write invoices:read invoices:write \
    revenue:read templates:read templates:write audit:read";

/// The content of a verified token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Bearer of the token.
    pub viewer: Viewer,
    /// Time from which the token is invalid: its expiry plus the allowed clock difference.
    pub until: DateTime<Utc>,
    /// Time of issue, in whole seconds; null if the token has none.
    pub issued: Option<i64>,
    /// Id of the token (`jti`), if it has one.
    pub id: Option<String>,
}

/// Returns the viewer that the claims describe. A claim that belongs to a role is read for that
/// role only.
///
/// # Errors
/// UNAUTHENTICATED if a claim is missing or contradicts another.
pub(super) fn viewer_of(claims: &Value, names: &ClaimNames) -> Result<Viewer> {
    let name = claim(claims, &names.subject).as_str().unwrap_or_default();
    subject::check(name).map_err(refused)?;
    let mut viewer = Viewer { subject: name.to_owned(), ..Viewer::default() };
    let words = texts(claim(claims, &names.roles), "roles")?;
    for role in roles(&words, names)? {
        if !viewer.is(role) {
            viewer.roles.push(role);
        }
    }
    if viewer.roles.is_empty() {
        return Err(refused(match names.role_map.is_empty() {
            true => "has no roles",
            false => "has no role that SAMREGISTER_ROLE_MAP names",
        }));
    }
    if viewer.is(Role::Member) {
        let member = claim(claims, &names.member)
            .as_str()
            .ok_or_else(|| refused("has the role MEMBER but no member"))?;
        viewer.member = Some(member_id(member).ok_or_else(|| {
            refused("has a member that is not an id of a member, as member_0190…")
        })?);
    }
    if viewer.is(Role::ActivityLead) {
        viewer.activities = texts(claim(claims, &names.activities), "activities")?
            .into_iter()
            .map(str::to_owned)
            .collect();
        if viewer.activities.is_empty() {
            return Err(refused("has the role ACTIVITY_LEAD but no activities"));
        }
    }
    if viewer.is(Role::Service) {
        viewer.scopes = scopes(claim(claims, &names.scope), names)?;
    }
    Ok(viewer)
}

/// Returns the claim of this name, or the one that the path with dots leads to; null if there is
/// none.
fn claim<'c>(claims: &'c Value, name: &str) -> &'c Value {
    match claims.get(name) {
        Some(claim) => claim,
        None => name.split('.').fold(claims, |within, part| &within[part]),
    }
}

/// Returns the roles of these values.
fn roles(words: &[&str], names: &ClaimNames) -> Result<Vec<Role>> {
    if names.role_map.is_empty() {
        let parsed = words.iter().map(|word| {
            word.parse::<Role>().map_err(|reason| refused(format!("has a role that {reason}")))
        });
        return parsed.collect();
    }
    let of = |word: &&str| {
        let value = (*word).to_owned();
        names.role_map.iter().filter(move |(known, _)| *known == value).map(|(_, role)| *role)
    };
    Ok(words.iter().flat_map(of).collect())
}

/// Returns the scopes of a claim. With mapped roles, an issuer's own scopes, as `openid`, are
/// ignored.
fn scopes(claim: &Value, names: &ClaimNames) -> Result<Vec<String>> {
    let text = if claim.is_null() { Some("") } else { claim.as_str() };
    let text = text
        .ok_or_else(|| refused("has a scope that is not a string of words separated by spaces"))?;
    let is_known = |scope: &&str| SCOPES.split(' ').any(|known| known == *scope);
    let (known, unknown): (Vec<&str>, Vec<&str>) = text.split_whitespace().partition(is_known);
    if names.role_map.is_empty() && !unknown.is_empty() {
        return Err(refused(format!("has a scope that is none of {SCOPES}")));
    }
    Ok(known.into_iter().map(str::to_owned).collect())
}

/// Returns a claim that is a list of non-blank strings; an absent claim is an empty list.
fn texts<'c>(claim: &'c Value, name: &str) -> Result<Vec<&'c str>> {
    let error = || refused(format!("has {name} that are not a list of strings"));
    match claim {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) => list
            .iter()
            .map(|text| text.as_str().filter(|text| !text.trim().is_empty()).ok_or_else(error))
            .collect(),
        _ => Err(error()),
    }
}

/// Parses a member's id, exactly as the API writes it.
pub(super) fn member_id(text: &str) -> Option<MemberId> {
    let (_, id) = text.rsplit_once('_')?;
    let id = MemberId(Uuid::try_parse(id).ok()?);
    (id.global_id() == text).then_some(id)
}

/// Returns the values of the claim with the roles, as the issuer would write them.
pub(super) fn role_values<'n>(viewer: &Viewer, names: &'n ClaimNames) -> Vec<&'n str> {
    let value = |role: &Role| {
        let mapped = names.role_map.iter().find(|(_, known)| known == role);
        mapped.map_or(role.word(), |(value, _)| value.as_str())
    };
    viewer.roles.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names() -> ClaimNames {
        ClaimNames {
            subject: "preferred_username".into(),
            roles: "realm_access.roles".into(),
            role_map: vec![
                ("nns-kansli".into(), Role::Office),
                ("nns-kansli".into(), Role::Finance),
                ("nns-api".into(), Role::Service),
            ],
            ..ClaimNames::default()
        }
    }

    #[test]
    fn an_issuer_names_claims_and_roles_its_own_way() {
        let claims = json!({
            "sub": "f3a1",
            "preferred_username": "anna@example.se",
            "roles": ["AUDITOR"],
            "realm_access": { "roles": ["offline_access", "nns-kansli"] },
            "scope": "openid profile",
        });
        let viewer = viewer_of(&claims, &names()).unwrap();
        assert_eq!(
            (viewer.subject.as_str(), viewer.roles),
            ("anna@example.se", vec![Role::Office, Role::Finance])
        );
        // A claim whose name has dots comes before a path.
        let flat = json!({
            "preferred_username": "app", "realm_access.roles": ["nns-api"],
            "realm_access": { "roles": ["nns-kansli"] }, "scope": "openid members:read",
        });
        let viewer = viewer_of(&flat, &names()).unwrap();
        assert_eq!(
            (viewer.roles, viewer.scopes),
            (vec![Role::Service], vec!["members:read".to_owned()])
        );
    }

    #[test]
    fn values_that_are_not_mapped_grant_nothing() {
        for roles in [json!(["OFFICE"]), json!([]), json!(null), json!(["Nns-Kansli"])] {
            let claims = json!({
                "preferred_username": "anna", "realm_access": { "roles": roles },
            });
            let error = viewer_of(&claims, &names()).err().map(|error| error.to_string());
            assert!(error.is_some_and(|words| words.contains("SAMREGISTER_ROLE_MAP")), "{claims}");
        }
        let claims = json!({ "sub": "anna", "roles": ["OFFICE"] });
        assert!(viewer_of(&claims, &names()).is_err(), "another claim is not read");
        assert!(viewer_of(&claims, &ClaimNames::default()).is_ok());
    }
}
