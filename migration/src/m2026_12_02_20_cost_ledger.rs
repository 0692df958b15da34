//! The ledger of costs and grants: supplier, VAT and agreement of what is booked, corrections by
//! reversal, and indexes of its list.
//!
//! Rows of before have none of these. A partial index finds the agreements by which the network
//! pays.

crate::change!(
    "
ALTER TABLE cost ADD COLUMN vat {int};
ALTER TABLE cost ADD COLUMN member_id {id} REFERENCES member (id);
ALTER TABLE cost ADD COLUMN organisation_id {id} REFERENCES organisation (id);
ALTER TABLE cost ADD COLUMN reference text;
ALTER TABLE cost ADD COLUMN agreement_id {id} REFERENCES agreement (id);
ALTER TABLE cost ADD COLUMN reverses_id {id} REFERENCES cost (id);
ALTER TABLE cost ADD COLUMN reason text;
CREATE INDEX cost__booked_on__id ON cost (booked_on, id);
CREATE INDEX cost__activity_id__booked_on ON cost (activity_id, booked_on, id);
CREATE INDEX cost__member_id ON cost (member_id, booked_on, id) WHERE member_id IS NOT NULL;
CREATE INDEX cost__organisation_id ON cost (organisation_id, booked_on, id) WHERE organisation_id IS NOT NULL;
CREATE INDEX cost__agreement_id ON cost (agreement_id, booked_on, id) WHERE agreement_id IS NOT NULL;
CREATE UNIQUE INDEX cost__reverses_id ON cost (reverses_id) WHERE reverses_id IS NOT NULL;

ALTER TABLE activity_grant ADD COLUMN agreement_id {id} REFERENCES agreement (id);
ALTER TABLE activity_grant ADD COLUMN reverses_id {id} REFERENCES activity_grant (id);
ALTER TABLE activity_grant ADD COLUMN reason text;
CREATE INDEX activity_grant__booked_on__id ON activity_grant (booked_on, id);
CREATE INDEX activity_grant__activity_id__booked_on ON activity_grant (activity_id, booked_on, id);
CREATE INDEX activity_grant__agreement_id ON activity_grant (agreement_id, booked_on, id) WHERE agreement_id IS NOT NULL;
CREATE UNIQUE INDEX activity_grant__reverses_id ON activity_grant (reverses_id) WHERE reverses_id IS NOT NULL;

CREATE INDEX agreement__cost ON agreement (activity_id, id) WHERE direction = 'COST';
"
);
