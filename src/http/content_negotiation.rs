//! Content negotiation: the media type and the language of an answer, by the headers Accept and
//! Accept-Language (RFC 9110, 12.5).

use axum::http::{HeaderMap, header};

use crate::graphql::language::Language;

/// Media type of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/json`, whose clients expect the errors of a request with status 200.
    Json,
    /// `application/graphql-response+json` of the GraphQL over HTTP specification, with meaningful
    /// status codes.
    GraphqlResponse,
}

impl Media {
    /// Both media types, for error messages.
    pub const BOTH: &str = "application/graphql-response+json or application/json";

    /// Returns the value of the header Content-Type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        }
    }

    fn subtype(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::GraphqlResponse => "graphql-response+json",
        }
    }

    /// Returns the client's preferred media type; `None` if it accepts neither.
    ///
    /// Of equal preferences, an explicitly named type wins; of two named types, the newer one. A
    /// client that names neither (no header, or a wildcard) may be older than the specification,
    /// and gets `application/json`.
    #[must_use]
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
        let given: Vec<&str> = lines
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .filter(|range| !range.is_empty())
            .collect();
        if given.is_empty() {
            return Some(Self::Json);
        }
        let ranges: Vec<Range> = given.into_iter().filter_map(Range::read).collect();
        // The most specific range determines the quality of a type.
        let quality_of = |media: Self| {
            let covering =
                ranges.iter().filter_map(|range| Some((range.exactness(media)?, range.quality)));
            covering
                .max()
                .map(|(exactness, quality)| (quality, exactness))
                .filter(|(quality, _)| *quality > 0)
        };
        match (quality_of(Self::GraphqlResponse), quality_of(Self::Json)) {
            (None, None) => None,
            (Some(newer), older)
                if older < Some(newer) || older == Some(newer) && newer.1 == EXACT =>
            {
                Some(Self::GraphqlResponse)
            }
            (None | Some(_), _) => Some(Self::Json),
        }
    }
}

/// `true` if the client prefers `text/event-stream` to JSON, which it must name. Of equal
/// preferences, JSON wins: clients name all that they read, and get events for subscriptions alone.
pub(super) fn prefers_events(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let (mut events, mut json) = (0, 0);
    for range in lines.flat_map(|line| line.split(',')).filter_map(Range::read) {
        let is_json = [Media::Json, Media::GraphqlResponse]
            .into_iter()
            .any(|media| range.exactness(media) == Some(EXACT));
        if is_json {
            json = json.max(range.quality);
        } else if range.kind.eq_ignore_ascii_case("text")
            && range.subtype.eq_ignore_ascii_case("event-stream")
        {
            events = events.max(range.quality);
        }
    }
    events > json
}

/// Returns the client's preferred language of messages: of equal preferences, the first one named.
/// `*` stands for a language that it does not name. English if it accepts neither, or names none.
pub(super) fn language(headers: &HeaderMap) -> Language {
    let lines = headers.get_all(header::ACCEPT_LANGUAGE).iter();
    let ranges = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    let (mut named, mut others) = (Vec::new(), 0);
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default();
        let quality = parts.filter_map(|part| part.split_once('=')).find_map(|(name, value)| {
            name.trim().eq_ignore_ascii_case("q").then(|| thousandths(value.trim()).unwrap_or(0))
        });
        let quality = quality.unwrap_or(1000);
        match language_of(tag) {
            Some(language) => named.push((quality, language)),
            None if tag == "*" => others = quality,
            None => {}
        }
    }
    let is_named = |language: Language| named.iter().any(|(_, named)| *named == language);
    let unnamed = [Language::En, Language::Sv].into_iter().filter(|language| !is_named(*language));
    let accepted = named.iter().copied().chain(unnamed.map(|language| (others, language)));
    let mut best = (0, Language::default());
    for (quality, language) in accepted {
        if quality > best.0 {
            best = (quality, language);
        }
    }
    best.1
}

/// Returns the language of a tag, as `sv-SE`; `None` for a language without messages.
pub(super) fn language_of(tag: &str) -> Option<Language> {
    let primary = tag.split('-').next().unwrap_or_default();
    [Language::En, Language::Sv].into_iter().find(|known| primary.eq_ignore_ascii_case(known.tag()))
}

/// Specificity of a range that names a type exactly.
const EXACT: u8 = 2;

/// A media range of the header: `application/*;q=0.5`.
struct Range<'h> {
    kind: &'h str,
    subtype: &'h str,
    /// Quality value, in thousandths.
    quality: u16,
}

