//! Fonts embedded in the program: Libertinus Serif in its four text faces.

use std::sync::LazyLock;

use typst::{
    foundations::Bytes,
    text::{Font, FontBook},
    utils::LazyHash,
};

/// The files, from Typst's own crate of assets. Its feature `fonts` would embed eighteen faces of 8
/// MB instead of the four of 1 MB that are used.
const FILES: [&[u8]; 4] = [
    include_bytes!("../../../assets/fonts/LibertinusSerif-Regular.otf"),
    include_bytes!("../../../assets/fonts/LibertinusSerif-Italic.otf"),
    include_bytes!("../../../assets/fonts/LibertinusSerif-Bold.otf"),
    include_bytes!("../../../assets/fonts/LibertinusSerif-BoldItalic.otf"),
];

/// The faces, parsed only one time.
pub static FACES: LazyLock<Vec<Font>> =
    LazyLock::new(|| FILES.into_iter().flat_map(|file| Font::iter(Bytes::new(file))).collect());

/// Names and coverage of the faces.
pub static BOOK: LazyLock<LazyHash<FontBook>> =
    LazyLock::new(|| LazyHash::new(FontBook::from_fonts(FACES.iter())));

/// Returns `true` if every face has a glyph for the character, so that it can be typeset anywhere.
pub fn cover(char: char) -> bool {
    FACES.iter().all(|face| face.info().coverage.contains(char.into()))
}
