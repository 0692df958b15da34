//! An agreement as a document: a page of HTML, and the PDF that is offered, signed and stored.

use std::{sync::LazyLock, time::Duration};

use chrono::NaiveDate;
use minijinja::{
    Environment, context,
    value::{Serde, Value},
};
use serde::Serialize;

use crate::{
    error::{Error, Result},
    hash::sha256,
    html::Html,
    prose::{self, Block},
    size::{Size, TIME_LIMIT},
    typesetting,
};

/// Content of an agreement document. Every value is treated as plain text, never as markup, except
/// the Markdown of `body`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Its title, as «Avtal om deltagande i BIP».
    pub title: String,
    /// Its number; null: it is a draft, and marked as one on every page.
    pub number: Option<String>,
    /// Its language as a BCP 47 tag. Labels are English for `en`, and Swedish for all others.
    pub language: String,
    /// The parties, the network first.
    pub parties: Vec<Party>,
    /// Summary of the terms, as «Gäller från» and «den 1 januari 2027»; empty: there is no such
    /// table.
    pub terms: Vec<(String, String)>,
    /// Text of the agreement, in Markdown with headings from `##`. U+E000 stands for a line break
    /// within a value.
    pub body: String,
    /// Date of the document. It is not shown; it is in the PDF's metadata.
    pub dated: NaiveDate,
}

/// A party to an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Party {
    /// Its role in the text, as «Medlemmen».
    pub role: String,
    /// Its name.
    pub name: String,
    /// Its organisation number; null: it has none, as parties abroad.
    pub org_number: Option<String>,
    /// Its address, line by line.
    pub address: Vec<String>,
}

/// A rendered agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// A complete page, ready to print.
    pub html: String,
    /// PDF/A-3a and PDF/UA-1; the same bytes for the same agreement.
    pub pdf: Vec<u8>,
    /// SHA-256 of the PDF's bytes, in hexadecimal.
    pub sha256: String,
}

/// Renders the agreement as a page of HTML, ready to print.
///
/// # Errors
/// [`Error::Internal`] if the page's template is faulty.
pub fn html(document: &Agreement) -> Result<String> {
    page(&View::of(document))
}

/// Renders the agreement as HTML and PDF. It takes up to [`TIME_LIMIT`]: a server calls it in its
/// worker pool.
///
/// # Errors
/// [`Error::TooLong`] if its content can't be typeset within that time; [`Error::Internal`] if the
/// layout is faulty.
pub fn rendered(document: &Agreement) -> Result<Rendered> {
    rendered_if(document, |_| Ok::<(), Error>(()))
}

/// Like [`rendered`], if `allow` accepts the estimated time of a server's core.
///
/// # Errors
/// As [`rendered`], and the errors of `allow`.
pub fn rendered_if<E: From<Error>>(
    document: &Agreement,
    allow: impl FnOnce(Duration) -> Result<(), E>,
) -> Result<Rendered, E> {
    let view = View::of(document);
    let size = view.size();
    if let Some(excess) = size.excess() {
        let message = format!("the document {excess}: shorten the template or its values");
        return Err(Error::TooLong(message).into());
    }
    allow(size.time())?;
    let pdf = typesetting::pdf(typesetting::Document {
        layout: include_str!("../../assets/documents/agreement.typ"),
        data: serde_json::to_value(&view).map_err(Error::internal)?,
        title: &view.title,
        language: &view.language,
        dated: document.dated,
        attachments: &[],
        time_limit: Some(TIME_LIMIT),
    });
    let pdf = pdf.map_err(Error::from)?;
    Ok(Rendered { html: page(&view)?, sha256: sha256(&pdf), pdf })
}

/// Data of the page and the layout: the agreement with labels, every text without characters that
/// hide others or change their direction.
#[derive(Debug, Serialize)]
struct View {
    title: String,
    language: String,
    draft: bool,
    /// «Avtal nr 2026-0042» or «Utkast».
    named: String,
    words: &'static Words,
    parties: Vec<Party>,
    terms: Vec<(String, String)>,
    body: Vec<Block>,
}

