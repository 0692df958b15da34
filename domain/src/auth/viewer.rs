//! The viewer of a request, and what it may read and do.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use entity::{id::MemberId, kind::UnknownWord};
use strum::{EnumString, IntoStaticStr, VariantArray, VariantNames};

use crate::error::{Error, Result};

/// A role in the register.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    EnumString,
    IntoStaticStr,
    VariantArray,
    VariantNames,
)]
#[strum(
    serialize_all = "SCREAMING_SNAKE_CASE",
    parse_err_ty = UnknownWord,
    parse_err_fn = UnknownWord::of::<Role>
)]
pub enum Role {
    /// The network's office (kansli): everything but keys.
    Office,
    /// Invoices, fees and revenue, and their audit trail.
    Finance,
    /// Reads everything except the audit trail.
    Board,
    /// Reads everything, including the audit trail.
    Auditor,
    /// Reads and reports on its own activities.
    ActivityLead,
    /// Reads its own association.
    Member,
    /// A program, with the rights of its scopes.
    Service,
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;
    /// The name of every role in tokens, in the order of [`Role::ALL`].
    pub const WORDS: &'static [&'static str] = <Self as VariantNames>::VARIANTS;

    /// Returns the name of the role in tokens.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// A part of the register for which read access is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Members and organisations: public facts of public bodies.
    Members,
    /// Allocations, billing details and contacts.
    MemberAffairs,
    /// Agreements.
    Agreements,
    /// Invoices and payments.
    Invoices,
    /// Revenue, costs, grants and results.
    Revenue,
    /// Templates that are not published.
    Templates,
    /// Archived documents that are attached to nothing, as statutes, or to an organisation.
    Archive,
    /// The audit trail.
    Audit,
}

/// A permission to change a part of the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, VariantArray)]
pub enum Permission {
    /// Change members, contacts, organisations and activities.
    ManageRegister,
    /// Change allocations, fees, costs and grants.
    ManageAccounts,
    /// Draft, publish and retire templates.
    ManageTemplates,
    /// Draft, offer, sign and end agreements, and acknowledge their deadlines.
    ManageAgreements,
    /// Draft, issue and credit invoices, remind of them, and record their payments.
    ManageInvoices,
    /// Report on an activity; the rule checks the activity's slug.
    Report,
    /// Mint and revoke tokens, which is done on the server only.
    ManageKeys,
}

impl Permission {
    /// Returns the roles and the scope of a service that have the permission.
    fn granted_to(self) -> (&'static [Role], Option<&'static str>) {
        match self {
            // The operator of the server only.
            Self::ManageKeys => (&[], None),
            Self::ManageRegister => (&[Role::Office], None),
            Self::ManageAccounts => (&[Role::Office, Role::Finance], None),
            Self::ManageTemplates => (&[Role::Office], Some("templates:write")),
            Self::ManageAgreements => (&[Role::Office], Some("agreements:write")),
            Self::ManageInvoices => (&[Role::Office, Role::Finance], Some("invoices:write")),
            Self::Report => (&[Role::Office, Role::ActivityLead], None),
        }
    }
}

/// The part of a resource that a viewer may read: all of it, or what belongs to the member or the
/// activities named. Nothing if all three are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visibility {
    /// `true` if the viewer may read everything.
    pub all: bool,
    /// Member whose data the viewer may read.
    pub member: Option<MemberId>,
    /// The viewer may also read data of the members that were merged into `member` and left before
    /// this day; null: no data of theirs.
    pub predecessors_left_before: Option<NaiveDate>,
    /// Slugs of the activities whose data the viewer may read.
    pub activities: Vec<String>,
}

/// The part of the audit trail that a viewer may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrailVisibility {
    /// No entries.
    Nothing,
    /// The entries about costs, grants, allocations, fees, invoices, payments and the books, which
    /// finance may change.
    Accounts,
    /// All entries.
    All,
}

/// The viewer of a request, from a verified token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Viewer {
    /// The token's subject, which the audit trail records.
    pub subject: String,
    /// Roles of the viewer. Their rights add up.
    pub roles: Vec<Role>,
    /// Own association, for [`Role::Member`].
    pub member: Option<MemberId>,
    /// `true` if that association's membership has ended. The viewer may then read its own
    /// agreements and invoices for some time, and nothing else.
    pub is_former_member: bool,
    /// Day of the request, for [`Role::Member`]: from it on, the viewer may read data of members
    /// that were merged into its own. Null: no data of theirs.
    pub as_of: Option<NaiveDate>,
    /// Slugs of own activities, for [`Role::ActivityLead`].
    pub activities: Vec<String>,
    /// Scopes, for [`Role::Service`].
    pub scopes: Vec<String>,
}

