//! The life of an invoice: what it says as a document and its files are kept for ever, an issued
//! one never changes, and a year's fee is invoiced once.
//!
//! All of it holds by the database itself, for each writer. What follows from payments and credit
//! notes is no part of the document, and an import may still tell the register its own key and the
//! reference that an old invoice was paid with.

use sea_orm_migration::prelude::*;

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        let (statements, differs) = if is_sqlite { (SQLITE, "IS NOT") } else { (POSTGRES, "IS DISTINCT FROM") };
        let kept: String = KEPT.iter().map(|table| statements_of(if is_sqlite { SQLITE_KEPT } else { POSTGRES_KEPT }, table)).collect();
        crate::run(manager, &format!("{TABLES}{}{kept}", statements.replace("{frozen}", &frozen(differs)))).await
    }
}

/// `line_count` says how many lines an issued invoice has, so that no more can be written: their
/// places are all taken.
const TABLES: &str = "
ALTER TABLE invoice ADD COLUMN due_in_days {small} CHECK (due_in_days BETWEEN 0 AND 30);
ALTER TABLE invoice ADD COLUMN corrects_id {id} REFERENCES invoice (id);
ALTER TABLE invoice ADD COLUMN reason text;
ALTER TABLE invoice ADD COLUMN line_count {small} CHECK (line_count > 0);
UPDATE invoice SET line_count = (SELECT COUNT(*) FROM invoice_line WHERE invoice_line.invoice_id = invoice.id) WHERE issued_on IS NOT NULL
    AND EXISTS (SELECT 1 FROM invoice_line WHERE invoice_line.invoice_id = invoice.id);
CREATE INDEX invoice__corrects_id ON invoice (corrects_id);

ALTER TABLE invoice_line ADD COLUMN credits_line_id {id} REFERENCES invoice_line (id);
CREATE INDEX invoice_line__credits_line_id ON invoice_line (credits_line_id);

ALTER TABLE organisation ADD COLUMN billing_email text;
ALTER TABLE organisation ADD COLUMN peppol_id text;
ALTER TABLE organisation ADD COLUMN buyer_reference text;
ALTER TABLE organisation ADD COLUMN address_line text;
ALTER TABLE organisation ADD COLUMN postal_code text;
ALTER TABLE organisation ADD COLUMN city text;

CREATE TABLE invoice_content (
    invoice_id {id} NOT NULL PRIMARY KEY REFERENCES invoice (id),
    content text NOT NULL
) {strict};

CREATE TABLE invoice_file (
    invoice_id {id} NOT NULL REFERENCES invoice (id),
    format text NOT NULL CHECK (format IN ('PDF', 'XML')),
    sha256 text NOT NULL,
    bytes {bytes} NOT NULL,
    PRIMARY KEY (invoice_id, format)
) {strict};

CREATE TABLE fee_charge (
    line_id {id} NOT NULL PRIMARY KEY REFERENCES invoice_line (id),
    kind text NOT NULL CHECK (kind IN ('SPECIAL_FEE', 'SERVICE_FEE', 'MEMBERSHIP_FEE')),
    year {small} NOT NULL,
    agreement_id {id} REFERENCES agreement (id),
    member_id {id} REFERENCES member (id),
    CONSTRAINT fee_charge__agreement_id__year UNIQUE (agreement_id, year),
    CONSTRAINT fee_charge__member_id__year__kind UNIQUE (member_id, year, kind),
    CHECK ((kind = 'SPECIAL_FEE') = (agreement_id IS NOT NULL)),
    CHECK ((kind = 'SPECIAL_FEE') = (member_id IS NULL))
) {strict};
CREATE INDEX fee_charge__kind__year ON fee_charge (kind, year);
";

/// What an issued invoice says.
const CONTENT: [&str; 16] = [
    "id",
    "kind",
    "number",
    "number_key",
    "member_id",
    "organisation_id",
    "credits_id",
    "corrects_id",
    "issued_on",
    "due_on",
    "net",
    "vat",
    "rounding",
    "total",
    "reason",
    "line_count",
];

/// Whether NEW says something else than OLD.
fn frozen(differs: &str) -> String {
    let mut broken: Vec<String> = CONTENT.iter().map(|column| format!("NEW.{column} {differs} OLD.{column}")).collect();
    broken.push(format!("(OLD.ocr IS NOT NULL AND NEW.ocr {differs} OLD.ocr)"));
    format!("({})", broken.join(" OR "))
}

/// Tables whose rows are written once, with the condition that finds the row in the way of a new
/// one.
const KEPT: [(&str, &str); 3] = [
    ("invoice_content", "invoice_id = NEW.invoice_id"),
    ("invoice_file", "invoice_id = NEW.invoice_id AND format = NEW.format"),
    (
        "fee_charge",
        "line_id = NEW.line_id OR (agreement_id = NEW.agreement_id AND year = NEW.year) \
         OR (member_id = NEW.member_id AND year = NEW.year AND kind = NEW.kind)",
    ),
];

