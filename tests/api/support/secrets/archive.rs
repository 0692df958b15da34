//! Documents of the archive in a drawn register.

use super::Draw;

impl Draw {
    /// Documents of the archive that are attached to an agreement or a member. Their files are
    /// erased.
    pub(super) fn documents_of(&mut self, is_seen: bool, attached_to: &str) {
        for _ in 0..self.up_to(is_seen, 2) {
            let serial = &mut self.documents[usize::from(!is_seen)];
            *serial += 1;
            let (serial, year) = (*serial, if is_seen { 2026 } else { 2025 });
            let number = format!("D{year}-{serial:04}");
            let title = self.one_of(is_seen, &["Brev", "Bilaga", "Årsrapport"]);
            let file = format!(
                "{number},1,{number}-1.pdf,application/pdf,{year:032x}{serial:032x},100,{year}-02-01,"
            );
            self.row(is_seen, "archived_files.csv", &file);
            let row = format!(
                "{number},OTHER,{title} {serial},sv,{year}-01-15,{year}-02-01,1,{attached_to},,,,,,2026-11-01,Gallrat"
            );
            self.row(is_seen, "archived_documents.csv", &row);
        }
    }
}
