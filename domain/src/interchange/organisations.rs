//! organisations.csv and contacts.csv.

use std::collections::BTreeSet;

use ::entity::{
    contact,
    id::{ContactAreaId, ContactId, MemberId, OrganisationId},
    kind::ContactRole,
    member,
    number::OrgNumber,
    organisation,
    partial::PartialRow,
};
use chrono::{DateTime, NaiveDate, Utc};

use super::{
    File,
    bulk_insert::Batch,
    contact_areas::{contact_area_names, contact_areas},
    export::session::{Export, PAGE_SIZE, instant, key_in, optional},
    import::session::Import,
    key_resolution::{self, Claims},
    keyed_rows::Keyed,
    members::{billing, check_billing},
    row::{Cells, Line},
};
use crate::{
    audit::reads,
    clock::day_of,
    collation,
    contacts::token_revocation::{ended_before, revoke_tokens},
    context::Context,
    error::{LINE, Result},
    members::billing::{NewBilling, is_email},
    organisations::billing::set_billing,
};

/// A row of organisations.csv.
struct Draft {
    key: String,
    name: String,
    org_number: Option<OrgNumber>,
    /// `None` if the file doesn't have the columns.
    billing: Option<NewBilling>,
}

fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    let billing = cells.present("billing_email").then(|| billing(cells));
    let draft = Draft {
        key: cells.key("key"),
        name: cells.text("name", LINE),
        org_number: cells.optional("org_number"),
        billing,
    };
    cells.check(|errors| {
        if let Some(billing) = &draft.billing {
            check_billing(billing, errors);
        }
    });
    Some(draft)
}

/// Imports organisations.csv.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::Organisations)? else { return Ok(()) };
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        import
            .check_keys::<organisation::Model, _>(File::Organisations, &mut lines, |draft| {
                &draft.key
            })
            .await?;
        merge(import, lines).await?;
    }
    Ok(())
}

async fn merge(import: &mut Import<'_>, lines: Vec<Line<Draft>>) -> Result<()> {
    let own = key_resolution::present(lines.iter().map(|line| Some(line.draft.key.as_str())));
    let existing = key_resolution::existing::<organisation::Model>(
        import.tx(),
        &own,
        &organisation::Model::every_column(),
    )
    .await?;
    let members = key_resolution::existing::<member::Model>(
        import.tx(),
        &own,
        &[member::Column::Id, member::Column::ImportKey],
    )
    .await?;
    let numbers = lines
        .iter()
        .filter_map(|line| line.draft.org_number.as_ref().map(ToString::to_string))
        .collect();
    let mut numbers = Claims::new(
        key_resolution::owners::<organisation::Model>(
            import.tx(),
            organisation::Column::OrgNumber,
            &numbers,
        )
        .await?,
    );
    let mut batch = Batch::default();
    for mut line in lines {
        let before = existing.get(&line.draft.key);
        let id = before.map_or_else(OrganisationId::new, |before| before.id);
        if members.contains_key(&line.draft.key) {
            line.error("key", "is a member's too; each needs a key of its own");
        }
        let number = line.draft.org_number.as_ref().map(ToString::to_string);
        let old_number =
            before.and_then(|before| before.org_number.as_ref()).map(ToString::to_string);
        if !numbers.take(id.0, old_number.as_ref(), number.as_ref()) {
            line.error("org_number", "is that of another organisation too");
        }
        let Some(draft) = import.accept(File::Organisations, |draft| draft.key.clone(), line)
        else {
            continue;
        };
        let billing = draft.billing.clone();
        let mut after = organisation::Model {
            id,
            import_key: before.map_or(Some(draft.key), |before| before.import_key.clone()),
            name_key: collation::key(&draft.name),
            name: draft.name,
            org_number: draft.org_number,
            ..before.cloned().unwrap_or_default()
        };
        if let Some(billing) = &billing {
            set_billing(&mut after, billing);
        }
        import.put(File::Organisations, before, after, &mut batch)?;
    }
    batch.write(import.tx()).await?;
    import.settle().await
}

