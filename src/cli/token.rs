//! `samregister token`: mints and revokes tokens.

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use entity::{
    id::MemberId,
    member::{Column, Model},
    number::OrgNumber,
};
use uuid::Uuid;

use super::{Failure, Outcome, Result, connect, context, open, put, say, settings, up_to_date};
use domain::{
    auth::{
        minting,
        revocations::{self, RevocationTarget, Revocations},
        token::{Keys, Minted, SCOPES},
        viewer::{Role, Viewer},
    },
    clock::Clock,
    config::Settings,
    database::Database,
    members,
};

/// Mint a token for the API
///
/// Signs with SAMREGISTER_JWT_SECRET, or with SAMREGISTER_JWT_SIGNING_KEY when tokens are verified
/// with a public key. Only the token is written to stdout. The audit trail records it, unless the
/// register's database can't be reached from here. `samregister token revoke` revokes it.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  samregister token --role OFFICE --subject anna@example.se
  samregister token --role MEMBER --member 229999-0016
  samregister token --role ACTIVITY_LEAD --activity bip indikatorer --days 90
  samregister token --role SERVICE --scope agreements:read --subject cron
  samregister token revoke --subject anna@example.se --reason \"has left\""
)]
pub struct Options {
    #[command(subcommand)]
    subcommand: Option<Command>,
    /// Role of the bearer; permissions of several roles add up
    #[arg(long = "role", required = true, num_args = 1.., value_name = "ROLE", value_delimiter = ',', ignore_case = true,
        value_parser = PossibleValuesParser::new(Role::WORDS.iter().copied()))]
    roles: Vec<String>,
    /// Member of the bearer, for MEMBER: an organisation number, an id (member_…) or the key that
    /// it was imported with
    #[arg(long, value_name = "ORGNR_OR_ID")]
    member: Option<String>,
    /// Activities of the bearer, for ACTIVITY_LEAD
    #[arg(long = "activity", num_args = 1.., value_name = "SLUG", value_delimiter = ',')]
    activities: Vec<String>,
    /// Scopes of the program, for SERVICE
    #[arg(long = "scope", num_args = 1.., value_name = "SCOPE", value_delimiter = ',', value_parser = PossibleValuesParser::new(SCOPES.split_whitespace()))]
    scopes: Vec<String>,
    /// Validity in days
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Name of the bearer in the audit trail; defaults to the roles in lower case
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
}

/// Subcommands of `token`.
#[derive(Debug, Subcommand)]
enum Command {
    /// Revoke tokens before they expire
    ///
    /// Every server of the register refuses them within a second or two, and closes the sockets
    /// that were opened with them. A new token for the same subject is valid if it is minted at
    /// least a second later. The register stores a digest of the subject, and not its name.
    Revoke(Revocation),
}