/// Prefix of the subjects of the program's own commands. No token may have such a subject.
pub(super) const OPERATOR: &str = "samregister ";
/// The operators: subcommands and background tasks of the program, and the names of such subjects
/// in other systems. No token may have a subject that looks like one of these.
pub(super) const OPERATORS: [&str; 39] = [
    "archive diary",
    "archive import",
    "break-even",
    "checkpoint",
    "clock",
    "contact export",
    "costs",
    "demo",
    "documents",
    "expiring",
    "export",
    "grants",
    "import",
    "invoices",
    "invoices late",
    "invoices list",
    "invoices report",
    "invoices run",
    "matrix",
    "metrics",
    "migrate",
    "notice-ends",
    "operator",
    "payments import",
    "payments list",
    "period",
    "receivables",
    "requisitions",
    "retention",
    "revenue",
    "scenario",
    "serve",
    "sie",
    "system",
    "templates load",
    "token",
    "trail-key",
    "vat-return",
    "verify",
];

impl Viewer {
    /// Returns the viewer for commands that run on the server and not through the API.
    #[must_use]
    pub fn operator(command: &str) -> Self {
        Self {
            subject: format!("{OPERATOR}{command}"),
            roles: vec![Role::Office, Role::Auditor],
            ..Self::default()
        }
    }

    /// Returns the rights as text, independent of their order in the token. A digest of it is
    /// stored and outlives the program's version, so a right that is added later must not change
    /// the text of viewers without it.
    #[must_use]
    pub fn rights(&self) -> String {
        let sorted = |words: &mut dyn Iterator<Item = String>| {
            words.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
        };
        let rights = [
            ("roles", sorted(&mut self.roles.iter().map(|role| role.word().to_owned()))),
            ("member", self.member.map(|id| id.0.simple().to_string()).unwrap_or_default()),
            (
                "former member",
                if self.is_former_member { "true".to_owned() } else { String::new() },
            ),
            ("activities", sorted(&mut self.activities.iter().cloned())),
            ("scopes", sorted(&mut self.scopes.iter().cloned())),
        ];
        rights
            .iter()
            .filter(|(_, right)| !right.is_empty())
            .map(|(name, right)| format!("{name}: {right}\n"))
            .collect()
    }

    /// Returns all that decides which data the viewer may read, as unambiguous text: everything but
    /// the subject. Viewers of one class get the same answers, except those that depend on the
    /// caller.
    #[must_use]
    pub fn visibility_class(&self) -> String {
        let Self { subject: _, roles, member, is_former_member, as_of, activities, scopes } = self;
        format!("{roles:?} {member:?} {is_former_member} {as_of:?} {activities:?} {scopes:?}")
    }

