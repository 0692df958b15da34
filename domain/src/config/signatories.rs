//! Settings of who may sign for the network: the tables `[[network.signatories]]`.

use chrono::NaiveDate;

use super::{
    environment::{Environment, line},
    names::SIGNATORIES,
};

/// A person who may sign for the network (firmatecknare): a table `[[network.signatories]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signatory {
    /// Name of the person.
    pub name: String,
    /// Title of the person.
    pub title: Option<String>,
    /// First day; null: no start.
    pub from: Option<NaiveDate>,
    /// Last day; null: until further notice.
    pub to: Option<NaiveDate>,
}

impl Environment {
    pub(super) fn signatories(&mut self) -> Vec<Signatory> {
        self.known.push(SIGNATORIES);
        if let Some((position, _)) = self.values.remove(SIGNATORIES) {
            self.errors
                .add(position, format!("must be tables, each under a line [[{SIGNATORIES}]]"));
        }
        let mut signatories = Vec::new();
        for number in 0..self.signatories {
            let name = |key: &str| format!("{SIGNATORIES}.{number}.{key}");
            let position = |environment: &Self, key: &str| {
                environment
                    .values
                    .get(&name(key))
                    .map_or_else(|| name(key), |(position, _)| position.clone())
            };
            let (of_name, of_end) = (position(self, "name"), position(self, "to"));
            let some = |text: &str| line(text).map(Some);
            let day = |text: &str| {
                text.parse().map(Some).map_err(|_| "is not a day, as 2026-11-21".to_owned())
            };
            let signatory = Signatory {
                name: self.value(&name("name"), String::new(), line),
                title: self.value(&name("title"), None, some),
                from: self.value(&name("from"), None, day),
                to: self.value(&name("to"), None, day),
            };
            self.errors.expect(!signatory.name.is_empty(), &of_name, "must be set: who may sign");
            let in_order = signatory.from.zip(signatory.to).is_none_or(|(from, to)| from <= to);
            self.errors.expect(in_order, &of_end, "must not be before from");
            signatories.push(signatory);
        }
        signatories
    }
}