impl View {
    fn of(document: &Agreement) -> Self {
        let Agreement { title, number, language, parties, terms, body, dated: _ } = document;
        let words = if language.split('-').next() == Some("en") { &ENGLISH } else { &SWEDISH };
        let is_blank = typesetting::shows_nothing(title);
        Self {
            title: if is_blank { words.agreement.into() } else { shown(title) },
            language: if is_language(language) { language.clone() } else { "sv".into() },
            draft: number.is_none(),
            named: number.as_ref().map_or_else(
                || words.draft.into(),
                |number| words.numbered.replace("{number}", &shown(number)),
            ),
            words,
            parties: parties.iter().map(Party::shown).collect(),
            terms: terms.iter().map(|(name, value)| (shown(name), shown(value))).collect(),
            body: prose::parse(
                &body
                    .chars()
                    .map(|char| if char == prose::BREAK { char } else { visible(char) })
                    .collect::<String>(),
            ),
        }
    }
}

impl View {
    /// Measures all content to typeset.
    fn size(&self) -> Size {
        let mut size = Size::of(&self.body);
        let parties = self
            .parties
            .iter()
            .flat_map(|party| party.address.iter().chain([&party.name, &party.role]));
        let terms = self.terms.iter().flat_map(|(name, value)| [name, value]);
        parties.chain(terms).chain([&self.title]).for_each(|text| size.add_text(text));
        size
    }
}

/// Returns the reason why a text in Markdown can't be typeset, to follow the text's name: too much
/// content, a heading that shows nothing, or a link that is too long.
#[must_use]
pub fn problem(body: &str) -> Option<String> {
    prose::problem(body).or_else(|| Size::of(&prose::parse(body)).excess_of_text())
}

impl Party {
    fn shown(&self) -> Self {
        let Self { role, name, org_number, address } = self;
        Self {
            role: shown(role),
            name: shown(name),
            org_number: org_number.as_deref().map(shown),
            address: address.iter().map(|line| shown(line)).collect(),
        }
    }
}

/// Returns a text as one line, without characters that hide others or change their direction.
fn shown(text: &str) -> String {
    text.trim()
        .chars()
        .map(|char| {
            if char == prose::BREAK || char.is_whitespace() && char.is_control() {
                ' '
            } else {
                visible(char)
            }
        })
        .collect()
}

fn visible(char: char) -> char {
    if typesetting::is_hidden(char) { typesetting::MISSING } else { char }
}

