//! Admission: how a member comes into the register, and how what is known of it is kept right.

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
        self, Change,
        forms::{Member, members},
    },
    auth::viewer::{Permission, Viewer},
    database::Database,
    error::{Error, LINE, Result, ValidationErrors},
    swedish, term_sql,
};

/// Where invoices go, as somebody writes it.
#[derive(Clone, Debug, Default)]
pub struct NewBilling {
    /// For invoices by e-mail.
    pub email: Option<String>,
    /// Peppol participant, `0007:2220001834`: one that [`check_peppol_id`] takes.
    pub peppol_id: Option<String>,
    /// Er referens.
    pub buyer_reference: Option<String>,
    /// Street or box.
    pub address_line: Option<String>,
    /// Postnummer.
    pub postal_code: Option<String>,
    /// Postort.
    pub city: Option<String>,
}

impl NewBilling {
    /// The same without blanks around it, with every bad field noted under `path`.
    pub fn readable(&self, path: &str, errors: &mut ValidationErrors) -> Self {
        let mut line = |name: &str, text: Option<&String>| {
            errors.optional_text(&format!("{path}{name}"), text.map(String::as_str), LINE)
        };
        let row = Self {
            email: line("email", self.email.as_ref()),
            peppol_id: line("peppolId", self.peppol_id.as_ref()),
            buyer_reference: line("buyerReference", self.buyer_reference.as_ref()),
            address_line: line("addressLine", self.address_line.as_ref()),
            postal_code: line("postalCode", self.postal_code.as_ref()),
            city: line("city", self.city.as_ref()),
        };
        if let Some(email) = &row.email {
            errors.expect(is_email(email), &format!("{path}email"), "is not an e-mail address");
        }
        if let Some(peppol) = &row.peppol_id {
            errors.take(&format!("{path}peppolId"), check_peppol_id(peppol));
        }
        row
    }

    /// The same as somebody writes it: also what documents can't show is noted.
    pub fn written(&self, path: &str, errors: &mut ValidationErrors) -> Self {
        let row = self.readable(path, errors);
        let texts = [
            ("buyerReference", &row.buyer_reference),
            ("addressLine", &row.address_line),
            ("city", &row.city),
        ];
        for (name, text) in
            texts.into_iter().chain([("postalCode", &row.postal_code), ("email", &row.email)])
        {
            errors.settable_change(&format!("{path}{name}"), None, text.as_deref());
        }
        row
    }

