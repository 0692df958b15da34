//! Who asks, and what they may see and do.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use entity::id::MemberId;

use crate::error::{Error, Result};

/// What somebody is in the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The network's office (kansli): everything but keys.
    Office,
    /// Invoices, fees and revenue, and the audit trail of these.
    Finance,
    /// Reads all.
    Board,
    /// Reads all, and the audit trail.
    Auditor,
    /// Reads and reports on its own activities.
    ActivityLead,
    /// Reads its own association.
    Member,
    /// A program: what its scopes say.
    Service,
}

impl Role {
    /// Every role with the word that tokens carry.
    pub const WORDS: [(Self, &'static str); 7] = [
        (Self::Office, "OFFICE"),
        (Self::Finance, "FINANCE"),
        (Self::Board, "BOARD"),
        (Self::Auditor, "AUDITOR"),
        (Self::ActivityLead, "ACTIVITY_LEAD"),
        (Self::Member, "MEMBER"),
        (Self::Service, "SERVICE"),
    ];

    /// The word that tokens carry.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].1
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::WORDS.iter().find(|(_, word)| *word == text).map(|(role, _)| *role).ok_or_else(|| {
            let words: Vec<_> = Self::WORDS.iter().map(|(_, word)| *word).collect();
            format!("is none of {}", words.join(", "))
        })
    }
}

/// A part of the register that can be read by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Who the members and organisations are: public facts of public bodies.
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
    /// The audit trail.
    Audit,
}

/// A deed, by what one must be to do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Report on an activity, named by its slug in the rule.
    Report,
    /// Call tokens back, which is done at the machine.
    ManageKeys,
}

/// How much of a realm a viewer sees: all of it, or what belongs to the member or the activities
/// named. Nothing, when all three are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visibility {
    /// Everything.
    pub all: bool,
    /// What belongs to this member.
    pub member: Option<MemberId>,
    /// Resources of the members that were merged into that one and left before this day; null: none
    /// of theirs.
    pub predecessors_left_before: Option<NaiveDate>,
    /// What belongs to the activities with these slugs.
    pub activities: Vec<String>,
}

/// The part of the audit trail that a viewer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrailVisibility {
    /// None of it.
    Nothing,
    /// The entries about what finance may change: costs, grants, allocations, fees, invoices,
    /// payments and the books.
    Accounts,
    /// All of it.
    All,
}

/// Who asks, from a verified token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Viewer {
    /// The token's subject, who stands in the audit trail.
    pub subject: String,
    /// What they are; every role adds to the others.
    pub roles: Vec<Role>,
    /// Their own association, for [`Role::Member`].
    pub member: Option<MemberId>,
    /// `true` when that association's membership has ended and it reads on for a while: its own
    /// agreements and invoices, and nothing else.
    pub is_former_member: bool,
    /// The day of the request, for [`Role::Member`]: from it on it sees what belonged to members
    /// that were merged into its own. Null: nothing of theirs.
    pub as_of: Option<NaiveDate>,
    /// Slugs of their activities, for [`Role::ActivityLead`].
    pub activities: Vec<String>,
    /// Their scopes, for [`Role::Service`].
    pub scopes: Vec<String>,
}

/// How the subjects of the program's own commands begin; no token may have such a one.
pub(super) const OPERATOR: &str = "samregister ";
/// The operators: what the program does of its own accord or as a command at the machine, and what
/// such subjects are called elsewhere. No token may have a subject like one of these.
pub(super) const OPERATORS: [&str; 36] = [
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
    /// The program itself, for commands that are run at the machine and not through the API.
    #[must_use]
    pub fn operator(command: &str) -> Self {
        Self {
            subject: format!("{OPERATOR}{command}"),
            roles: vec![Role::Office, Role::Auditor],
            ..Self::default()
        }
    }

    /// The rights as text, the same whatever their order in the token. A stored digest of it
    /// outlives the program's version, so a right that is added says something only where it is
    /// given.
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

    /// Whether the viewer has the role.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    fn has_scope(&self, scopes: &[&str]) -> bool {
        self.is(Role::Service) && self.scopes.iter().any(|scope| scopes.contains(&scope.as_str()))
    }

    /// How much of the realm the viewer sees.
    #[must_use]
    pub fn visibility(&self, resource: Resource) -> Visibility {
        let readers = [Role::Office, Role::Finance, Role::Board, Role::Auditor];
        let all = match resource {
            // A lead must see who has not joined, so every member's public facts; an agreement or
            // invoice without its counterparty would say nothing.
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
            Resource::Audit => {
                self.is(Role::Office) || self.is(Role::Auditor) || self.has_scope(&["audit:read"])
            }
        };
        let of_own = self.is(Role::Member)
            && match resource {
                // Without its own name on them, agreements and invoices would say nothing.
                Resource::Members | Resource::Agreements | Resource::Invoices => true,
                Resource::MemberAffairs | Resource::Revenue => !self.is_former_member,
                Resource::Templates | Resource::Audit => false,
            };
        let of_activities = self.is(Role::ActivityLead)
            && matches!(resource, Resource::Agreements | Resource::Revenue);
        let member = self.member.filter(|_| of_own && !all);
        // What a merged member agreed and owes is its successor's now; what only its own people
        // were told is not.
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

    /// Returns the part of the audit trail that the viewer reads.
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

    /// # Errors
    /// [`Error::Forbidden`] when the viewer may not do the deed at all.
    pub fn require(&self, permission: Permission) -> Result<()> {
        let (allowed, scope): (&[Role], Option<&str>) = match permission {
            Permission::ManageKeys if self.subject.starts_with(OPERATOR) => return Ok(()),
            Permission::ManageKeys => {
                return Err(Error::Forbidden(
                    "this is done at the machine, by samregister token".into(),
                ));
            }
            Permission::ManageRegister => (&[Role::Office], None),
            Permission::ManageAccounts => (&[Role::Office, Role::Finance], None),
            Permission::ManageTemplates => (&[Role::Office], Some("templates:write")),
            Permission::ManageAgreements => (&[Role::Office], Some("agreements:write")),
            Permission::ManageInvoices => (&[Role::Office, Role::Finance], Some("invoices:write")),
            Permission::Report => (&[Role::Office, Role::ActivityLead], None),
        };
        if allowed.iter().any(|role| self.is(*role))
            || scope.is_some_and(|scope| self.has_scope(&[scope]))
        {
            return Ok(());
        }
        let words: Vec<_> = allowed.iter().map(|role| role.word()).collect();
        let or_scope =
            scope.map_or_else(String::new, |scope| format!(", or SERVICE with the scope {scope}"));
        Err(Error::Forbidden(format!("this takes the role {}{or_scope}", words.join(" or "))))
    }
}
