//! Documents of every kind: their texts, limits, appearance and workbooks.

mod agreement_pdfs;
mod formulas;
mod limits;
mod texts;
mod typography;
mod workbooks;