fn statements_of(statements: &str, (table, same): &(&str, &str)) -> String {
    statements.replace("{table}", table).replace("{same}", same)
}

/// An import writes whole rows, also over those that are there, so that what comes in with the same
/// id is held against what is there.
const SQLITE: &str = "
CREATE TRIGGER invoice__frozen BEFORE UPDATE ON invoice WHEN OLD.issued_on IS NOT NULL AND {frozen}
BEGIN
    SELECT RAISE(ABORT, 'invoice__frozen');
END;

-- INSERT OR REPLACE would remove what is there without a word.
CREATE TRIGGER invoice__replaced BEFORE INSERT ON invoice
WHEN EXISTS (SELECT 1 FROM invoice OLD WHERE OLD.id = NEW.id AND OLD.issued_on IS NOT NULL AND {frozen})
    OR EXISTS (SELECT 1 FROM invoice OLD WHERE OLD.kind = NEW.kind AND OLD.number = NEW.number AND OLD.id <> NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'invoice__kind__number');
END;

CREATE TRIGGER invoice__kept BEFORE DELETE ON invoice WHEN OLD.issued_on IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'invoice__kept');
END;

CREATE TRIGGER invoice_line__insert BEFORE INSERT ON invoice_line
WHEN EXISTS (SELECT 1 FROM invoice WHERE id = NEW.invoice_id AND issued_on IS NOT NULL AND NEW.position > COALESCE(line_count, 0))
    OR EXISTS (
        SELECT 1 FROM invoice_line OLD JOIN invoice ON invoice.id = OLD.invoice_id
        WHERE invoice.issued_on IS NOT NULL AND (OLD.id = NEW.id OR (OLD.invoice_id = NEW.invoice_id AND OLD.position = NEW.position))
    )
BEGIN
    SELECT RAISE(ABORT, 'invoice_line__frozen');
END;

CREATE TRIGGER invoice_line__update BEFORE UPDATE ON invoice_line
WHEN EXISTS (SELECT 1 FROM invoice WHERE id IN (OLD.invoice_id, NEW.invoice_id) AND issued_on IS NOT NULL)
BEGIN
    SELECT RAISE(ABORT, 'invoice_line__frozen');
END;

CREATE TRIGGER invoice_line__delete BEFORE DELETE ON invoice_line
WHEN EXISTS (SELECT 1 FROM invoice WHERE id = OLD.invoice_id AND issued_on IS NOT NULL)
BEGIN
    SELECT RAISE(ABORT, 'invoice_line__frozen');
END;
";

const SQLITE_KEPT: &str = "
CREATE TRIGGER {table}__insert BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})
BEGIN
    SELECT RAISE(ABORT, '{table}__kept');
END;
CREATE TRIGGER {table}__update BEFORE UPDATE ON {table}
BEGIN
    SELECT RAISE(ABORT, '{table}__kept');
END;
CREATE TRIGGER {table}__delete BEFORE DELETE ON {table}
BEGIN
    SELECT RAISE(ABORT, '{table}__kept');
END;
";

const POSTGRES: &str = "
CREATE FUNCTION invoice__frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {frozen} THEN
        RAISE EXCEPTION 'invoice__frozen';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoice__frozen BEFORE UPDATE ON invoice FOR EACH ROW WHEN (OLD.issued_on IS NOT NULL) EXECUTE FUNCTION invoice__frozen();

CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%__kept', TG_TABLE_NAME;
END $$;
CREATE TRIGGER invoice__kept BEFORE DELETE ON invoice FOR EACH ROW WHEN (OLD.issued_on IS NOT NULL) EXECUTE FUNCTION kept();
CREATE TRIGGER invoice__kept__all BEFORE TRUNCATE ON invoice FOR EACH STATEMENT EXECUTE FUNCTION kept();

CREATE FUNCTION invoice_line__frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT 1 FROM invoice WHERE id = NEW.invoice_id AND issued_on IS NOT NULL AND NEW.position > COALESCE(line_count, 0)) THEN
            RAISE EXCEPTION 'invoice_line__frozen';
        END IF;
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT 1 FROM invoice WHERE id = OLD.invoice_id AND issued_on IS NOT NULL) THEN
        RAISE EXCEPTION 'invoice_line__frozen';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF NEW.invoice_id <> OLD.invoice_id AND EXISTS (SELECT 1 FROM invoice WHERE id = NEW.invoice_id AND issued_on IS NOT NULL) THEN
        RAISE EXCEPTION 'invoice_line__frozen';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoice_line__frozen BEFORE INSERT OR UPDATE OR DELETE ON invoice_line
    FOR EACH ROW EXECUTE FUNCTION invoice_line__frozen();
CREATE TRIGGER invoice_line__kept__all BEFORE TRUNCATE ON invoice_line FOR EACH STATEMENT EXECUTE FUNCTION kept();
";

const POSTGRES_KEPT: &str = "
CREATE TRIGGER {table}__kept BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION kept();
CREATE TRIGGER {table}__kept__all BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION kept();
";