/// A row of contacts.csv. An optional column is an `Option` of its value: `None` if the file
/// doesn't have the column.
struct ContactDraft {
    key: String,
    member: Option<String>,
    role: ContactRole,
    name: String,
    email: Option<String>,
    phone: Option<String>,
    valid_from: Option<NaiveDate>,
    valid_to: Option<NaiveDate>,
    organisation: Option<Option<String>>,
    contact_area: Option<Option<String>>,
    erased_at: Option<Option<DateTime<Utc>>>,
    name_published_on: Option<Option<NaiveDate>>,
}

fn read_contact(cells: &mut Cells<'_>) -> Option<ContactDraft> {
    let draft = ContactDraft {
        key: cells.key("key"),
        member: cells.optional_key("member"),
        role: cells.value("role"),
        name: cells.text("name", LINE),
        email: cells.optional_text("email", LINE),
        phone: cells.optional_text("phone", LINE),
        valid_from: cells.optional_day("valid_from"),
        valid_to: cells.optional_day("valid_to"),
        organisation: cells.present("organisation").then(|| cells.optional_key("organisation")),
        contact_area: cells
            .present("contact_area")
            .then(|| cells.optional_text("contact_area", LINE)),
        erased_at: cells.present("erased_at").then(|| cells.optional_instant("erased_at")),
        name_published_on: cells
            .present("name_published_on")
            .then(|| cells.optional_day("name_published_on")),
    };
    cells.check(|errors| {
        errors.expect(
            draft.email.as_deref().is_none_or(is_email),
            "email",
            "is not an e-mail address",
        );
        let in_order = draft.valid_from.zip(draft.valid_to).is_none_or(|(from, to)| from <= to);
        errors.expect(in_order, "valid_to", "must not be before valid_from");
    });
    Some(draft)
}

/// Imports contacts.csv.
pub(super) async fn import_contacts(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::Contacts)? else { return Ok(()) };
    let (today, mut ended) = (day_of(import.change.at()), BTreeSet::new());
    while let Some(mut lines) = import.chunk(&mut table, read_contact)? {
        import
            .check_keys::<contact::Model, _>(File::Contacts, &mut lines, |draft| &draft.key)
            .await?;
        merge_contacts(import, lines, &mut ended).await?;
    }
    // After all rows, since another contact with the address may still be valid.
    for (email, member) in ended {
        revoke_tokens(&mut import.change, today, &email, member).await?;
    }
    import.settle().await
}

/// Merges rows. Adds to `ended` the e-mail addresses and associations of contacts whose end, before
/// today, is recorded only now.
async fn merge_contacts(
    import: &mut Import<'_>,
    lines: Vec<Line<ContactDraft>>,
    ended: &mut BTreeSet<(String, MemberId)>,
) -> Result<()> {
    let today = day_of(import.change.at());
    let own = key_resolution::present(lines.iter().map(|line| Some(line.draft.key.as_str())));
    let existing = key_resolution::existing::<contact::Model>(
        import.tx(),
        &own,
        &contact::Model::every_column(),
    )
    .await?;
    let members = key_resolution::present(lines.iter().map(|line| line.draft.member.as_deref()));
    let members =
        key_resolution::references::<member::Model, _>(import, "member", File::Members, members)
            .await?;
    let organisations = key_resolution::present(
        lines.iter().map(|line| line.draft.organisation.as_ref()?.as_deref()),
    );
    let organisations = key_resolution::references::<organisation::Model, OrganisationId>(
        import,
        "organisation",
        File::Organisations,
        organisations,
    )
    .await?;
    let areas = contact_areas(
        import,
        key_resolution::present(
            lines.iter().map(|line| line.draft.contact_area.as_ref()?.as_deref()),
        ),
    )
    .await?;
    let mut batch = Batch::default();
    for mut line in lines {
        let before = existing.get(&line.draft.key);
        let id = before.map_or_else(ContactId::new, |before| before.id);
        let member = line.draft.member.clone();
        let member_id = members.find(&mut line, "member", member.as_deref());
        let organisation_id = match line.draft.organisation.clone() {
            Some(key) => organisations.find(&mut line, "organisation", key.as_deref()),
            None => before.and_then(|before| before.organisation_id),
        };
        let contact_area_id: Option<ContactAreaId> = match &line.draft.contact_area {
            Some(name) => {
                name.as_deref().and_then(|name| areas.get(&collation::key(name))).copied()
            }
            None => before.and_then(|before| before.contact_area_id),
        };
        let owners = [member_id.is_some(), organisation_id.is_some(), contact_area_id.is_some()];
        if owners.into_iter().filter(|present| *present).count() > 1 {
            line.error("", "must name at most one of member, organisation and contact_area");
        }
        let owners = (member_id, organisation_id, contact_area_id);
        let after = build_contact(&line.draft, id, before, owners);
        if let Some(before) = before {
            check_erasure(&mut line, before, &after);
        }
        if import.accept(File::Contacts, |draft| draft.key.clone(), line).is_some() {
            ended.extend(before.and_then(|before| ended_before(today, before, &after)));
            import.put(File::Contacts, before, after, &mut batch)?;
        }
    }
    batch.write(import.tx()).await?;
    import.settle().await
}

