//! Admits members.

use ::entity::{id::MemberId, member, number::OrgNumber};
use chrono::NaiveDate;

use super::{
    billing::NewBilling,
    details::{contact_area, org_number_taken, snapshot, write_municipalities},
    municipalities::{self, expect_no_bar},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    collation,
    context::Context,
    error::{LINE, Result, ValidationErrors},
};

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
    pub contact_area_name: Option<String>,
    /// First day of membership.
    pub joined_on: NaiveDate,
    /// Billing details.
    pub billing: NewBilling,
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
    let area = errors.optional_text("contact_area_name", new.contact_area_name.as_deref(), LINE);
    let municipalities = municipalities::check(&new.municipalities, &mut errors);
    let billing = new.billing.check(id, "billing.", &mut errors);
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::MemberAdmit).await?;
    let contact_area_id = match &area {
        Some(area) => Some(contact_area(&mut change, area).await?),
        None => None,
    };
    let row = member::Model {
        id,
        name_key: collation::key(&name),
        name,
        org_number: new.org_number,
        county,
        contact_area_id,
        joined_on: new.joined_on,
        ..member::Model::default()
    };
    audit::insert(&change, row.clone()).await.map_err(|error| {
        error.on_constraint("member__org_number", org_number_taken(row.org_number.as_ref()))
    })?;
    write_municipalities(&change, id, &municipalities).await?;
    audit::insert(&change, billing).await?;
    let after = snapshot(change.tx(), id).await?;
    change.record(None, Some(&after))?;
    change.commit_with(id).await?;
    Ok(id)
}
