//! Contacts by their e-mail address, with their last day: whose tokens no longer hold.

crate::change!("CREATE INDEX contact__email__valid_to ON contact (email, valid_to) WHERE email IS NOT NULL;");