    /// Returns `true` if the viewer has the role.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    fn has_scope(&self, scopes: &[&str]) -> bool {
        self.is(Role::Service) && self.scopes.iter().any(|scope| scopes.contains(&scope.as_str()))
    }

    /// Returns the part of the resource that the viewer may read.
    #[must_use]
    pub fn visibility(&self, resource: Resource) -> Visibility {
        let readers = [Role::Office, Role::Finance, Role::Board, Role::Auditor];
        let all = match resource {
            // A lead must see who has not joined, so it may read the public facts of every member.
            // An agreement or invoice would be useless without its counterparty.
            Resource::Members => {
                readers.iter().any(|role| self.is(*role))
                    || self.is(Role::ActivityLead)
                    || self.has_scope(&[
                        "members:read",
                        "agreements:read",
                        "agreements:write",
                        "invoices:read",
                        "invoices:write",
                        "revenue:read",
                    ])
            }
            Resource::MemberAffairs => {
                readers.iter().any(|role| self.is(*role)) || self.has_scope(&["members:read"])
            }
            Resource::Agreements => {
                readers.iter().any(|role| self.is(*role))
                    || self.has_scope(&["agreements:read", "agreements:write"])
            }
            Resource::Invoices => {
                readers.iter().any(|role| self.is(*role))
                    || self.has_scope(&["invoices:read", "invoices:write"])
            }
            Resource::Revenue => {
                readers.iter().any(|role| self.is(*role)) || self.has_scope(&["revenue:read"])
            }
            Resource::Templates => {
                readers.iter().any(|role| self.is(*role))
                    || self.has_scope(&["templates:read", "templates:write"])
            }
            Resource::Archive => readers.iter().any(|role| self.is(*role)),
            Resource::Audit => {
                self.is(Role::Office) || self.is(Role::Auditor) || self.has_scope(&["audit:read"])
            }
        };
        let of_own = self.is(Role::Member)
            && match resource {
                // Agreements and invoices would be useless without the member's own name.
                Resource::Members | Resource::Agreements | Resource::Invoices => true,
                Resource::MemberAffairs | Resource::Revenue => !self.is_former_member,
                Resource::Templates | Resource::Archive | Resource::Audit => false,
            };
        let of_activities = self.is(Role::ActivityLead)
            && matches!(resource, Resource::Agreements | Resource::Revenue);
        let member = self.member.filter(|_| of_own && !all);
        // The successor takes over the agreements and debts of a merged member, but not information
        // that was for its own people only.
        let of_predecessors =
            matches!(resource, Resource::Members | Resource::Agreements | Resource::Invoices);
        Visibility {
            all,
            member,
            predecessors_left_before: self
                .as_of
                .filter(|_| member.is_some() && of_predecessors && !self.is_former_member),
            activities: if of_activities && !all { self.activities.clone() } else { Vec::new() },
        }
    }

    /// Returns the part of the audit trail that the viewer may read.
    #[must_use]
    pub fn trail(&self) -> TrailVisibility {
        if self.visibility(Resource::Audit).all {
            TrailVisibility::All
        } else if self.is(Role::Finance) {
            TrailVisibility::Accounts
        } else {
            TrailVisibility::Nothing
        }
    }

    /// Returns `true` if the viewer has the permission. Rules about single activities check those
    /// in addition.
    #[must_use]
    pub fn has(&self, permission: Permission) -> bool {
        let (allowed, scope) = permission.granted_to();
        (permission == Permission::ManageKeys && self.subject.starts_with(OPERATOR))
            || allowed.iter().any(|role| self.is(*role))
            || scope.is_some_and(|scope| self.has_scope(&[scope]))
    }

    /// Returns the permissions that the viewer has.
    pub fn permissions(&self) -> impl Iterator<Item = Permission> {
        Permission::VARIANTS.iter().copied().filter(|permission| self.has(*permission))
    }

    /// Requires a permission. Rules about single activities check those in addition.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the viewer lacks the permission.
    pub fn require(&self, permission: Permission) -> Result<()> {
        if self.has(permission) {
            return Ok(());
        }
        if permission == Permission::ManageKeys {
            return Err(Error::Forbidden(
                "only the command samregister token on the server can do this".into(),
            ));
        }
        let (allowed, scope) = permission.granted_to();
        let words: Vec<_> = allowed.iter().map(|role| role.word()).collect();
        let or_scope =
            scope.map_or_else(String::new, |scope| format!(", or SERVICE with the scope {scope}"));
        Err(Error::Forbidden(format!("this requires the role {}{or_scope}", words.join(" or "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewers_of_one_class_differ_in_their_subject_alone() {
        let viewer = |subject: &str, activities: &[&str]| Viewer {
            subject: subject.to_owned(),
            roles: vec![Role::ActivityLead],
            activities: activities.iter().map(|slug| (*slug).to_owned()).collect(),
            ..Viewer::default()
        };
        let one = viewer("a", &["bip", "ny"]);
        assert_eq!(one.visibility_class(), viewer("b", &["bip", "ny"]).visibility_class());
        let id = |number| Some(MemberId(uuid::Uuid::from_u128(number)));
        let day = "2026-11-21".parse().ok();
        for other in [
            viewer("a", &["bip ny"]),
            viewer("a", &["bip\", \"ny"]),
            viewer("a", &["bip"]),
            Viewer { roles: vec![Role::ActivityLead, Role::Board], ..one.clone() },
            Viewer { member: id(1), ..one.clone() },
            Viewer { member: id(2), ..one.clone() },
            Viewer { member: id(1), is_former_member: true, ..one.clone() },
            Viewer { member: id(1), as_of: day, ..one.clone() },
            Viewer { scopes: vec!["audit:read".to_owned()], ..one.clone() },
        ] {
            assert_ne!(one.visibility_class(), other.visibility_class(), "{other:?}");
        }
        let of_member = |number| Viewer { member: id(number), ..one.clone() };
        assert_ne!(of_member(1).visibility_class(), of_member(2).visibility_class());
    }

    #[test]
    fn names_of_roles_in_tokens_never_change() {
        let words: Vec<_> = Role::ALL.iter().map(|role| role.word()).collect();
        assert_eq!(words.join(" "), "OFFICE FINANCE BOARD AUDITOR ACTIVITY_LEAD MEMBER SERVICE");
        assert_eq!(Role::WORDS, words);
        for (role, word) in Role::ALL.iter().zip(words) {
            assert_eq!(word.parse(), Ok(*role));
        }
        assert_eq!(
            "office".parse::<Role>().map_err(|error| error.to_string()),
            Err("is none of OFFICE, FINANCE, BOARD, AUDITOR, ACTIVITY_LEAD, MEMBER, SERVICE".into())
        );
    }
}
