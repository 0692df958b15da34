//! The day on which a contact agreed to be named to everyone with a token.

crate::change!("ALTER TABLE contact ADD COLUMN name_published_on {date};");