/// Returns `true` for a language as `sv`, optionally with a country as `sv-FI`.
fn is_language(text: &str) -> bool {
    let (language, country) = text.split_once('-').unwrap_or((text, "SE"));
    let is_word = |word: &str, lengths: &[usize]| {
        lengths.contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    is_word(language, &[2, 3])
        && is_word(country, &[2])
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Labels of an agreement.
#[derive(Debug, Serialize)]
struct Words {
    agreement: &'static str,
    numbered: &'static str,
    draft: &'static str,
    /// Text that follows it where there is room.
    draft_note: &'static str,
    /// Watermark across every page of a draft.
    draft_mark: &'static str,
    parties: &'static str,
    role: &'static str,
    name: &'static str,
    org_number: &'static str,
    address: &'static str,
    terms: &'static str,
    signatures: &'static str,
    on_behalf_of: &'static str,
    place_and_date: &'static str,
    signature: &'static str,
    name_in_print: &'static str,
    page: &'static str,
}

static SWEDISH: Words = Words {
    agreement: "Avtal",
    numbered: "Avtal nr {number}",
    draft: "Utkast",
    draft_note: ": avtalet har ännu inget nummer och är inte bindande",
    draft_mark: "UTKAST",
    parties: "Parter",
    role: "Part",
    name: "Namn",
    org_number: "Organisationsnummer",
    address: "Adress",
    terms: "Avtalet i korthet",
    signatures: "Underskrifter",
    on_behalf_of: "För {name}",
    place_and_date: "Ort och datum",
    signature: "Underskrift",
    name_in_print: "Namnförtydligande",
    page: "Sida {page} ({pages})",
};

static ENGLISH: Words = Words {
    agreement: "Agreement",
    numbered: "Agreement no. {number}",
    draft: "Draft",
    draft_note: ": the agreement has no number yet and is not binding",
    draft_mark: "DRAFT",
    parties: "Parties",
    role: "Party",
    name: "Name",
    org_number: "Organisation number",
    address: "Address",
    terms: "The agreement in short",
    signatures: "Signatures",
    on_behalf_of: "For {name}",
    place_and_date: "Place and date",
    signature: "Signature",
    name_in_print: "Name in print",
    page: "Page {page} ({pages})",
};

/// Renders the page; its template is parsed only one time.
fn page(view: &View) -> Result<String> {
    // The name makes it HTML, in which every value is escaped.
    const NAME: &str = "agreement.html";
    static PAGES: LazyLock<std::result::Result<Environment<'static>, minijinja::Error>> =
        LazyLock::new(|| {
            let mut pages = Environment::new();
            pages.add_template(NAME, include_str!("../../assets/documents/agreement.html"))?;
            Ok(pages)
        });
    let pages = PAGES
        .as_ref()
        .map_err(|cause| Error::internal(std::io::Error::other(cause.to_string())))?;
    let body = Value::from_safe_string(Html(&view.body).to_string());
    let template = pages.get_template(NAME).map_err(Error::internal)?;
    template.render(context! { body, ..Value::from(Serde(view)) }).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(document: &Agreement) -> String {
        super::html(document).unwrap()
    }

    fn agreement() -> Agreement {
        let party = |role: &str, name: &str| Party {
            role: role.into(),
            name: name.into(),
            org_number: Some("222000-1834".into()),
            address: vec!["Storgatan 1".into(), "123 45 Åre".into()],
        };
        Agreement {
            title: "Avtal om deltagande i BIP".into(),
            number: Some("2027-0001".into()),
            language: "sv".into(),
            parties: vec![party("Nätverket", "NNS"), party("Medlemmen", "Finsam Åre")],
            terms: vec![("Gäller från".into(), "den 1 januari 2027".into())],
            body: "## 1. Avgift\n\nMedlemmen betalar **8 648,67 kr** per år.\n".into(),
            dated: NaiveDate::from_ymd_opt(2026, 12, 1).unwrap(),
        }
    }

    /// Hostile values of parameters.
    const HOSTILE: [&str; 9] = [
        "<script>alert(1)</script>",
        "\" onmouseover=\"alert(1)",
        "#import \"/etc/passwd\" #eval(\"1\") #read(\"main.typ\")",
        "$x^2$ @citation <label> `raw` _a_ *b* = rubrik \\ slut",
        "a\u{0}b\u{7}c\u{1b}[31m",
        "\u{202e}rk 0001\u{202c} \u{feff}\u{fffe}\u{e001}\u{f8ff}\u{10ffff}",
        "😀 👩‍👩‍👧 🇸🇪 漢字 العربية עברית हिन्दी",
        "{{ 7*7 }} {% include \"x\" %} ${7*7}",
        "e\u{301}\u{302}\u{303}\u{304}\u{305} \u{ad}\u{a0}\u{2028}",
    ];

    fn with(text: &str) -> Agreement {
        let party = Party {
            role: text.into(),
            name: text.into(),
            org_number: Some(text.into()),
            address: vec![text.into(), text.into()],
        };
        let escaped: String = text
            .chars()
            .flat_map(|char| char.is_ascii_punctuation().then_some('\\').into_iter().chain([char]))
            .collect();
        Agreement {
            title: text.into(),
            number: Some(text.into()),
            language: text.into(),
            parties: vec![party.clone(), party],
            terms: vec![(text.into(), text.into())],
            // As a value, and as the text of a template.
            body: format!(
                "## {escaped}\n\n- {escaped}\n\n| {escaped} |\n|---|\n| **{escaped}** |\n\n{text}\n"
            ),
            ..agreement()
        }
    }

    #[test]
    fn a_page_is_self_contained_and_names_its_parts() {
        let page = html(&agreement());
        let body = &page[page.find("<body").unwrap()..];
        insta::assert_snapshot!(body, @r#"
        <body>
        <main>
        <header>
        <h1>Avtal om deltagande i BIP</h1>
        <p class="number">Avtal nr 2027-0001</p>
        </header>
        <section class="parties" aria-labelledby="parties">
        <h2 id="parties">Parter</h2>
        <table>
        <thead>
        <tr><th scope="col">Part</th><th scope="col">Namn</th><th scope="col">Organisationsnummer</th><th scope="col">Adress</th></tr>
        </thead>
        <tbody>
        <tr><th scope="row">Nätverket</th><td>NNS</td><td>222000-1834</td><td>Storgatan 1<br>123 45 Åre</td></tr>
        <tr><th scope="row">Medlemmen</th><td>Finsam Åre</td><td>222000-1834</td><td>Storgatan 1<br>123 45 Åre</td></tr>
        </tbody>
        </table>
        </section>
        <section class="terms" aria-labelledby="terms">
        <h2 id="terms">Avtalet i korthet</h2>
        <table>
        <tbody>
        <tr><th scope="row">Gäller från</th><td>den 1 januari 2027</td></tr>
        </tbody>
        </table>
        </section>
        <article>
        <h2>1. Avgift</h2>
        <p>Medlemmen betalar <strong>8 648,67 kr</strong> per år.</p>
        </article>
        <section aria-labelledby="signatures">
        <h2 id="signatures">Underskrifter</h2>
        <div class="signatures">
        <section>
        <p><strong>För NNS</strong></p>
        <p class="line">Ort och datum</p>
        <p class="line">Underskrift</p>
        <p class="line">Namnförtydligande</p>
        </section>
        <section>
        <p><strong>För Finsam Åre</strong></p>
        <p class="line">Ort och datum</p>
        <p class="line">Underskrift</p>
        <p class="line">Namnförtydligande</p>
        </section>
        </div>
        </section>
        </main>
        </body>
        </html>
        "#);
        assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"sv\">"), "{page}");
        assert!(
            page.contains("<title>Avtal om deltagande i BIP</title>")
                && page.contains("@media print")
        );
        for outside in ["src=", "url(", "@import", "http"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn a_draft_is_marked_visually_and_in_text() {
        let draft = html(&Agreement { number: None, ..agreement() });
        assert!(draft.contains("<body class=\"draft\" data-mark=\"UTKAST\">"), "{draft}");
        assert!(draft.contains("Utkast: avtalet har ännu inget nummer"), "{draft}");
        assert!(!html(&agreement()).contains("UTKAST"));
        let english = html(&Agreement { number: None, language: "en-GB".into(), ..agreement() });
        assert!(
            english.contains("lang=\"en-GB\"")
                && english.contains("DRAFT")
                && english.contains("Signatures"),
            "{english}"
        );
    }

    #[test]
    fn hostile_values_are_text_on_the_page() {
        let page = html(&with("<script>alert(\"1\")</script>\u{202e}\u{0}\u{e000}& {{ 7*7 }}"));
        assert!(!page.contains("<script") && !page.contains("49"), "{page}");
        assert!(!page.contains(['\u{202e}', '\u{0}', '\u{e000}']), "{page}");
        let title = "&lt;script&gt;alert(&quot;1&quot;)&lt;&#x2f;script&gt;□□ &amp; {{ 7*7 }}";
        assert!(page.contains(&format!("<h1>{title}</h1>")), "{page}");
        let body = "&lt;script&gt;alert(&quot;1&quot;)&lt;&#x2f;script&gt;□□<br>&amp; {{ 7*7 }}";
        assert!(
            page.contains(&format!("<h2>{body}</h2>"))
                && page.contains(&format!("<td><strong>{body}</strong></td>")),
            "{page}"
        );
    }

    #[test]
    fn hostile_values_are_set_and_never_run() {
        for text in HOSTILE.map(ToOwned::to_owned).into_iter().chain([
            "å".repeat(200),
            "x".repeat(300),
            String::new(),
            " \t\r\n".into(),
        ]) {
            if let Err(Error::Internal(cause)) = rendered(&with(&text)) {
                panic!("{text:?}: {cause}");
            }
        }
    }

    #[test]
    fn an_agreement_is_the_same_bytes_every_time() {
        let [first, second] = [(); 2].map(|()| rendered(&agreement()).unwrap());
        assert_eq!(first, second);
        assert!(first.pdf.starts_with(b"%PDF-1.7"));
        assert_eq!((first.sha256.len(), &first.html), (64, &html(&agreement())));
        let other =
            rendered(&Agreement { number: Some("2027-0002".into()), ..agreement() }).unwrap();
        assert_ne!(first.sha256, other.sha256);
    }

    #[test]
    fn an_overlong_text_is_refused() {
        let error = rendered(&Agreement { body: "a ".repeat(100_000), ..agreement() }).unwrap_err();
        assert!(matches!(error, Error::TooLong(_)), "{error}");
    }

    #[test]
    fn every_block_of_prose_can_be_set() {
        let body = "# a\n\n###### b\n\n> ord\n>\n> - c\n>   3. d\n\n![e](x.png) [f](https://nnsfinsam.se) [g](javascript:1)\n\n|a|b|\n|:-:|-|\n|1|\n\n---\n\n- \n\n999999999. h\n\n&nbsp;\n\n    kod\n";
        rendered(&Agreement { body: body.into(), ..agreement() }).unwrap();
        rendered(&Agreement {
            body: String::new(),
            parties: Vec::new(),
            terms: Vec::new(),
            ..agreement()
        })
        .unwrap();
    }
}
