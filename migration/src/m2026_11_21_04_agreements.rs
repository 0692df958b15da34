//! Agreements with their parameters, documents, signatures and deadline acknowledgements.

crate::change!(
    "
CREATE TABLE agreement (
    id {id} NOT NULL PRIMARY KEY,
    import_key text CONSTRAINT agreement__import_key UNIQUE,
    number text CONSTRAINT agreement__number UNIQUE,
    number_key {key} NOT NULL,
    kind text NOT NULL CHECK (kind IN ('PARTICIPATION', 'ASSIGNMENT', 'COOPERATION')),
    direction text NOT NULL CHECK (direction IN ('INCOME', 'COST', 'NONE')),
    activity_id {id} REFERENCES activity (id),
    member_id {id} REFERENCES member (id),
    organisation_id {id} REFERENCES organisation (id),
    template_version_id {id} REFERENCES agreement_template_version (id),
    starts_on {date} NOT NULL,
    ends_on {date},
    notice_months {small} NOT NULL CHECK (notice_months BETWEEN 0 AND 120),
    renewal_months {small} CHECK (renewal_months BETWEEN 1 AND 600),
    offered_at {instant},
    signed_on {date},
    withdrawn_on {date},
    notice_given_on {date},
    termination_reason text,
    replaces_id {id} CONSTRAINT agreement__replaces_id UNIQUE REFERENCES agreement (id),
    replaced_from {date},
    deadline_on {date},
    deadline_month {small},
    fee_basis text CHECK (fee_basis IN ('FIXED_PER_YEAR', 'PER_MILLE_OF_ALLOCATION', 'PER_PARTICIPANT', 'ONE_OFF')),
    fee_amount {int} CHECK (fee_amount >= 0),
    fee_per_mille {int} CHECK (fee_per_mille BETWEEN 0 AND 1000000),
    vat_rate text CHECK (vat_rate IN ('STANDARD_25', 'REDUCED_12', 'REDUCED_6', 'ZERO', 'EXEMPT', 'OUTSIDE_SCOPE')),
    decision_id {id} REFERENCES decision (id),
    CHECK ((member_id IS NULL) <> (organisation_id IS NULL)),
    CHECK (kind <> 'PARTICIPATION' OR (activity_id IS NOT NULL AND direction <> 'COST')),
    CHECK (ends_on >= starts_on),
    CHECK ((offered_at IS NULL) = (number IS NULL)),
    CHECK (signed_on IS NULL OR offered_at IS NOT NULL),
    CHECK (notice_given_on IS NULL OR (signed_on IS NOT NULL AND ends_on IS NOT NULL)),
    CHECK (renewal_months IS NULL OR ends_on IS NOT NULL),
    CHECK ((fee_basis IS NULL) = (vat_rate IS NULL)),
    CHECK (fee_basis IS NULL OR (fee_basis = 'PER_MILLE_OF_ALLOCATION') = (fee_per_mille IS NOT NULL)),
    CHECK (fee_basis IS NULL OR (fee_basis = 'PER_MILLE_OF_ALLOCATION') = (fee_amount IS NULL)),
    CHECK (replaces_id <> id)
) {strict};
CREATE INDEX agreement__number_key__id ON agreement (number_key, id);
CREATE INDEX agreement__starts_on__id ON agreement (starts_on, id);
CREATE INDEX agreement__ends_on__id ON agreement (COALESCE(ends_on, {never}), id);
CREATE INDEX agreement__member_id ON agreement (member_id, number_key, id);
CREATE INDEX agreement__organisation_id ON agreement (organisation_id, number_key, id);
CREATE INDEX agreement__activity_id ON agreement (activity_id, number_key, id);
CREATE INDEX agreement__activity_id__member_id ON agreement (activity_id, member_id) WHERE kind = 'PARTICIPATION';
CREATE INDEX agreement__kind ON agreement (kind, number_key, id);
CREATE INDEX agreement__direction ON agreement (direction, number_key, id);
CREATE INDEX agreement__template_version_id ON agreement (template_version_id);
CREATE INDEX agreement__signed_on ON agreement (signed_on);
CREATE INDEX agreement__deadline_month__deadline_on ON agreement (renewal_months, deadline_month, deadline_on);
CREATE INDEX agreement__deadline_on ON agreement (deadline_on) WHERE deadline_month IS NULL;

CREATE TABLE agreement_parameters (
    agreement_id {id} NOT NULL PRIMARY KEY REFERENCES agreement (id),
    parameters text NOT NULL
) {strict};

CREATE TABLE agreement_document (
    agreement_id {id} NOT NULL PRIMARY KEY REFERENCES agreement (id),
    sha256 text NOT NULL,
    html text NOT NULL,
    pdf {bytes}
) {strict};

CREATE TABLE agreement_signature (
    id {id} NOT NULL PRIMARY KEY,
    agreement_id {id} NOT NULL REFERENCES agreement (id),
    party text NOT NULL CHECK (party IN ('NETWORK', 'COUNTERPARTY')),
    name text NOT NULL,
    title text,
    signed_on {date} NOT NULL,
    method text NOT NULL CHECK (method IN ('PAPER', 'E_SIGNATURE')),
    document_sha256 text NOT NULL,
    CONSTRAINT agreement_signature__agreement_id__party UNIQUE (agreement_id, party)
) {strict};

CREATE TABLE deadline_acknowledgement (
    id {id} NOT NULL PRIMARY KEY,
    agreement_id {id} NOT NULL REFERENCES agreement (id),
    acknowledged_by text NOT NULL,
    acknowledged_at {instant} NOT NULL,
    until {date} NOT NULL,
    note text
) {strict};
CREATE INDEX deadline_acknowledgement__agreement_id ON deadline_acknowledgement (agreement_id, until);
"
);
