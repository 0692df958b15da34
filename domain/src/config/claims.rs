//! Settings of the claims of tokens: their names, and the values that grant roles, as the issuer
//! writes them.

use super::environment::{Environment, line};
use crate::auth::viewer::Role;

/// Longest list of [`ClaimNames::role_map`].
const MAX_ROLES: usize = 200;

/// Names of the claims that describe the bearer of a token, and the values that grant roles. A name
/// with dots that is not a claim itself is a path: `resource_access.samregister.roles` is `roles`
/// within `samregister` within `resource_access`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// Claim with the subject, which the audit trail records.
    pub subject: String,
    /// Claim with the roles.
    pub roles: String,
    /// Claim with the id of the member, for MEMBER.
    pub member: String,
    /// Claim with the slugs of activities, for ACTIVITY_LEAD.
    pub activities: String,
    /// Claim with the scopes, for SERVICE.
    pub scope: String,
    /// Roles by the value that grants them. If empty, the values are the roles' own names, and any
    /// other refuses the token. Otherwise other values grant nothing.
    pub role_map: Vec<(String, Role)>,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            subject: "sub".to_owned(),
            roles: "roles".to_owned(),
            member: "member".to_owned(),
            activities: "activities".to_owned(),
            scope: "scope".to_owned(),
            role_map: Vec::new(),
        }
    }
}

impl Environment {
    /// Reads the names of claims, and the values that grant roles.
    pub(super) fn claims(&mut self) -> ClaimNames {
        let default = ClaimNames::default();
        ClaimNames {
            subject: self.take("SAMREGISTER_CLAIM_SUBJECT", default.subject, line),
            roles: self.take("SAMREGISTER_CLAIM_ROLES", default.roles, line),
            member: self.take("SAMREGISTER_CLAIM_MEMBER", default.member, line),
            activities: self.take("SAMREGISTER_CLAIM_ACTIVITIES", default.activities, line),
            scope: self.take("SAMREGISTER_CLAIM_SCOPE", default.scope, line),
            role_map: self.take("SAMREGISTER_ROLE_MAP", default.role_map, role_map),
        }
    }
}

/// Parses a list of values and roles: `nns-kansli=OFFICE, nns-ekonomi=FINANCE`.
fn role_map(text: &str) -> Result<Vec<(String, Role)>, String> {
    let mut map: Vec<(String, Role)> = Vec::new();
    for pair in text.split([',', '\n']).map(str::trim).filter(|pair| !pair.is_empty()) {
        // A value may contain the sign, a role doesn't.
        let (value, role) = pair
            .rsplit_once('=')
            .map(|(value, role)| (value.trim(), role.trim()))
            .filter(|(value, _)| !value.is_empty())
            .ok_or("must be values and roles as nns-kansli=OFFICE, with commas between")?;
        let role = role.parse::<Role>().map_err(|reason| format!("has a role that {reason}"))?;
        if map.iter().any(|known| known.0 == value && known.1 == role) {
            return Err("must not have the same value and role twice".to_owned());
        }
        map.push((line(value)?, role));
    }
    if map.len() > MAX_ROLES {
        return Err(format!("must have at most {MAX_ROLES} values"));
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bad, good};
    use super::*;

    #[test]
    fn claims_and_values_of_roles_are_settings() {
        assert_eq!(good(&[], "").claims, ClaimNames::default());
        let claims = good(
            &[
                ("SAMREGISTER_CLAIM_ROLES", "realm_access.roles"),
                ("SAMREGISTER_ROLE_MAP", "nns-kansli=OFFICE, /a=b=FINANCE,nns-kansli=AUDITOR"),
            ],
            "",
        )
        .claims;
        assert_eq!(claims.roles, "realm_access.roles");
        let map =
            [("nns-kansli", Role::Office), ("/a=b", Role::Finance), ("nns-kansli", Role::Auditor)];
        assert_eq!(claims.role_map, map.map(|(value, role)| (value.to_owned(), role)));
        for text in ["nns-kansli", "=OFFICE", "a=office", "a=OFFICE,a=OFFICE", "a=KANSLI"] {
            let message = bad(&[("SAMREGISTER_ROLE_MAP", text)], "");
            assert!(message.starts_with("SAMREGISTER_ROLE_MAP "), "{message}");
        }
    }
}
