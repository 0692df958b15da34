//! The billing details of an organisation.

use ::entity::organisation::Model;

use crate::{auth::viewer::Resource, context::Context, members::billing::NewBilling};

/// Returns the billing details of an organisation. They are empty for a viewer who cannot read the
/// affairs of all members.
#[must_use]
pub fn billing(ctx: Context<'_>, row: &Model) -> NewBilling {
    let is_readable = ctx.viewer.visibility(Resource::MemberAffairs).all;
    if is_readable { stored(row) } else { NewBilling::default() }
}

/// Returns the billing details of a row.
fn stored(row: &Model) -> NewBilling {
    NewBilling {
        email: row.billing_email.clone(),
        peppol_id: row.peppol_id.clone(),
        buyer_reference: row.buyer_reference.clone(),
        address_line: row.address_line.clone(),
        postal_code: row.postal_code.clone(),
        city: row.city.clone(),
    }
}

/// Replaces all billing details of a row.
pub fn set_billing(row: &mut Model, billing: &NewBilling) {
    row.billing_email.clone_from(&billing.email);
    row.peppol_id.clone_from(&billing.peppol_id);
    row.buyer_reference.clone_from(&billing.buyer_reference);
    row.address_line.clone_from(&billing.address_line);
    row.postal_code.clone_from(&billing.postal_code);
    row.city.clone_from(&billing.city);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_details_are_replaced_and_read_as_they_were_set() {
        let details = NewBilling {
            email: Some("faktura@konsult.se".into()),
            city: Some("Gävle".into()),
            ..NewBilling::default()
        };
        let mut row = Model { postal_code: Some("111 22".into()), ..Model::default() };
        set_billing(&mut row, &details);
        assert_eq!((row.postal_code.as_deref(), row.city.as_deref()), (None, Some("Gävle")));
        let read = stored(&row);
        assert_eq!((read.email, read.city), (details.email, details.city));
    }
}