#[derive(Debug, Args)]
struct Revocation {
    #[command(flatten)]
    which: Revoked,
    /// Reason, for the audit trail
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Revoked {
    /// Every token of this subject (sub) that was issued until now, or has no time of issue
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// The token with this id (jti)
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

/// Mints a token, or revokes tokens.
///
/// # Errors
/// Fails if there is no signing key, the member is not known, or an option that a role needs is
/// missing.
pub async fn run(mut options: Options) -> Result {
    let settings = settings()?;
    if let Some(Command::Revoke(revocation)) = options.subcommand.take() {
        return revoke(&settings, revocation).await;
    }
    let keys = Keys::from_settings(&settings)?;
    let roles: Vec<Role> =
        Role::ALL.iter().copied().filter(|role| options.has(role.word())).collect();
    // A token is minted even if no database can be reached; a database that is not up to date
    // refuses it.
    let db = match connect(&settings, false).await {
        Ok(db) => Ok(up_to_date(&settings, db).await?),
        Err(unreachable) => Err(unreachable),
    };
    let member = match &options.member {
        Some(name) => Some(find_member(&db, name).await?),
        None => None,
    };
    let subject = options.subject.clone().unwrap_or_else(|| {
        let words: Vec<_> = roles.iter().map(|role| role.word().to_lowercase()).collect();
        words.join("+")
    });
    let viewer = Viewer {
        subject,
        roles,
        member,
        activities: options.activities,
        scopes: options.scopes,
        ..Viewer::default()
    };
    let minted =
        keys.issue(&viewer, options.days, Clock::system().now()).map_err(Failure::of_options)?;
    match db {
        Ok(db) => {
            let recorded = record(&settings, &db, &keys, &viewer, &minted).await;
            db.close().await?;
            recorded?;
        }
        Err(Failure { lines, .. }) => {
            say(&format!("not recorded in the audit trail: {}", lines.join("; ")))
        }
    }
    put(format!("{}\n", minted.token))?;
    Ok(Outcome::Done)
}

/// Records that a token was minted, unless the database would refuse it.
async fn record(
    settings: &Settings,
    db: &Database,
    keys: &Keys,
    bearer: &Viewer,
    minted: &Minted,
) -> Result<()> {
    let known = Revocations::new(settings.former_member_days);
    known.read(db).await?;
    let now = Clock::system().now();
    known.check(keys.verify(&minted.token, now)?, now)?;
    Ok(minting::record(context(db, &Viewer::operator("token")), bearer, minted).await?)
}

async fn revoke(settings: &Settings, Revocation { which, reason }: Revocation) -> Result {
    let (which, what) = match (which.subject, which.id) {
        (Some(subject), _) => (
            RevocationTarget::Subject(subject),
            "every token of the subject that was issued until now is refused",
        ),
        (None, id) => (RevocationTarget::Token(id.unwrap_or_default()), "the token is refused"),
    };
    let db = open(settings).await?;
    let done =
        revocations::revoke(context(&db, &Viewer::operator("token")), &which, reason.as_deref())
            .await;
    db.close().await?;
    done.map_err(Failure::of_options)?;
    say(&format!("From now on {what}."));
    Ok(Outcome::Done)
}

impl Options {
    fn has(&self, word: &str) -> bool {
        self.roles.iter().any(|role| role.eq_ignore_ascii_case(word))
    }
}

/// Returns the member with this id, organisation number or import key. An id is not looked up.
async fn find_member(db: &Result<Database>, name: &str) -> Result<MemberId> {
    if let Some(id) = name.strip_prefix("member_").and_then(|hex| Uuid::try_parse(hex).ok()) {
        return Ok(id.into());
    }
    let db = db.as_ref().map_err(Clone::clone)?;
    find(
        &members::all(
            context(db, &Viewer::operator("token")),
            &members::Filter::default(),
            &COLUMNS,
        )
        .await?,
        name,
        "--member",
    )
}

/// Columns by which a member is found.
pub(super) const COLUMNS: [Column; 4] =
    [Column::Id, Column::ImportKey, Column::OrgNumber, Column::Name];

/// Returns the one of these members, whose rows must have [`COLUMNS`], with this id, organisation
/// number or import key; errors name it as `option`.
pub(super) fn find(members: &[Model], name: &str, option: &str) -> Result<MemberId> {
    let number = name.parse::<OrgNumber>().ok();
    let id = name.strip_prefix("member_").and_then(|hex| Uuid::try_parse(hex).ok()).map(MemberId);
    let is_it = |member: &&Model| {
        member.import_key.as_deref() == Some(name)
            || id == Some(member.id)
            || (number.is_some() && member.org_number == number)
    };
    members.iter().find(is_it).map(|member| member.id).ok_or_else(|| {
        let reason = match name.parse::<OrgNumber>() {
            Err(reason) if name.starts_with(|char: char| char.is_ascii_digit()) => format!("{name} {reason}"),
            _ => format!("there is no member {name}; use an organisation number, an id (member_…) or the key that it was imported with"),
        };
        Failure::new(format!("{option}: {reason}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_number_or_import_key() {
        let member = Model {
            id: MemberId::new(),
            import_key: Some("umea".into()),
            org_number: "222000-1834".parse().ok(),
            ..Model::default()
        };
        let members = [Model { id: MemberId::new(), ..Model::default() }, member.clone()];
        for name in ["umea", "222000-1834"] {
            assert_eq!(find(&members, name, "--member").ok(), Some(member.id), "{name}");
        }
        for (name, why) in [
            ("222000-1835", "wrong check digit"),
            ("222000-2568", "there is no member"),
            ("", "there is no member"),
        ] {
            assert!(
                find(&members, name, "--member")
                    .is_err_and(|failure| failure.lines[0].contains(why)),
                "{name}"
            );
        }
    }
}
