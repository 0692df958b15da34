//! Data of invoices that several of their fields share, loaded for a batch at a time.

use ::entity::{
    adjustment,
    id::InvoiceId,
    invoice,
    kind::{AdjustmentKind, FileFormat},
};
use async_graphql::Context;

use super::types::{Invoice, ids, run::Planned};
use crate::graphql::{
    batch::{BatchRow, distinct, grouped},
    caller,
    connection::{DIRECT, selected_columns},
    database,
    file_links::link,
    scalars::{Date, Parsed, Url, node_id, take},
};
use domain::{
    error::{Result, ValidationErrors},
    invoices::{self, documents, loading},
    receivables::{self, InvoiceBalance},
};

impl Invoice {
    /// Returns its sums as of a day in the books; zero before the day of issue. `None` without a
    /// day.
    pub(super) async fn standing(
        &self,
        ctx: &Context<'_>,
        as_of: Option<Parsed<Date>>,
    ) -> Result<Option<InvoiceBalance>> {
        let mut errors = ValidationErrors::default();
        let as_of = take(as_of, "as_of", &mut errors);
        errors.finish()?;
        let Some(Date(as_of)) = as_of else { return Ok(None) };
        let found = self
            .0
            .load(ctx, "standing", || async {
                receivables::of_invoices(caller(ctx), &ids(&self.0), as_of).await
            })
            .await?;
        Ok(Some(found.get(&self.0.id).cloned().unwrap_or_default()))
    }

    /// Returns its adjustments of a kind.
    pub(super) async fn adjustments(
        &self,
        ctx: &Context<'_>,
        kind: AdjustmentKind,
    ) -> Result<Vec<BatchRow<adjustment::Model>>> {
        let found = self.0.share("adjustments".to_owned(), || async {
            let ids = ids(&self.0).into_iter().collect();
            let found = loading::adjustments_of(database(ctx).read(), ids).await?;
            let rows = found.into_values().flatten().collect();
            Ok(grouped(BatchRow::each(rows), |row| row.invoice_id))
        });
        let found = found.await?;
        let own = found.get(&self.0.id).map(Vec::as_slice).unwrap_or_default();
        Ok(own.iter().filter(|adjustment| adjustment.kind == kind).cloned().collect())
    }

    /// Returns the invoice that a row refers to.
    pub(super) async fn other(
        &self,
        ctx: &Context<'_>,
        of: fn(&invoice::Model) -> Option<InvoiceId>,
    ) -> Option<Result<Self>> {
        let own = of(&self.0)?;
        let found = self.0.load(ctx, "", || async {
            let ids = distinct(self.0.batch_rows().iter().filter_map(of));
            let rows =
                invoices::by_ids(caller(ctx), &ids, &selected_columns::<Self>(ctx, DIRECT)).await?;
            Ok(grouped(BatchRow::each(rows), |row| row.id))
        });
        match found.await {
            Ok(found) => found.get(&own)?.first().cloned().map(Self).map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    /// Returns the link to one of its files; `None` if there is none.
    pub(super) async fn url(
        &self,
        ctx: &Context<'_>,
        format: FileFormat,
        valid_for_seconds: i32,
    ) -> Result<Option<Url>> {
        let found = self.0.load(ctx, "", || async {
            documents::digests(caller(ctx), &ids(&self.0), format).await
        });
        let found = found.await?;
        let Some(sha256) = found.get(&self.0.id) else { return Ok(None) };
        let ending = match format {
            FileFormat::Pdf => "pdf",
            FileFormat::Xml => "xml",
        };
        let path = format!("/files/invoices/{}.{ending}", node_id(self.0.id).as_str());
        link(ctx, &path, sha256.as_deref(), valid_for_seconds).map(Some)
    }

    /// Returns `true` if it is stored, and not one that a run would make.
    pub(super) fn is_stored(&self) -> bool {
        self.0.extra::<Planned>().is_none()
    }
}