impl<'h> Range<'h> {
    /// Parses a range; `None` if it is invalid, or requires another charset than UTF-8.
    fn read(text: &'h str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut quality = 1000;
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => quality = thousandths(value.trim())?,
                "charset" if !is_utf8(value) => return None,
                // Other parameters only narrow the type.
                _ => {}
            }
        }
        Some(Self { kind: kind.trim(), subtype: subtype.trim(), quality })
    }

    fn exactness(&self, media: Media) -> Option<u8> {
        match (self.kind, self.subtype) {
            ("*", "*") => Some(0),
            (kind, "*") if kind.eq_ignore_ascii_case("application") => Some(1),
            (kind, subtype)
                if kind.eq_ignore_ascii_case("application")
                    && subtype.eq_ignore_ascii_case(media.subtype()) =>
            {
                Some(EXACT)
            }
            _ => None,
        }
    }
}

/// Parses a quality value, `0.85` as 850; `None` unless it is from 0 to 1 with at most three
/// decimals.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_number = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let quality = match whole {
        "0" if is_number => format!("{decimals:0<3}").parse().ok()?,
        "1" if is_number && decimals.bytes().all(|byte| byte == b'0') => 1000,
        _ => return None,
    };
    Some(quality)
}

/// `true` if a charset, quoted or not, is UTF-8.
pub(super) fn is_utf8(charset: &str) -> bool {
    let charset = charset.trim().trim_matches('"');
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_gets_its_preferred_media_type() {
        const NEW: &str = "application/graphql-response+json";
        let (newer, older) = (Some(Media::GraphqlResponse), Some(Media::Json));
        for (accept, media) in [
            ("", older),
            ("*/*", older),
            ("application/*", older),
            ("application/json", older),
            (NEW, newer),
            ("Application/GraphQL-Response+JSON; Charset=\"UTF-8\"", newer),
            (format!("{NEW}, application/json;q=0.9").as_str(), newer),
            (format!("{NEW};q=0.8, application/json;q=0.9").as_str(), older),
            (format!("application/json, {NEW}").as_str(), newer),
            (format!("application/json;q=0.5, {NEW};q=0.500").as_str(), newer),
            (format!("text/html, {NEW};q=0.001").as_str(), newer),
            (format!("{NEW}, */*").as_str(), newer),
            ("application/json, */*;q=0.1", older),
            ("*/*;q=0.1, application/json;q=0", newer),
            (format!("{NEW};q=0, */*").as_str(), older),
            (format!("{NEW};q=0, application/json;q=0, */*").as_str(), None),
            ("text/html", None),
            ("application/xml, text/*", None),
            ("application/json;q=0", None),
            ("application/json; charset=iso-8859-1", None),
            ("application/json;q=2", None),
            ("application/json;q=0.1234", None),
            ("application/jsonx", None),
            ("json", None),
        ] {
            let headers = HeaderMap::from_iter([(
                header::ACCEPT,
                accept.parse().unwrap_or(header::HeaderValue::from_static("?")),
            )]);
            assert_eq!(Media::accepted(&headers), media, "{accept}");
        }
        assert_eq!(Media::accepted(&HeaderMap::new()), older);
    }

    #[test]
    fn events_are_named_and_preferred_to_json() {
        for (accept, expected) in [
            ("text/event-stream", true),
            ("Text/Event-Stream; charset=utf-8", true),
            ("text/event-stream, */*", true),
            ("text/event-stream, application/json;q=0.5", true),
            ("text/event-stream, multipart/mixed", true),
            ("application/graphql-response+json, application/json, text/event-stream", false),
            ("text/event-stream;q=0", false),
            ("text/*", false),
            ("*/*", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(prefers_events(&headers), expected, "{accept}");
        }
    }

    #[test]
    fn the_client_gets_its_preferred_language() {
        for (accepted, expected) in [
            ("", Language::En),
            ("*", Language::En),
            ("de, fr;q=0.8", Language::En),
            ("sv", Language::Sv),
            ("SV-se", Language::Sv),
            ("sv-SE,sv;q=0.9,en-US;q=0.8,en;q=0.7", Language::Sv),
            ("en-US,en;q=0.9,sv;q=0.8", Language::En),
            ("en;q=0.5, sv;q=0.501", Language::Sv),
            ("sv, en", Language::Sv),
            ("en, sv", Language::En),
            ("sv;q=0", Language::En),
            ("sv;q=0, en;q=0", Language::En),
            ("sv;q=2, en;q=0.1", Language::En),
            ("da, sv;q=0.1", Language::Sv),
            ("svx", Language::En),
            ("en;q=0, *", Language::Sv),
            ("en;q=0, *;q=0", Language::En),
            ("*, en;q=0.2", Language::Sv),
            ("sv;q=0.5, *", Language::En),
            ("*, sv", Language::Sv),
            ("sv;q=0, *", Language::En),
        ] {
            let value = header::HeaderValue::from_str(accepted);
            let headers = HeaderMap::from_iter([(
                header::ACCEPT_LANGUAGE,
                value.unwrap_or(header::HeaderValue::from_static("?")),
            )]);
            assert_eq!(language(&headers), expected, "{accepted}");
        }
        assert_eq!(language(&HeaderMap::new()), Language::En);
    }
}
