//! The fonts, which are in the program: Libertinus Serif in its four faces of text.

use std::sync::LazyLock;

use typst::{
    foundations::Bytes,
    text::{Font, FontBook},
    utils::LazyHash,
};

/// The files, as Typst's own crate of assets has them. Its feature `fonts` would bring eighteen
/// faces of 8 MB for the four of 1 MB that are used.
const FILES: [&[u8]; 4] = [
    include_bytes!("../../assets/fonts/LibertinusSerif-Regular.otf"),
    include_bytes!("../../assets/fonts/LibertinusSerif-Italic.otf"),
    include_bytes!("../../assets/fonts/LibertinusSerif-Bold.otf"),
    include_bytes!("../../assets/fonts/LibertinusSerif-BoldItalic.otf"),
];

/// The faces, read once.
pub static FACES: LazyLock<Vec<Font>> =
    LazyLock::new(|| FILES.into_iter().flat_map(|file| Font::iter(Bytes::new(file))).collect());

/// What they are called and what they have.
pub static BOOK: LazyLock<LazyHash<FontBook>> =
    LazyLock::new(|| LazyHash::new(FontBook::from_fonts(FACES.iter())));

/// Whether every face has a glyph for the character, so that it can be set anywhere.
pub fn cover(char: char) -> bool {
    FACES.iter().all(|face| face.info().coverage.contains(char.into()))
}
