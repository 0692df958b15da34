//! Tests of a PDF: the standards, the same bytes every time, and that data stays data.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use documents::typesetting::{Attachment, Document, Error, Relationship, pdf};
use serde_json::{Value, json};

/// A layout that sets a text in every face.
const LAYOUT: &str = r#"
#set page("a4", footer: context counter(page).display("1 (1)", both: true))
#let data = json("data.json")
= #data.title
#data.text *#data.text* _#data.text _ *_#data.text _*
"#;

fn document(layout: &'static str, data: Value) -> Document<'static> {
    Document {
        layout,
        data,
        title: "Avtal",
        language: "sv",
        dated: NaiveDate::default(),
        attachments: &[],
        time_limit: None,
    }
}

fn set(text: &str) -> Result<Vec<u8>, Error> {
    pdf(document(LAYOUT, json!({ "title": "Rubrik", "text": text })))
}

fn has(pdf: &[u8], text: &str) -> bool {
    pdf.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_document_is_for_the_archive_and_for_everyone() {
    let pdf = set("Åäö").unwrap();
    for mark in [
        "<pdfaid:part>3<",
        "<pdfaid:conformance>A<",
        "<pdfuaid:part>1<",
        "/MarkInfo",
        "/StructTreeRoot",
        "/Lang",
        "<rdf:li>sv<",
        "1970-01-01",
    ] {
        assert!(has(&pdf, mark), "{mark}");
    }
}

#[test]
fn the_same_document_gives_the_same_bytes() {
    let text = "Avtalet gäller från och med den 1 januari 2027. ".repeat(200);
    let first = set(&text).unwrap();
    let others: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn({
                let text = text.clone();
                move || set(&text)
            })
        })
        .collect();
    for other in others {
        assert!(other.join().unwrap().unwrap() == first);
    }
    assert!(set("annat").unwrap() != first);
}

#[test]
fn any_character_can_be_set() {
    // Every character of the planes that have letters, signs and pictures, and the private and last
    // ones, in words of sixteen.
    let characters = ('\0'..='\u{ffff}')
        .chain('\u{1d400}'..='\u{1d4ff}')
        .chain('\u{1f000}'..='\u{1faff}')
        .chain('\u{e0000}'..='\u{e01ff}');
    let characters: Vec<char> = characters.chain(['\u{f0000}', '\u{10ffff}']).collect();
    let words: Vec<String> = characters.chunks(16).map(|word| word.iter().collect()).collect();
    let layout = r#"
#set page(width: 60cm, height: auto)
#for word in json("data.json") [#word *#word* ]
"#;
    pdf(document(layout, json!(words))).unwrap();
}

#[test]
fn words_longer_than_a_line_are_broken() {
    let layout = r#"
#set page(width: 12cm, height: 8cm)
#let text = json("data.json")
#context assert(measure(text, width: 8cm).width <= 8cm)
#text
"#;
    pdf(document(layout, json!("Samordningsförbundsbokföringsunderlag".repeat(20)))).unwrap();
}

#[test]
fn data_is_never_read_as_a_layout() {
    for text in [
        "#panic(\"run\")",
        "#import \"x\": *",
        "$",
        "@nowhere",
        "<label>",
        "*",
        "`",
        "#",
        "\\",
        "= =",
        "//",
        "/*",
        "[",
        "]",
        "{",
        "\"",
        "https://x",
    ] {
        set(text).unwrap();
    }
}

