//! Admits members and updates their data.

use ::entity::{
    agreement, contact_area,
    id::{ContactAreaId, MemberId},
    member, member_billing, member_former_name, member_municipality,
    number::{OrgNumber, check_peppol_id},
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter};

use super::in_order;
use crate::{
    audit::{
        self, Action, Change,
        forms::{Member, members},
    },
    auth::viewer::{Permission, Viewer},
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, LINE, Result, ValidationErrors},
    swedish, term_sql,
};

/// Billing details as a user enters them.
#[derive(Clone, Debug, Default)]
pub struct NewBilling {
    /// E-mail address for invoices.
    pub email: Option<String>,
    /// Peppol participant, `0007:2220001834`, in the format that [`check_peppol_id`] accepts.
    pub peppol_id: Option<String>,
    /// Buyer's reference (er referens).
    pub buyer_reference: Option<String>,
    /// Street address or P.O. box.
    pub address_line: Option<String>,
    /// Postal code (postnummer).
    pub postal_code: Option<String>,
    /// City (postort).
    pub city: Option<String>,
}

impl NewBilling {
    /// Trims the fields and adds an error under `path` for each one that is invalid.
    pub fn readable(&self, path: &str, errors: &mut ValidationErrors) -> Self {
        let mut line = |name: &str, text: Option<&String>| {
            errors.optional_text(&format!("{path}{name}"), text.map(String::as_str), LINE)
        };
        let row = Self {
            email: line("email", self.email.as_ref()),
            peppol_id: line("peppol_id", self.peppol_id.as_ref()),
            buyer_reference: line("buyer_reference", self.buyer_reference.as_ref()),
            address_line: line("address_line", self.address_line.as_ref()),
            postal_code: line("postal_code", self.postal_code.as_ref()),
            city: line("city", self.city.as_ref()),
        };
        if let Some(email) = &row.email {
            errors.expect(
                is_email(email),
                &format!("{path}email"),
                FieldErrorCode::NotAnEmailAddress.problem("is not an e-mail address"),
            );
        }
        if let Some(peppol) = &row.peppol_id {
            let checked = check_peppol_id(peppol)
                .map_err(|message| FieldErrorCode::NotAPeppolId.problem(message));
            errors.take(&format!("{path}peppol_id"), checked);
        }
        row
    }

    /// Trims and checks the fields like [`Self::readable`], and also rejects characters that
    /// documents cannot show.
    pub fn written(&self, path: &str, errors: &mut ValidationErrors) -> Self {
        let row = self.readable(path, errors);
        let texts = [
            ("buyer_reference", &row.buyer_reference),
            ("address_line", &row.address_line),
            ("city", &row.city),
        ];
        for (name, text) in
            texts.into_iter().chain([("postal_code", &row.postal_code), ("email", &row.email)])
        {
            errors.settable_change(&format!("{path}{name}"), None, text.as_deref());
        }
        row
    }

    /// Returns the row, and adds an error under `path` for each invalid field.
    pub fn check(
        &self,
        member: MemberId,
        path: &str,
        errors: &mut ValidationErrors,
    ) -> member_billing::Model {
        let Self { email, peppol_id, buyer_reference, address_line, postal_code, city } =
            self.written(path, errors);
        member_billing::Model {
            member_id: member,
            email,
            peppol_id,
            buyer_reference,
            address_line,
            postal_code,
            city,
        }
    }
}

impl From<member_billing::Model> for NewBilling {
    fn from(row: member_billing::Model) -> Self {
        let member_billing::Model {
            member_id: _,
            email,
            peppol_id,
            buyer_reference,
            address_line,
            postal_code,
            city,
        } = row;
        Self { email, peppol_id, buyer_reference, address_line, postal_code, city }
    }
}

/// Returns `true` if a text has the form of an e-mail address. It does not check that the address
/// exists.
#[must_use]
pub fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && host.contains('.')
            && !host.starts_with('.')
            && !host.ends_with('.')
            && !text.contains(char::is_whitespace)
            && !host.contains('@')
    })
}

/// Input for admitting a member.
#[derive(Clone, Debug, Default)]
pub struct NewMember {
    /// Name.
    pub name: String,
    /// Organisation number; null if unknown.
    pub org_number: Option<OrgNumber>,
    /// County (län).
    pub county: Option<String>,
    /// Municipalities (kommuner).
    pub municipalities: Vec<String>,
    /// Name of the contact area; a new one is created if none has this name.
    pub contact_area: Option<String>,
    /// First day of membership.
    pub joined_on: NaiveDate,
    /// Billing details.
    pub billing: NewBilling,
}

