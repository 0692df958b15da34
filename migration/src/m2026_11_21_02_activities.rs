//! Decisions, activities, fee schedules, costs, grants and status reports.

crate::change!(
    "
CREATE TABLE decision (
    id {id} NOT NULL PRIMARY KEY,
    body text NOT NULL CHECK (body IN ('ANNUAL_MEETING', 'MEMBERS_MEETING', 'BOARD', 'WORKING_COMMITTEE', 'OFFICE', 'UNKNOWN')),
    decided_on {date},
    paragraph text,
    document text
) {strict};

CREATE TABLE activity (
    id {id} NOT NULL PRIMARY KEY,
    import_key text CONSTRAINT activity__import_key UNIQUE,
    slug {key} NOT NULL CONSTRAINT activity__slug UNIQUE CHECK (slug <> ''),
    name text NOT NULL CHECK (name <> ''),
    name_key {key} NOT NULL,
    purpose text,
    goal text,
    starts_on {date} NOT NULL,
    ends_on {date},
    board_contact_id {id} REFERENCES contact (id),
    lead_contact_id {id} REFERENCES contact (id),
    decision_id {id} REFERENCES decision (id),
    CHECK (ends_on >= starts_on)
) {strict};
CREATE INDEX activity__name_key__id ON activity (name_key, id);
CREATE INDEX activity__starts_on ON activity (starts_on, ends_on);
CREATE INDEX activity__board_contact_id ON activity (board_contact_id);
CREATE INDEX activity__lead_contact_id ON activity (lead_contact_id);

CREATE TABLE activity_funding (
    activity_id {id} NOT NULL REFERENCES activity (id),
    kind text NOT NULL CHECK (kind IN ('SPECIAL_FEE', 'COURSE_INCOME', 'GRANT', 'PARTNER', 'SERVICE_FEE', 'VOLUNTEER')),
    PRIMARY KEY (activity_id, kind)
) {strict};
CREATE INDEX activity_funding__kind ON activity_funding (kind, activity_id);

CREATE TABLE fee_schedule (
    id {id} NOT NULL PRIMARY KEY,
    activity_id {id} REFERENCES activity (id),
    valid_from {date} NOT NULL,
    valid_to {date},
    basis text NOT NULL CHECK (basis IN ('FIXED_PER_YEAR', 'PER_MILLE_OF_ALLOCATION', 'PER_PARTICIPANT', 'ONE_OFF')),
    amount {int} CHECK (amount >= 0),
    per_mille {int} CHECK (per_mille BETWEEN 0 AND 1000000),
    cap {int} CHECK (cap >= 0),
    minimum {int} CHECK (minimum >= 0),
    vat_rate text NOT NULL CHECK (vat_rate IN ('STANDARD_25', 'REDUCED_12', 'REDUCED_6', 'ZERO', 'EXEMPT', 'OUTSIDE_SCOPE')),
    decision_id {id} REFERENCES decision (id),
    CHECK (valid_to >= valid_from),
    CHECK (minimum <= cap),
    CHECK ((basis = 'PER_MILLE_OF_ALLOCATION') = (per_mille IS NOT NULL)),
    CHECK ((basis = 'PER_MILLE_OF_ALLOCATION') = (amount IS NULL))
) {strict};
CREATE UNIQUE INDEX fee_schedule__activity_id__valid_from__basis ON fee_schedule (activity_id, valid_from, basis);
CREATE UNIQUE INDEX fee_schedule__valid_from__basis ON fee_schedule (valid_from, basis) WHERE activity_id IS NULL;

CREATE TABLE cost (
    id {id} NOT NULL PRIMARY KEY,
    activity_id {id} NOT NULL REFERENCES activity (id),
    booked_on {date} NOT NULL,
    amount {int} NOT NULL CHECK (amount <> 0),
    description text NOT NULL,
    occurrence {small} NOT NULL CHECK (occurrence > 0),
    CONSTRAINT cost__activity_id__booked_on__description__occurrence UNIQUE (activity_id, booked_on, description, occurrence)
) {strict};
CREATE INDEX cost__booked_on ON cost (booked_on, activity_id, amount);

CREATE TABLE activity_grant (
    id {id} NOT NULL PRIMARY KEY,
    activity_id {id} NOT NULL REFERENCES activity (id),
    booked_on {date} NOT NULL,
    amount {int} NOT NULL CHECK (amount <> 0),
    funder text NOT NULL,
    occurrence {small} NOT NULL CHECK (occurrence > 0),
    CONSTRAINT activity_grant__activity_id__booked_on__funder__occurrence UNIQUE (activity_id, booked_on, funder, occurrence)
) {strict};
CREATE INDEX activity_grant__booked_on ON activity_grant (booked_on, activity_id, amount);

CREATE TABLE status_report (
    id {id} NOT NULL PRIMARY KEY,
    activity_id {id} NOT NULL REFERENCES activity (id),
    period {key} NOT NULL CHECK (period <> ''),
    health text NOT NULL CHECK (health IN ('GREEN', 'YELLOW', 'RED')),
    summary text NOT NULL,
    deviations text,
    next_steps text,
    reported_by text NOT NULL,
    reported_at {instant} NOT NULL
) {strict};
CREATE INDEX status_report__activity_id__reported_at ON status_report (activity_id, reported_at, id);
"
);
