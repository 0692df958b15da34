//! Break points in Swedish compounds: only at the joints of known words.
//!
//! Hyphenation patterns know syllables and no words: they break «kursintäkter» as «kursin-täkter».
//! A word is divided here only if all of it consists of known parts.

/// The shortest word that is divided, in characters; shorter ones fit any line.
pub const MIN_LENGTH: usize = 13;
/// The longest word that is examined, in characters.
const MAX_LENGTH: usize = 80;
/// Minimum number of characters before and after a break point that is not a joint of a known word.
const MIN_PART: usize = 3;
/// The longest ending of a compound's last part, in characters, as «-ernas» and «-andets».
const MAX_ENDING: usize = 6;

/// First and middle parts of compounds, in their form before a joint.
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

/// Returns the positions, in characters, before which a word may break; empty unless all of it
/// consists of known parts.
pub fn joints(word: &[char]) -> Vec<usize> {
    if !(MIN_LENGTH..=MAX_LENGTH).contains(&word.len()) {
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

/// Returns the positions, in characters, before which a word may break: its joints. A word longer
/// than `longest` characters without joints breaks after its known beginning, and before syllables
/// so that no part exceeds `longest` characters.
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

/// Returns the joints of the known parts at the beginning of a word.
fn known_beginning(word: &[char]) -> Vec<usize> {
    let lower: String = word.iter().take(MAX_LENGTH).flat_map(|char| char.to_lowercase()).collect();
    let (mut rest, mut position, mut positions) = (lower.as_str(), 0, Vec::new());
    loop {
        let longest =
            BEFORE.iter().filter(|part| rest.starts_with(**part)).max_by_key(|part| part.len());
        let Some(part) = longest else { return positions };
        position += part.chars().count();
        rest = rest.get(part.len()..).unwrap_or_default();
        if word.len() < position + MIN_PART {
            return positions;
        }
        positions.push(position);
    }
}

/// Returns the last position before a consonant and a vowel with at most `longest` characters
/// before it; if there is none, exactly `longest`.
fn syllable(word: &[char], from: usize, longest: usize) -> usize {
    let is_vowel = |char: &char| "aeiouyåäöéüæøAEIOUYÅÄÖÉÜÆØ".contains(*char);
    let begins_syllable = |position: &usize| {
        let next = word.get(position + 1);
        word.get(*position).is_some_and(|char| char.is_alphabetic() && !is_vowel(char))
            && next.is_some_and(is_vowel)
    };
    (from + MIN_PART..=from + longest)
        .rev()
        .find(|position| begins_syllable(position) && position + MIN_PART <= word.len())
        .unwrap_or(from + longest)
}

/// Divides a word into parts, and adds the length of each, in characters. Prefers the longest first
/// part that leaves a known rest.
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
    // The beginning of a word is no last part: a simple word is not divided.
    let is_last = AFTER.iter().any(|part| {
        word.strip_prefix(*part).is_some_and(|ending| ending.chars().count() <= MAX_ENDING)
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