/// Changes to a member; fields that are `None` stay unchanged.
#[derive(Clone, Debug, Default)]
pub struct MemberChanges {
    /// New name; the old one is stored as a former name.
    pub name: Option<String>,
    /// Organisation number; `Some(None)` removes it.
    pub org_number: Option<Option<OrgNumber>>,
    /// County (län); `Some(None)` removes it.
    pub county: Option<Option<String>>,
    /// All of its municipalities.
    pub municipalities: Option<Vec<String>>,
    /// Name of the contact area; `Some(None)` removes it.
    pub contact_area: Option<Option<String>>,
    /// First day of membership.
    pub joined_on: Option<NaiveDate>,
    /// All of its billing details.
    pub billing: Option<NewBilling>,
}

/// Returns the current form of a member for the audit trail.
///
/// # Errors
/// NOT_FOUND when the member does not exist.
pub async fn snapshot(db: &impl ConnectionTrait, id: MemberId) -> Result<Member> {
    let row = member::Entity::find_by_id(id).one(db).await?;
    let row = row.ok_or_else(|| Error::NotFound("there is no such member".into()))?;
    let alone = Member { row: row.clone(), ..Member::default() };
    Ok(members(db, vec![row]).await?.pop().unwrap_or(alone))
}

/// Returns the contact area with this name, and creates it if none exists.
pub async fn contact_area(change: &mut Change, name: &str) -> Result<ContactAreaId> {
    let key = swedish::key(name);
    if let Some(area) = contact_area::Entity::find()
        .filter(contact_area::Column::NameKey.eq(&key))
        .one(change.tx())
        .await?
    {
        return Ok(area.id);
    }
    let area =
        contact_area::Model { id: ContactAreaId::new(), name: name.to_owned(), name_key: key };
    audit::insert(change, area.clone()).await?;
    change.record(None, Some(&area))?;
    Ok(area.id)
}

/// Adds an error for a name that contains `|`, which separates the names of a list in CSV files.
pub fn expect_no_bar(path: &str, name: &str, errors: &mut ValidationErrors) {
    errors.expect(
        !name.contains('|'),
        path,
        FieldErrorCode::NotAllowed.problem("must not have the character |"),
    );
}

fn municipalities(names: &[String], errors: &mut ValidationErrors) -> Vec<String> {
    let mut read = |(position, name): (usize, &String)| {
        let path = format!("municipalities[{position}]");
        let name = errors.text(&path, name, LINE);
        expect_no_bar(&path, &name, errors);
        name
    };
    in_order(names.iter().enumerate().map(&mut read).collect())
}

async fn write_municipalities(change: &Change, member: MemberId, names: &[String]) -> Result<()> {
    member_municipality::Entity::delete_many()
        .filter(member_municipality::Column::MemberId.eq(member))
        .exec(change.tx())
        .await?;
    for name in names {
        audit::insert(
            change,
            member_municipality::Model { member_id: member, municipality: name.clone() },
        )
        .await?;
    }
    Ok(())
}

fn taken(number: Option<&OrgNumber>) -> Error {
    let number = number.map(ToString::to_string).unwrap_or_default();
    Error::conflict(
        ConflictReason::OrgNumberTaken,
        format!("another member has the organisation number {number}"),
    )
}

/// Admits a member. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, INVALID naming every bad field, CONFLICT
/// `ORG_NUMBER_TAKEN`.
pub async fn admit(
    ctx: Context<'_>,
    new: NewMember,
    mut errors: ValidationErrors,
) -> Result<MemberId> {
    ctx.require(Permission::ManageRegister)?;
    let id = MemberId::new();
    let name = errors.document_line("name", &new.name);
    expect_no_bar("name", &name, &mut errors);
    let county = errors.optional_text("county", new.county.as_deref(), LINE);
    let area = errors.optional_text("contact_area", new.contact_area.as_deref(), LINE);
    let municipalities = municipalities(&new.municipalities, &mut errors);
    let billing = new.billing.check(id, "billing.", &mut errors);
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::MemberAdmit).await?;
    let contact_area_id = match &area {
        Some(area) => Some(contact_area(&mut change, area).await?),
        None => None,
    };
    let row = member::Model {
        id,
        name_key: swedish::key(&name),
        name,
        org_number: new.org_number,
        county,
        contact_area_id,
        joined_on: new.joined_on,
        ..member::Model::default()
    };
    audit::insert(&change, row.clone()).await.map_err(|error| {
        error.on_constraint("member__org_number", taken(row.org_number.as_ref()))
    })?;
    write_municipalities(&change, id, &municipalities).await?;
    audit::insert(&change, billing).await?;
    let after = snapshot(change.tx(), id).await?;
    change.record(None, Some(&after))?;
    change.commit_with(id).await?;
    Ok(id)
}

