//! Places where Swedish compounds may break: the joints of words that are known, and nowhere else.
//!
//! Patterns for hyphenation know syllables and no words: they break «kursintäkter» as
//! «kursin-täkter». A word is divided here only when all of it is made of known parts.

/// The shortest word that is divided, in characters; shorter ones fit any line.
pub const SHORTEST: usize = 13;
/// The longest word that is looked at, in characters.
const LONGEST: usize = 80;
/// The fewest characters before and after a place to break that is no joint of a known word.
const LEAST: usize = 3;
/// The longest ending of a compound's last part, in characters, as «-ernas» and «-andets».
const ENDING: usize = 6;

/// First and middle parts of compounds, as they stand before a joint.
const BEFORE: &[&str] = &[
    "administrations",
    "ansvars",
    "anställnings",
    "arbets",
    "arbetsmarknads",
    "arkiverings",
    "avgifts",
    "avtals",
    "bank",
    "behandlings",
    "beslut",
    "besluts",
    "betalnings",
    "bidrags",
    "biträdes",
    "bokförings",
    "budget",
    "data",
    "deltagande",
    "deltagar",
    "dröjsmåls",
    "ekonomi",
    "ersättnings",
    "faktura",
    "fakturerings",
    "finansierings",
    "fullgörande",
    "föreläsnings",
    "förenings",
    "förfallo",
    "förbunds",
    "förhandlings",
    "förlängnings",
    "försenings",
    "försäkrings",
    "förvaltnings",
    "genomförande",
    "granskning",
    "gransknings",
    "halvårs",
    "handlednings",
    "handläggnings",
    "huvud",
    "hälso",
    "indikator",
    "information",
    "informations",
    "inkasso",
    "insats",
    "integritets",
    "intresse",
    "kommun",
    "konsult",
    "kontakt",
    "kontaktmanna",
    "konto",
    "kostnads",
    "kredit",
    "kreditfaktura",
    "kurs",
    "kvalitets",
    "kvartals",
    "lednings",
    "ledar",
    "läges",
    "läns",
    "löne",
    "löptids",
    "marknads",
    "medborgar",
    "medlems",
    "mervärdes",
    "mervärdesskatte",
    "metod",
    "moms",
    "mål",
    "målgrupps",
    "mötes",
    "myndighets",
    "namn",
    "nätverks",
    "närings",
    "ombuds",
    "områdes",
    "organisations",
    "part",
    "parts",
    "person",
    "personal",
    "personuppgifts",
    "post",
    "process",
    "projekt",
    "påminnelse",
    "redovisnings",
    "referens",
    "region",
    "regions",
    "registrerings",
    "rehabiliterings",
    "rekvisitions",
    "resultat",
    "räkenskaps",
    "rättighets",
    "samarbets",
    "samordnings",
    "samverkans",
    "service",
    "sjukvårds",
    "skade",
    "skatte",
    "skrift",
    "skydds",
    "social",
    "sjuk",
    "statistik",
    "stats",
    "styrelse",
    "stämmo",
    "sysselsättnings",
    "tids",
    "tilldelnings",
    "tillsyns",
    "tjänste",
    "transport",
    "underhålls",
    "underlags",
    "undertecknar",
    "uppdrags",
    "uppföljnings",
    "uppgifts",
    "uppsägnings",
    "utbildnings",
    "utvecklings",
    "utvärderings",
    "verksamhets",
    "års",
    "återbetalnings",
    "åtgärds",
    "öres",
    "överföring",
    "överförings",
];

/// Last parts of compounds, without their endings.
const AFTER: &[&str] = &[
    "adress",
    "ansvar",
    "arbet",
    "avdrag",
    "avgift",
    "avrundning",
    "avtal",
    "balans",
    "behandling",
    "belopp",
    "berättelse",
    "beslut",
    "betalning",
    "bidrag",
    "biträde",
    "bolag",
    "budget",
    "dag",
    "datum",
    "deltagare",
    "dokument",
    "ersättning",
    "faktura",
    "fordran",
    "fordring",
    "form",
    "förbund",
    "förmedling",
    "förordning",
    "försäkring",
    "förtroende",
    "förtydligand",
    "förvaltning",
    "givare",
    "grund",
    "grupp",
    "gräns",
    "handling",
    "hjälp",
    "inbetalning",
    "information",
    "insats",
    "intresse",
    "intäkt",
    "kassa",
    "kontakt",
    "konto",
    "kostnad",
    "kontor",
    "krav",
    "lag",
    "ledare",
    "ledning",
    "ledamot",
    "lista",
    "material",
    "metod",
    "moment",
    "myndighet",
    "möte",
    "nivå",
    "nummer",
    "område",
    "ordning",
    "organisation",
    "part",
    "period",
    "person",
    "plan",
    "post",
    "process",
    "program",
    "projekt",
    "punkt",
    "rapport",
    "redovisning",
    "referens",
    "register",
    "resultat",
    "rutin",
    "ränta",
    "rätt",
    "räkning",
    "saldo",
    "samordnare",
    "skatt",
    "skuld",
    "skydd",
    "skyldig",
    "skyldighet",
    "stadga",
    "stöd",
    "summa",
    "system",
    "tagare",
    "tid",
    "tillfälle",
    "tjänst",
    "underlag",
    "underskrift",
    "uppdrag",
    "uppgift",
    "utbildning",
    "utgift",
    "utveckling",
    "utvärdering",
    "verksamhet",
    "villkor",
    "väsende",
    "år",
    "åtagande",
    "åtgärd",
    "öre",
    "överenskommelse",
];

