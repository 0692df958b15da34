//! Members, contact areas, allocations, organisations and contacts.

crate::change!(
    "
CREATE TABLE contact_area (
    id {id} NOT NULL PRIMARY KEY,
    name text NOT NULL,
    name_key {key} NOT NULL CONSTRAINT contact_area__name_key UNIQUE
) {strict};

CREATE TABLE member (
    id {id} NOT NULL PRIMARY KEY,
    import_key text CONSTRAINT member__import_key UNIQUE,
    name text NOT NULL CHECK (name <> ''),
    name_key {key} NOT NULL,
    org_number text CONSTRAINT member__org_number UNIQUE,
    county text,
    contact_area_id {id} REFERENCES contact_area (id),
    joined_on {date} NOT NULL,
    left_on {date},
    leaving_reason text,
    successor_id {id} REFERENCES member (id),
    CHECK (left_on >= joined_on),
    CHECK (successor_id <> id)
) {strict};
CREATE INDEX member__name_key__id ON member (name_key, id);
CREATE INDEX member__joined_on__id ON member (joined_on, id);
CREATE INDEX member__left_on ON member (left_on);
CREATE INDEX member__county ON member (county, name_key, id);
CREATE INDEX member__contact_area_id ON member (contact_area_id, name_key, id);
CREATE INDEX member__successor_id ON member (successor_id);

CREATE TABLE member_municipality (
    member_id {id} NOT NULL REFERENCES member (id),
    municipality text NOT NULL,
    PRIMARY KEY (member_id, municipality)
) {strict};
CREATE INDEX member_municipality__municipality ON member_municipality (municipality);

CREATE TABLE member_former_name (
    member_id {id} NOT NULL REFERENCES member (id),
    name text NOT NULL,
    until {date} NOT NULL,
    PRIMARY KEY (member_id, name)
) {strict};

CREATE TABLE member_billing (
    member_id {id} NOT NULL PRIMARY KEY REFERENCES member (id),
    email text,
    peppol_id text,
    buyer_reference text,
    address_line text,
    postal_code text,
    city text
) {strict};

CREATE TABLE allocation (
    id {id} NOT NULL PRIMARY KEY,
    member_id {id} NOT NULL REFERENCES member (id),
    year {small} NOT NULL CHECK (year BETWEEN 1900 AND 2999),
    basis text NOT NULL CHECK (basis IN ('ALL_PARTIES', 'STATE_SHARE')),
    amount {int} NOT NULL CHECK (amount >= 0),
    source text,
    CONSTRAINT allocation__member_id__year__basis UNIQUE (member_id, year, basis)
) {strict};
CREATE INDEX allocation__year ON allocation (year);

CREATE TABLE organisation (
    id {id} NOT NULL PRIMARY KEY,
    import_key text CONSTRAINT organisation__import_key UNIQUE,
    name text NOT NULL CHECK (name <> ''),
    name_key {key} NOT NULL,
    org_number text CONSTRAINT organisation__org_number UNIQUE
) {strict};
CREATE INDEX organisation__name_key__id ON organisation (name_key, id);

CREATE TABLE contact (
    id {id} NOT NULL PRIMARY KEY,
    import_key text CONSTRAINT contact__import_key UNIQUE,
    member_id {id} REFERENCES member (id),
    organisation_id {id} REFERENCES organisation (id),
    contact_area_id {id} REFERENCES contact_area (id),
    role text NOT NULL CHECK (role IN ('CHIEF_EXECUTIVE', 'CHAIR', 'FINANCE', 'BOARD_MEMBER', 'ACTIVITY_CONTACT', 'OTHER')),
    name text NOT NULL,
    name_key {key} NOT NULL,
    email text,
    phone text,
    valid_from {date},
    valid_to {date},
    erased_at {instant},
    CHECK (valid_to >= valid_from),
    CHECK ((member_id IS NOT NULL AND organisation_id IS NOT NULL) IS FALSE
       AND (member_id IS NOT NULL AND contact_area_id IS NOT NULL) IS FALSE
       AND (organisation_id IS NOT NULL AND contact_area_id IS NOT NULL) IS FALSE)
) {strict};
CREATE INDEX contact__member_id ON contact (member_id, name_key, id);
CREATE INDEX contact__organisation_id ON contact (organisation_id, name_key, id);
CREATE INDEX contact__contact_area_id ON contact (contact_area_id, name_key, id);
"
);
