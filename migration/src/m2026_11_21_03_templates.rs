//! The template library: templates, their versions and, apart, their texts.

crate::change!(
    "
CREATE TABLE agreement_template (
    id {id} NOT NULL PRIMARY KEY,
    slug {key} NOT NULL CONSTRAINT agreement_template__slug UNIQUE CHECK (slug <> ''),
    title text NOT NULL CHECK (title <> ''),
    title_key {key} NOT NULL,
    kind text NOT NULL CHECK (kind IN ('PARTICIPATION', 'ASSIGNMENT', 'COOPERATION')),
    activity_id {id} REFERENCES activity (id)
) {strict};
CREATE INDEX agreement_template__title_key__id ON agreement_template (title_key, id);
CREATE INDEX agreement_template__kind ON agreement_template (kind, title_key, id);
CREATE INDEX agreement_template__activity_id ON agreement_template (activity_id, title_key, id);

CREATE TABLE agreement_template_version (
    id {id} NOT NULL PRIMARY KEY,
    template_id {id} NOT NULL REFERENCES agreement_template (id),
    version {small} NOT NULL CHECK (version > 0),
    state text NOT NULL CHECK (state IN ('DRAFT', 'PUBLISHED', 'RETIRED')),
    language text NOT NULL,
    published_at {instant},
    CONSTRAINT agreement_template_version__template_id__version UNIQUE (template_id, version),
    CHECK (state = 'DRAFT' OR published_at IS NOT NULL)
) {strict};

CREATE TABLE agreement_template_text (
    version_id {id} NOT NULL PRIMARY KEY REFERENCES agreement_template_version (id),
    body text NOT NULL,
    parameters text NOT NULL
) {strict};
"
);