/// Returns `true` if the viewer may update members.
#[must_use]
pub fn can_update(viewer: &Viewer) -> bool {
    viewer.has(Permission::ManageRegister)
}

/// Updates a member and stores its old name as a former name.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `ORG_NUMBER_TAKEN`, or `AGREEMENTS_IN_FORCE` when the membership would begin after
/// agreements of the member.
pub async fn update(
    ctx: Context<'_>,
    id: MemberId,
    changes: MemberChanges,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageRegister)?;
    let mut change = audit::begin(ctx, Action::MemberUpdate).await?;
    let before = match snapshot(change.tx(), id).await {
        // The id is invalid: check the other fields too, so that every error is reported together.
        Err(_) if !errors.is_empty() => Member::default(),
        found => found?,
    };
    let mut row = before.row.clone();
    if let Some(name) = &changes.name {
        row.name = errors.text("name", name, LINE);
        errors.settable_change("name", Some(before.row.name.as_str()), Some(row.name.as_str()));
        expect_no_bar("name", &row.name, &mut errors);
        row.name_key = swedish::key(&row.name);
    }
    if let Some(number) = changes.org_number {
        row.org_number = number;
    }
    if let Some(county) = &changes.county {
        row.county = errors.optional_text("county", county.as_deref(), LINE);
    }
    if let Some(joined_on) = changes.joined_on {
        row.joined_on = joined_on;
        errors.expect(
            row.left_on.is_none_or(|left_on| joined_on <= left_on),
            "joined_on",
            FieldErrorCode::TooLate.problem("must not be after the last day of membership"),
        );
    }
    let area = changes
        .contact_area
        .as_ref()
        .map(|area| errors.optional_text("contact_area", area.as_deref(), LINE));
    let names = changes.municipalities.as_ref().map(|names| municipalities(names, &mut errors));
    let billing =
        changes.billing.as_ref().map(|billing| billing.check(id, "billing.", &mut errors));
    errors.finish()?;

    if row.joined_on > before.row.joined_on {
        expect_no_agreements_before(&change, &row).await?;
    }
    if let Some(area) = area {
        row.contact_area_id = match area {
            Some(area) => Some(contact_area(&mut change, &area).await?),
            None => None,
        };
    }
    if row.name != before.row.name {
        store_former_name(&change, id, &before.row.name, ctx.clock.today()).await?;
    }
    let number = row.org_number.clone();
    audit::replace(&change, row)
        .await
        .map_err(|error| error.on_constraint("member__org_number", taken(number.as_ref())))?;
    if let Some(names) = &names {
        write_municipalities(&change, id, names).await?;
    }
    match billing {
        Some(billing) if before.billing.is_some() => audit::replace(&change, billing).await?,
        Some(billing) => audit::insert(&change, billing).await?,
        None => {}
    }
    let after = snapshot(change.tx(), id).await?;
    if after != before {
        change.record(Some(&before), Some(&after))?;
    }
    change.commit_with(id).await
}

/// Rejects a first day of membership that is after the start of an agreement of the member. The
/// error lists the agreements' numbers.
async fn expect_no_agreements_before(change: &Change, row: &member::Model) -> Result<()> {
    let own = Condition::all()
        .add(agreement::Column::MemberId.eq(row.id))
        .add(term_sql::begins_before(row.joined_on));
    let words = |numbers: &str| {
        format!(
            "{} has agreements that begin before {}: {numbers}; choose an earlier day",
            row.name, row.joined_on
        )
    };
    term_sql::refuse_agreements(change.tx(), own, words).await
}

async fn store_former_name(
    change: &Change,
    member: MemberId,
    name: &str,
    until: NaiveDate,
) -> Result<()> {
    let former = member_former_name::Model { member_id: member, name: name.to_owned(), until };
    // A name that the member had twice is stored with its latest last day.
    member_former_name::Entity::delete_many()
        .filter(member_former_name::Column::MemberId.eq(member))
        .filter(member_former_name::Column::Name.eq(name))
        .exec(change.tx())
        .await?;
    audit::insert(change, former).await
}