/// Builds a contact of one of these owners, with the values that the file doesn't have as they are
/// stored.
fn build_contact(
    draft: &ContactDraft,
    id: ContactId,
    before: Option<&contact::Model>,
    (member_id, organisation_id, contact_area_id): (
        Option<MemberId>,
        Option<OrganisationId>,
        Option<ContactAreaId>,
    ),
) -> contact::Model {
    contact::Model {
        id,
        import_key: before
            .map_or_else(|| Some(draft.key.clone()), |before| before.import_key.clone()),
        member_id,
        organisation_id,
        contact_area_id,
        role: draft.role,
        name: draft.name.clone(),
        name_key: collation::key(&draft.name),
        email: draft.email.clone(),
        phone: draft.phone.clone(),
        valid_from: draft.valid_from,
        valid_to: draft.valid_to,
        erased_at: draft.erased_at.unwrap_or_else(|| before.and_then(|before| before.erased_at)),
        name_published_on: draft
            .name_published_on
            .unwrap_or_else(|| before.and_then(|before| before.name_published_on)),
    }
}

/// Rejects a row that would restore an erased contact, or erase one.
fn check_erasure(line: &mut Line<ContactDraft>, before: &contact::Model, after: &contact::Model) {
    if before.erased_at.is_some() && before != after {
        line.error("", "is a contact that was erased; an older file does not restore it");
    } else if before.erased_at != after.erased_at {
        // Erasing a contact in the register also erases other data about the person.
        line.error("erased_at", "is not so in the register; erase the contact there");
    }
}

/// Writes organisations.csv.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    let order = export.in_order_of_keys::<organisation::Model>().await?;
    let mut sheet = export.begin(File::Organisations, order.len())?;
    for ids in order.chunks(PAGE_SIZE) {
        for row in export.rows::<organisation::Model>(ids).await? {
            sheet.write([
                row.key(),
                row.name,
                optional(row.org_number),
                optional(row.billing_email),
                optional(row.peppol_id),
                optional(row.buyer_reference),
                optional(row.address_line),
                optional(row.postal_code),
                optional(row.city),
            ])?;
        }
        export.report(&sheet);
    }
    export.end(sheet)
}

/// Writes contacts.csv. Logs that the viewer reads the contacts before the file is complete.
pub(super) async fn export_contacts(export: &mut Export<'_>, ctx: Context<'_>) -> Result<()> {
    let order = export.in_order_of_keys::<contact::Model>().await?;
    let mut sheet = export.begin(File::Contacts, order.len())?;
    for ids in order.chunks(PAGE_SIZE) {
        let rows: Vec<contact::Model> = export.rows(ids).await?;
        reads::note(ctx, rows.iter().map(|row| row.id))?;
        // At once: the number of reads that wait to be written is limited.
        reads::write(ctx.db).await?;
        let areas = contact_area_names(
            &export.tx,
            rows.iter().filter_map(|row| row.contact_area_id).collect(),
        )
        .await?;
        for row in rows {
            sheet.write([
                row.key(),
                key_in(&export.members, row.member_id),
                row.role.to_string(),
                row.name,
                optional(row.email),
                optional(row.phone),
                optional(row.valid_from),
                optional(row.valid_to),
                key_in(&export.organisations, row.organisation_id),
                optional(row.contact_area_id.and_then(|area| areas.get(&area))),
                optional(row.erased_at.map(instant)),
                optional(row.name_published_on),
            ])?;
        }
        export.report(&sheet);
    }
    export.end(sheet)
}
