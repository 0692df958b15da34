//! Templates of agreements: their lifecycle, versions and texts.

mod lifecycle;
mod texts;
mod versions;