#[test]
fn a_layout_reaches_neither_files_nor_packages_nor_the_clock() {
    for (layout, told) in [
        (r#"#read("/etc/passwd")"#, "file not found"),
        (r#"#read("../Cargo.toml")"#, "would escape"),
        (r#"#import "@preview/example:0.1.0": add"#, "not found"),
        ("#datetime.today()", "unable to get the current date"),
    ] {
        let error = pdf(document(layout, Value::Null)).unwrap_err().to_string();
        assert!(error.starts_with("layout.typ:1: ") && error.contains(told), "{layout}: {error}");
    }
}

#[test]
fn every_error_of_a_layout_is_reported_with_its_line() {
    let error = pdf(document("\n\n#nothing\n", Value::Null)).unwrap_err();
    assert_eq!(
        error,
        Error::Layout { messages: vec!["layout.typ:3: unknown variable: nothing".into()] }
    );
    let error = pdf(Document { title: "", ..document("text", Value::Null) }).unwrap_err();
    assert!(error.to_string().contains("missing document title"), "{error}");
}

#[test]
fn attachments_are_in_the_document() {
    let attachments =
        [("2026-0001.xml", Relationship::Alternative), ("underlag.csv", Relationship::Data)].map(
            |(name, relationship)| Attachment {
                name: name.into(),
                bytes: b"<Invoice/>".repeat(100),
                mime: "application/xml".into(),
                relationship,
                description: "Fakturan som Peppol BIS Billing 3".into(),
            },
        );
    let with = |attachments| {
        pdf(Document { attachments, ..document(LAYOUT, json!({ "title": "Faktura", "text": "" })) })
    };
    let pdf = with(&attachments).unwrap();
    for mark in [
        "/AFRelationship/Alternative",
        "/AFRelationship/Data",
        "2026-0001.xml",
        "underlag.csv",
        "application#2Fxml",
    ] {
        assert!(has(&pdf, mark), "{mark}");
    }
    // They take no page.
    assert!(has(&pdf, "/Count 1"));
    let twice = [attachments[0].clone(), attachments[0].clone()];
    assert!(with(&twice).unwrap_err().to_string().contains("twice"));
}

#[test]
fn a_document_that_is_out_of_time_ends_and_the_next_one_is_set() {
    let words: Vec<String> = (0..60_000).map(|number| format!("ord {number}")).collect();
    let endless = Document {
        time_limit: Some(Duration::from_millis(300)),
        ..document("#for word in json(\"data.json\") [#word *#word* ]", json!(words))
    };
    let begun = Instant::now();
    assert_eq!(pdf(endless).unwrap_err(), Error::TimedOut);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let short = Document {
        time_limit: Some(Duration::from_secs(60)),
        ..document(LAYOUT, json!({ "title": "Rubrik", "text": "Åäö" }))
    };
    assert!(pdf(short).unwrap() == set("Åäö").unwrap());
}

#[test]
fn stacks_of_marks_take_no_longer_than_other_text() {
    let begun = Instant::now();
    for text in [
        format!("a{}", "\u{301}".repeat(15_000)),
        format!("a{}", "\u{ad}".repeat(40_000)),
        "a\u{301}\u{ad}\u{302}\u{ad}".repeat(5_000),
    ] {
        set(&text).unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

/// The processor time that this thread has used.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(
        nanoseconds.unwrap_or_else(|| panic!("Linux tells no processor time: {text:?}")),
    )
}

#[test]
fn a_machine_with_much_to_do_fails_no_document() {
    let words: Vec<String> = (0..2_000).map(|number| format!("ord {number}")).collect();
    let of = |time_limit| Document {
        time_limit,
        ..document("#for word in json(\"data.json\") [#word *#word* ]", json!(words))
    };
    pdf(of(None)).unwrap();
    let before = processor_time();
    let alone = pdf(of(None)).unwrap();
    let limit = (processor_time() - before) * 2;
    // Each core has four others' work besides.
    let is_over = AtomicBool::new(false);
    let spin = || {
        while !is_over.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    };
    thread::scope(|scope| {
        for _ in 0..4 * thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(spin);
        }
        let begun = Instant::now();
        let under_load = pdf(of(Some(limit)));
        let elapsed = begun.elapsed();
        is_over.store(true, Ordering::Relaxed);
        assert!(under_load.unwrap() == alone);
        assert!(elapsed > limit, "the machine had too little to do: {elapsed:?} of {limit:?}");
    });
}

#[test]
fn a_document_is_set_on_the_thread_that_asks_for_it() {
    let pages = Document {
        time_limit: Some(Duration::from_secs(60)),
        ..document("#for page in range(40) [#page #pagebreak()]", Value::Null)
    };
    pdf(pages).unwrap();
    // A pool of the whole process would have been made, and could not be made again.
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
}