    /// The row, with every bad field noted under `path`.
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

/// Whether a text looks like an e-mail address; whether it reaches anybody only a letter can tell.
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

/// A member to be admitted.
#[derive(Clone, Debug, Default)]
pub struct NewMember {
    /// Its name.
    pub name: String,
    /// Null when not known.
    pub org_number: Option<OrgNumber>,
    /// Län.
    pub county: Option<String>,
    /// Kommuner.
    pub municipalities: Vec<String>,
    /// The contact area's name; made when it is a new one.
    pub contact_area: Option<String>,
    /// First day of membership.
    pub joined_on: NaiveDate,
    /// Where invoices go.
    pub billing: NewBilling,
}

/// What changes about a member: what is null stays as it is.
#[derive(Clone, Debug, Default)]
pub struct MemberChanges {
    /// A new name; the old one is kept as a former name.
    pub name: Option<String>,
    /// `Some(None)`: no longer known.
    pub org_number: Option<Option<OrgNumber>>,
    /// Län.
    pub county: Option<Option<String>>,
    /// All of its municipalities.
    pub municipalities: Option<Vec<String>>,
    /// The contact area's name.
    pub contact_area: Option<Option<String>>,
    /// First day of membership.
    pub joined_on: Option<NaiveDate>,
    /// All of its billing details.
    pub billing: Option<NewBilling>,
}

/// A member as it stands, for the audit trail.
///
/// # Errors
/// NOT_FOUND when there is none.
pub async fn snapshot(db: &impl ConnectionTrait, id: MemberId) -> Result<Member> {
    let row = member::Entity::find_by_id(id).one(db).await?;
    let row = row.ok_or_else(|| Error::NotFound("there is no such member".into()))?;
    let alone = Member { row: row.clone(), ..Member::default() };
    Ok(members(db, vec![row]).await?.pop().unwrap_or(alone))
}

/// The contact area of this name, made when there is none.
///
/// # Errors
/// INTERNAL when the database fails.
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

/// Notes a name with a bar in it: names stand in lists, which the CSV files of the exchange write
/// with bars between.
pub fn expect_no_bar(path: &str, name: &str, errors: &mut ValidationErrors) {
    errors.expect(!name.contains('|'), path, "must not have the character |");
}

fn municipalities(names: &[String], errors: &mut ValidationErrors) -> Vec<String> {
    let mut read = |(position, name): (usize, &String)| {
        let path = format!("input.municipalities.{position}");
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
        "ORG_NUMBER_TAKEN",
        format!("another member has the organisation number {number}"),
    )
}

/// Admits a member. `errors` are those that reading the input has found already.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the register, INVALID naming every bad field, CONFLICT
/// `ORG_NUMBER_TAKEN`.
pub async fn admit(
    db: &Database,
    viewer: &Viewer,
    new: NewMember,
    mut errors: ValidationErrors,
) -> Result<MemberId> {
    viewer.require(Permission::ManageRegister)?;
    let id = MemberId::new();
    let name = errors.document_line("input.name", &new.name);
    expect_no_bar("input.name", &name, &mut errors);
    let county = errors.optional_text("input.county", new.county.as_deref(), LINE);
    let area = errors.optional_text("input.contactArea", new.contact_area.as_deref(), LINE);
    let municipalities = municipalities(&new.municipalities, &mut errors);
    let billing = new.billing.check(id, "input.billing.", &mut errors);
    errors.finish()?;

    let mut change = audit::begin(db, viewer, "memberAdmit").await?;
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

/// Changes what is known of a member; its old name is kept as a former name.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the register, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `ORG_NUMBER_TAKEN`, or `AGREEMENTS_IN_FORCE` when the membership would begin after
/// agreements of the member.
pub async fn update(
    db: &Database,
    viewer: &Viewer,
    id: MemberId,
    changes: MemberChanges,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageRegister)?;
    let mut change = audit::begin(db, viewer, "memberUpdate").await?;
    let before = match snapshot(change.tx(), id).await {
        // The id itself was bad: the other fields are checked all the same, so that all faults are
        // named.
        Err(_) if !errors.is_empty() => Member::default(),
        found => found?,
    };
    let mut row = before.row.clone();
    if let Some(name) = &changes.name {
        row.name = errors.text("input.name", name, LINE);
        errors.settable_change(
            "input.name",
            Some(before.row.name.as_str()),
            Some(row.name.as_str()),
        );
        expect_no_bar("input.name", &row.name, &mut errors);
        row.name_key = swedish::key(&row.name);
    }
    if let Some(number) = changes.org_number {
        row.org_number = number;
    }
    if let Some(county) = &changes.county {
        row.county = errors.optional_text("input.county", county.as_deref(), LINE);
    }
    if let Some(joined_on) = changes.joined_on {
        row.joined_on = joined_on;
        errors.expect(
            row.left_on.is_none_or(|left_on| joined_on <= left_on),
            "input.joinedOn",
            "must not be after the last day of membership",
        );
    }
    let area = changes
        .contact_area
        .as_ref()
        .map(|area| errors.optional_text("input.contactArea", area.as_deref(), LINE));
    let names = changes.municipalities.as_ref().map(|names| municipalities(names, &mut errors));
    let billing =
        changes.billing.as_ref().map(|billing| billing.check(id, "input.billing.", &mut errors));
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
        store_former_name(&change, id, &before.row.name, db.clock.today()).await?;
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

/// Refuses a first day of membership before which agreements were in force, with their numbers.
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
    // A name that it had twice counts until the second time.
    member_former_name::Entity::delete_many()
        .filter(member_former_name::Column::MemberId.eq(member))
        .filter(member_former_name::Column::Name.eq(name))
        .exec(change.tx())
        .await?;
    audit::insert(change, former).await
}
