//! A register with agreements in every status and with deadlines of both kinds, for tests about
//! agreements and templates.

use std::collections::BTreeMap;

use ::entity::{
    acknowledgement, activity, agreement, agreement_document, agreement_parameters, allocation,
    contact_area, decision,
    id::*,
    kind::*,
    member,
    money::{Money, PerMille},
    organisation, signature, template, template_text, template_version,
};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    audit::{self, Action, Change},
    auth::viewer::Viewer,
    collation, term_sql,
};

use crate::support::app::App;

/// The rows of the register of these tests, by the names in tests; today is 2026-11-21.
#[derive(Default)]
pub(crate) struct Register {
    /// The ids of all things, as the API writes them.
    ids: BTreeMap<String, String>,
}

impl Register {
    /// The id of a thing by its name.
    #[track_caller]
    pub(crate) fn id(&self, name: &str) -> &str {
        self.ids.get(name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    fn keep(&mut self, noun: &str, name: &str, id: impl Into<uuid::Uuid>) {
        self.ids.insert(name.to_owned(), format!("{noun}_{}", id.into().simple()));
    }
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The parties and activities of agreements.
#[derive(Clone, Copy)]
struct Parties {
    gotland: MemberId,
    goteborg: MemberId,
    halland: MemberId,
    advisers: OrganisationId,
    bip: ActivityId,
    indicators: ActivityId,
}

struct Writer {
    change: Change,
    register: Register,
}

impl Writer {
    async fn member(&mut self, name: &str, county: &str, area: ContactAreaId) -> MemberId {
        let id = MemberId::new();
        let row = member::Model {
            id,
            name: name.into(),
            name_key: collation::key(name),
            county: Some(county.into()),
            contact_area_id: Some(area),
            joined_on: day("2015-01-01"),
            ..member::Model::default()
        };
        audit::insert(&self.change, row).await.unwrap();
        self.register.keep("member", name, id);
        id
    }

    async fn area(&mut self, name: &str) -> ContactAreaId {
        let id = ContactAreaId::new();
        audit::insert(
            &self.change,
            contact_area::Model { id, name: name.into(), name_key: collation::key(name) },
        )
        .await
        .unwrap();
        id
    }

    async fn activity(&mut self, slug: &str) -> ActivityId {
        let id = ActivityId::new();
        let row = activity::Model {
            id,
            slug: slug.into(),
            name: slug.into(),
            name_key: slug.into(),
            starts_on: day("2015-01-01"),
            ..activity::Model::default()
        };
        audit::insert(&self.change, row).await.unwrap();
        self.register.keep("activity", slug, id);
        id
    }

    async fn template(
        &mut self,
        slug: &str,
        kind: AgreementKind,
        activity: Option<ActivityId>,
        states: &[TemplateState],
    ) -> Vec<TemplateVersionId> {
        let id = TemplateId::new();
        let title = format!("Mall {slug}");
        let row = template::Model {
            id,
            slug: slug.into(),
            title_key: collation::key(&title),
            title,
            kind,
            activity_id: activity,
        };
        audit::insert(&self.change, row).await.unwrap();
        self.register.keep("template", &format!("mall {slug}"), id);
        let mut versions = Vec::new();
        for (position, state) in states.iter().enumerate() {
            let version = i32::try_from(position).unwrap() + 1;
            let published_at =
                (*state != TemplateState::Draft).then(|| instant("2024-01-01T08:00:00Z"));
            let row = template_version::Model {
                id: TemplateVersionId::new(),
                template_id: id,
                version,
                state: *state,
                language: "sv".into(),
                published_at,
            };
            self.register.keep("template_version", &format!("mall {slug} {version}"), row.id);
            versions.push(row.id);
            let parameters = r#"[{"name":"days","label":"Dagar","type":"INTEGER","required":true,"default":14}]"#;
            let text = template_text::Model {
                version_id: row.id,
                body: format!("# {slug} {version}"),
                parameters: parameters.into(),
            };
            audit::insert(&self.change, row).await.unwrap();
            audit::insert(&self.change, text).await.unwrap();
        }
        versions
    }

    async fn agreement(&mut self, name: &str, mut row: agreement::Model) -> AgreementId {
        row.id = AgreementId::new();
        row.number_key = row.number.as_deref().map(collation::number_key).unwrap_or_default();
        row.offered_at = row
            .number
            .as_ref()
            .map(|_| row.offered_at.unwrap_or_else(|| instant("2023-11-01T09:00:00Z")));
        (row.deadline_on, row.deadline_month) = term_sql::deadline_columns(&term_sql::of(&row));
        let id = row.id;
        audit::insert(&self.change, row).await.unwrap();
        self.register.keep("agreement", name, id);
        id
    }

    /// Adds the parties and activities of agreements.
    async fn parties(&mut self) -> Parties {
        let (east, west) = (self.area("Öst").await, self.area("Väst").await);
        let gotland = self.member("Finsam Gotland", "Gotlands län", east).await;
        let goteborg = self.member("Göteborg", "Västra Götalands län", west).await;
        let halland = self.member("Halland", "Hallands län", west).await;
        let allocation = allocation::Model {
            id: AllocationId::new(),
            member_id: goteborg,
            year: 2026,
            amount: Money(6_120_000_000),
            ..allocation::Model::default()
        };
        audit::insert(&self.change, allocation).await.unwrap();
        let advisers = OrganisationId::new();
        let row = organisation::Model {
            id: advisers,
            name: "Rådgivarna AB".into(),
            name_key: collation::key("Rådgivarna AB"),
            ..organisation::Model::default()
        };
        audit::insert(&self.change, row).await.unwrap();
        self.register.keep("organisation", "Rådgivarna AB", advisers);
        let (bip, indicators) = (self.activity("bip").await, self.activity("indikatorer").await);
        Parties { gotland, goteborg, halland, advisers, bip, indicators }
    }

    /// Adds a signed agreement with its decision, signatures, parameters and document.
    async fn open(&mut self, parties: Parties, version: TemplateVersionId) -> AgreementId {
        let board = decision::Model {
            id: DecisionId::new(),
            body: DecisionBody::Board,
            decided_on: Some(day("2023-10-10")),
            paragraph: Some("§ 7".into()),
            document: None,
        };
        audit::insert(&self.change, board.clone()).await.unwrap();
        let open = agreement::Model {
            fee_basis: Some(FeeBasis::FixedPerYear),
            fee_amount: Some(Money(1_800_000)),
            vat_rate: Some(VatRate::Standard25),
            template_version_id: Some(version),
            decision_id: Some(board.id),
            ..taking_part("2024-0001", parties.gotland, parties.indicators, "2024-01-01", None)
        };
        let open = self.agreement("open", open).await;
        let signature = signature::Model {
            id: SignatureId::new(),
            agreement_id: open,
            party: SignatureParty::Network,
            name: "Exempel Exempelsson".into(),
            title: None,
            signed_on: day("2023-11-30"),
            method: SignatureMethod::ESignature,
            document_sha256: "00ff".into(),
        };
        let other = signature::Model {
            id: SignatureId::new(),
            party: SignatureParty::Counterparty,
            title: Some("Ordförande".into()),
            signed_on: day("2023-12-01"),
            ..signature.clone()
        };
        for row in [other, signature] {
            audit::insert(&self.change, row).await.unwrap();
        }
        audit::insert(
            &self.change,
            agreement_parameters::Model { agreement_id: open, parameters: r#"{"days":14}"#.into() },
        )
        .await
        .unwrap();
        let document = agreement_document::Model {
            agreement_id: open,
            sha256: "00ff".into(),
            html: "<p>Avtal</p>".into(),
            pdf: Some(vec![1]),
        };
        audit::insert(&self.change, document).await.unwrap();
        open
    }

    /// Adds agreements with deadlines, of which one is acknowledged.
    async fn with_deadlines(&mut self, parties: Parties, version: TemplateVersionId) {
        let renewing = agreement::Model {
            notice_months: 1,
            renewal_months: Some(12),
            fee_basis: Some(FeeBasis::PerMilleOfAllocation),
            fee_per_mille: Some(PerMille(2000)),
            vat_rate: Some(VatRate::Exempt),
            template_version_id: Some(version),
            ..taking_part(
                "2025-0001",
                parties.goteborg,
                parties.indicators,
                "2025-01-01",
                Some("2025-12-31"),
            )
        };
        self.agreement("renewing", renewing).await;

        let quiet = agreement::Model {
            template_version_id: Some(version),
            ..taking_part(
                "2025-0002",
                parties.halland,
                parties.bip,
                "2025-01-01",
                Some("2026-12-31"),
            )
        };
        let quiet = self.agreement("quiet", quiet).await;
        for (at, until, note) in [
            ("2026-11-01T10:00:00Z", "2026-12-15", "Förlängs i januari"),
            ("2026-10-01T10:00:00Z", "2026-10-31", "Vi ser"),
        ] {
            let row = acknowledgement::Model {
                id: AcknowledgementId::new(),
                agreement_id: quiet,
                acknowledged_by: "office@example.se".into(),
                acknowledged_at: instant(at),
                until: day(until),
                note: Some(note.into()),
            };
            audit::insert(&self.change, row).await.unwrap();
        }
    }

    /// Adds an agreement in each of the other statuses.
    async fn of_other_statuses(&mut self, parties: Parties) {
        let replaced = agreement::Model {
            replaced_from: Some(day("2027-01-01")),
            ..taking_part(
                "2025-0003",
                parties.gotland,
                parties.bip,
                "2025-02-01",
                Some("2027-01-31"),
            )
        };
        let replaced = self.agreement("replaced", replaced).await;
        let successor = agreement::Model {
            replaces_id: Some(replaced),
            signed_on: Some(day("2026-11-01")),
            ..taking_part(
                "2026-0003",
                parties.gotland,
                parties.bip,
                "2027-01-01",
                Some("2027-12-31"),
            )
        };
        self.agreement("successor", successor).await;
        let draft = agreement::Model {
            number: None,
            signed_on: None,
            ..taking_part("", parties.goteborg, parties.bip, "2027-01-01", None)
        };
        self.agreement("draft", draft).await;
        let offered = agreement::Model {
            signed_on: None,
            offered_at: Some(instant("2026-11-01T09:00:00Z")),
            ..taking_part("2026-0004", parties.halland, parties.indicators, "2027-01-01", None)
        };
        self.agreement("offered", offered).await;
        let ending = agreement::Model {
            kind: AgreementKind::Assignment,
            direction: Direction::Cost,
            member_id: None,
            organisation_id: Some(parties.advisers),
            notice_given_on: Some(day("2026-10-01")),
            termination_reason: Some("Uppdraget är slut".into()),
            ..taking_part(
                "2026-0001",
                parties.gotland,
                parties.bip,
                "2026-01-01",
                Some("2026-12-10"),
            )
        };
        self.agreement("ending", ending).await;
        let withdrawn = agreement::Model {
            signed_on: None,
            withdrawn_on: Some(day("2026-05-05")),
            ..taking_part("2026-0002", parties.gotland, parties.bip, "2026-06-01", None)
        };
        self.agreement("withdrawn", withdrawn).await;
        self.agreement(
            "ended",
            taking_part(
                "2023-0001",
                parties.goteborg,
                parties.bip,
                "2023-01-01",
                Some("2024-12-31"),
            ),
        )
        .await;
    }
}

/// A participation agreement from a day to another, signed.
fn taking_part(
    number: &str,
    member: MemberId,
    activity: ActivityId,
    starts_on: &str,
    ends_on: Option<&str>,
) -> agreement::Model {
    agreement::Model {
        number: Some(number.into()),
        direction: Direction::Income,
        member_id: Some(member),
        activity_id: Some(activity),
        starts_on: day(starts_on),
        ends_on: ends_on.map(day),
        signed_on: Some(day("2023-12-01")),
        ..agreement::Model::default()
    }
}

/// Fills the register with agreements in every status and with deadlines of both kinds.
pub(crate) async fn fill(app: &App) -> Register {
    let change =
        audit::begin(app.context(&Viewer::operator("test")), Action::MemberUpdate).await.unwrap();
    let mut writer = Writer { change, register: Register::default() };
    let parties = writer.parties().await;
    use TemplateState::{Draft, Published, Retired};
    let versions = writer
        .template(
            "bip",
            AgreementKind::Participation,
            Some(parties.bip),
            &[Retired, Published, Draft],
        )
        .await;
    writer.template("hemlig", AgreementKind::Cooperation, None, &[Draft]).await;
    let open = writer.open(parties, versions[0]).await;
    writer.with_deadlines(parties, versions[1]).await;
    writer.of_other_statuses(parties).await;
    let html = audit::forms::AgreementHtml { agreement_id: open, sha256: "00ff".into() };
    writer.change.record(None, Some(&html)).unwrap();
    writer.change.commit().await.unwrap();
    writer.register
}