/// Returns the positions, in characters, before which a word may break; none unless all of it is
/// made of known parts.
pub fn joints(word: &[char]) -> Vec<usize> {
    if !(SHORTEST..=LONGEST).contains(&word.len()) {
        return Vec::new();
    }
    let word: String = word.iter().flat_map(|char| char.to_lowercase()).collect();
    let (mut parts, mut position) = (Vec::new(), 0);
    if divide(&word, &mut parts).is_none() {
        return Vec::new();
    }
    // The last part ends the word.
    parts.pop();
    let joint = |length: usize| {
        position += length;
        position
    };
    parts.into_iter().map(joint).collect()
}

/// Returns the positions, in characters, before which a word may break: its joints, or else those
/// of its known beginning and before syllables as far as no more than `longest` characters are
/// between them. Nothing but joints unless it is longer.
pub fn positions(word: &[char], longest: usize) -> Vec<usize> {
    let joints = joints(word);
    if word.len() <= longest {
        return joints;
    }
    let known = if joints.is_empty() { known_beginning(word) } else { joints };
    let (mut positions, mut from) = (Vec::new(), 0);
    for end in known.into_iter().chain([word.len()]) {
        while end - from > longest {
            from = syllable(word, from, longest);
            positions.push(from);
        }
        if end < word.len() {
            positions.push(end);
        }
        from = end;
    }
    positions
}

/// The joints of the known parts that a word begins with.
fn known_beginning(word: &[char]) -> Vec<usize> {
    let lower: String = word.iter().take(LONGEST).flat_map(|char| char.to_lowercase()).collect();
    let (mut rest, mut position, mut positions) = (lower.as_str(), 0, Vec::new());
    loop {
        let longest =
            BEFORE.iter().filter(|part| rest.starts_with(**part)).max_by_key(|part| part.len());
        let Some(part) = longest else { return positions };
        position += part.chars().count();
        rest = rest.get(part.len()..).unwrap_or_default();
        if word.len() < position + LEAST {
            return positions;
        }
        positions.push(position);
    }
}

/// The last place before a consonant and a vowel that leaves no more than `longest` characters
/// before it; else just so many.
fn syllable(word: &[char], from: usize, longest: usize) -> usize {
    let is_vowel = |char: &char| "aeiouyåäöéüæøAEIOUYÅÄÖÉÜÆØ".contains(*char);
    let begins_syllable = |position: &usize| {
        let next = word.get(position + 1);
        word.get(*position).is_some_and(|char| char.is_alphabetic() && !is_vowel(char))
            && next.is_some_and(is_vowel)
    };
    (from + LEAST..=from + longest)
        .rev()
        .find(|position| begins_syllable(position) && position + LEAST <= word.len())
        .unwrap_or(from + longest)
}

/// Divides a word into parts: the length of each, in characters. The longest first part that leaves
/// a known rest counts.
fn divide(word: &str, parts: &mut Vec<usize>) -> Option<()> {
    let with_rest = BEFORE.iter().filter_map(|part| Some((*part, word.strip_prefix(*part)?)));
    let mut before: Vec<(&str, &str)> = with_rest.filter(|(_, rest)| !rest.is_empty()).collect();
    before.sort_by_key(|(part, _)| std::cmp::Reverse(part.len()));
    for (part, rest) in before {
        parts.push(part.chars().count());
        if divide(rest, parts).is_some() {
            return Some(());
        }
        parts.pop();
    }
    // What begins the word is no last part: a word that is not compound is not divided.
    let is_last = AFTER.iter().any(|part| {
        word.strip_prefix(*part).is_some_and(|ending| ending.chars().count() <= ENDING)
    });
    if parts.is_empty() || !is_last {
        return None;
    }
    parts.push(word.chars().count());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divided(word: &str) -> String {
        let chars: Vec<char> = word.chars().collect();
        let joints = joints(&chars);
        chars
            .iter()
            .enumerate()
            .flat_map(|(position, char)| {
                joints.contains(&position).then_some('-').into_iter().chain([*char])
            })
            .collect()
    }

    #[test]
    fn compounds_break_at_their_joints_or_not_at_all() {
        for (word, expected) in [
            ("Kursintäkterna", "Kurs-intäkterna"),
            ("samordningsförbundet", "samordnings-förbundet"),
            ("Samordningsförbundsavgiften", "Samordnings-förbunds-avgiften"),
            ("personuppgiftsbiträdesavtal", "personuppgifts-biträdes-avtal"),
            ("dataskyddsförordning", "data-skydds-förordning"),
            ("uppdragsgivarens", "uppdrags-givarens"),
            ("organisationsnummer", "organisations-nummer"),
            ("Namnförtydligande", "Namn-förtydligande"),
            ("dröjsmålsräntan", "dröjsmåls-räntan"),
            ("förseningsersättning", "försenings-ersättning"),
            ("verksamhetsledare", "verksamhets-ledare"),
            ("fakturanummer", "faktura-nummer"),
            // Not compound, not known, or too short.
            ("internationella", "internationella"),
            ("oåterkalleligen", "oåterkalleligen"),
            ("kursintäkt", "kursintäkt"),
            ("samordningsqqqqqq", "samordningsqqqqqq"),
            ("organisationerna", "organisationerna"),
        ] {
            assert_eq!(divided(word), expected);
        }
        assert_eq!(joints(&"kurs".repeat(40).chars().collect::<Vec<_>>()), [0; 0]);
    }
}
