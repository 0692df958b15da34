//! Words and figures of the fixtures that occur in one record alone, and who may ever see them,
//! whatever the query.

/// The data that a word or figure of the samples stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// The identity of a member or organisation.
    Name,
    /// Allocations, fees calculated on them, billing details and contacts.
    Affairs,
    /// An agreement.
    Agreement,
    /// An agreement that was never offered.
    DraftAgreement,
    /// The expected revenue of the agreement.
    Forecast,
    /// An invoice or payment.
    Invoice,
    /// An amount that stands on an invoice and in the revenue.
    Revenue,
    /// Costs and grants of an activity.
    Activity,
    /// A template that is not published.
    Draft,
    /// The trail itself.
    Trail,
}

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Alfa's, or of BIP, in which Alfa takes part.
    Alfa,
    /// Beta's, or of Indikatorer, in which Beta takes part.
    Beta,
    /// Neither's; a party to an agreement about BIP.
    Gamma,
    /// Of no role.
    Neither,
}

/// Words and figures that stand for one kind of data, and nowhere else in the samples.
const MARKS: &[(&str, Of, Whose)] = &[
    ("Samordningsförbundet Alfa", Of::Name, Whose::Alfa),
    ("222000-1834", Of::Name, Whose::Alfa),
    ("Alfaby", Of::Name, Whose::Alfa),
    ("Samordningsförbundet Beta", Of::Name, Whose::Beta),
    ("222000-2568", Of::Name, Whose::Beta),
    ("Betaby", Of::Name, Whose::Beta),
    ("Konsult Gamma", Of::Name, Whose::Gamma),
    ("13571357", Of::Affairs, Whose::Alfa),
    ("27142.71", Of::Affairs, Whose::Alfa),
    ("REF-ALFA", Of::Affairs, Whose::Alfa),
    ("anna@alfa", Of::Affairs, Whose::Alfa),
    ("24682468", Of::Affairs, Whose::Beta),
    ("49364.94", Of::Affairs, Whose::Beta),
    ("REF-BETA", Of::Affairs, Whose::Beta),
    ("berit@beta", Of::Affairs, Whose::Beta),
    ("gustav@gamma", Of::Affairs, Whose::Neither),
    ("stina@styrelsen", Of::Affairs, Whose::Neither),
    ("nils@styrelsen", Of::Affairs, Whose::Neither),
    ("2026-7001", Of::Agreement, Whose::Alfa),
    ("2026-7002", Of::Agreement, Whose::Beta),
    ("2026-7003", Of::Agreement, Whose::Gamma),
    ("34343.43", Of::Agreement, Whose::Gamma),
    ("45454.45", Of::DraftAgreement, Whose::Beta),
    ("12121.21", Of::Forecast, Whose::Alfa),
    ("23232.32", Of::Forecast, Whose::Beta),
    ("1936.03", Of::Forecast, Whose::Beta),
    ("\"8801\"", Of::Invoice, Whose::Alfa),
    ("BG-ALFA", Of::Invoice, Whose::Alfa),
    ("\"8802\"", Of::Invoice, Whose::Beta),
    ("Betalaren Alfa", Of::Invoice, Whose::Neither),
    ("BG-BETA", Of::Invoice, Whose::Beta),
    ("11311.31", Of::Revenue, Whose::Alfa),
    ("14139.14", Of::Revenue, Whose::Alfa),
    ("22422.42", Of::Revenue, Whose::Beta),
    ("28028.03", Of::Revenue, Whose::Beta),
    ("3333.31", Of::Activity, Whose::Alfa),
    ("5555.51", Of::Activity, Whose::Alfa),
    ("4444.41", Of::Activity, Whose::Beta),
    ("6666.61", Of::Activity, Whose::Beta),
    ("Hemlig", Of::Draft, Whose::Neither),
    ("samregister import", Of::Trail, Whose::Neither),
];

/// Data that everyone with a token may see.
pub const PUBLIC: [&str; 6] = [
    "Uppföljning",
    "Kurser",
    "Läget i den första",
    "Läget i den andra",
    "Öppen avtalstext",
    "Avtal om deltagande",
];

/// `true` if a viewer may ever see this, whatever the query. The rule: a MEMBER sees
/// its own association, its agreements, invoices and contacts, all activities and published
/// templates, and nothing else; an ACTIVITY_LEAD its activities' agreements and revenue, for which
/// it must know who the members are.
pub fn may_see(column: &str, of: Of, whose: Whose) -> bool {
    let services = |columns: &[&str]| columns.contains(&column);
    match column {
        "OFFICE" | "AUDITOR" => true,
        // Finance reads the part of the trail that is about what it may change.
        "FINANCE" => true,
        "BOARD" => of != Of::Trail,
        "LEAD:bip" | "LEAD:indikatorer" => match of {
            Of::Name => true,
            Of::Agreement | Of::DraftAgreement | Of::Forecast => {
                (whose == Whose::Beta) == (column == "LEAD:indikatorer")
            }
            Of::Revenue | Of::Activity => {
                whose == if column == "LEAD:bip" { Whose::Alfa } else { Whose::Beta }
            }
            Of::Affairs | Of::Invoice | Of::Draft | Of::Trail => false,
        },
        "MEMBER" => {
            whose == Whose::Alfa
                && !matches!(of, Of::Activity | Of::DraftAgreement | Of::Draft | Of::Trail)
        }
        // The trail has everything.
        "audit" => true,
        "ANONYMOUS" => false,
        _ => match of {
            Of::Name => !services(&["templates", "templates+"]),
            Of::Affairs => services(&["members"]),
            Of::Agreement | Of::DraftAgreement => services(&["agreements", "agreements+"]),
            Of::Forecast => services(&["agreements", "agreements+", "revenue"]),
            Of::Invoice => services(&["invoices", "invoices+"]),
            Of::Revenue => services(&["invoices", "invoices+", "revenue"]),
            Of::Activity => services(&["revenue"]),
            Of::Draft => services(&["templates", "templates+"]),
            Of::Trail => false,
        },
    }
}

/// Returns the data in a text that no caller of this column may see.
pub fn out_of_sight<'a>(column: &'a str, text: &'a str) -> impl Iterator<Item = String> + 'a {
    let shown = MARKS
        .iter()
        .filter(move |(mark, of, whose)| !may_see(column, *of, *whose) && text.contains(mark));
    shown.map(|(mark, of, whose)| format!("shows {mark:?}, which is {whose:?}'s {of:?}"))
}
