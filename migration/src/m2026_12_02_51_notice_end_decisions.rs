//! Decisions on ends that the former rule of notice gave are stored with the agreement, so that
//! exports carry them.

crate::change!("ALTER TABLE agreement ADD COLUMN notice_end_decided_on {date};");
