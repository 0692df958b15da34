//! GraphQL type of uploaded files.

use ::entity::stored_file;
use async_graphql::{Context, Description, ID, Object};

use crate::graphql::{
    batch::BatchRow,
    cost::unversioned,
    file_links::link,
    scalars::{DateTime, Sha256, Url, node_id},
};
use domain::error::Result;

/// File that was uploaded with `POST /files`: a scanned signed copy of an agreement, the voucher of
/// a cost, or a version of an archived document.
#[derive(Clone, Description)]
pub struct StoredFile(pub BatchRow<stored_file::Model>);

#[Object(use_type_description)]
impl StoredFile {
    /// Global id of the file, opaque, as `POST /files` returned it. Pass it to `node`.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the upload.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.uploaded_at)
    }

    /// The same as `createdAt`: a file never changes.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.uploaded_at)
    }

    /// Name of the file, as it was uploaded; after the erasure of its archived document, the number
    /// and version of that, as `D2026-0001-1.pdf`.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Media type, as `application/pdf`.
    async fn media_type(&self) -> &str {
        &self.0.media_type
    }

    /// Number of bytes.
    async fn size(&self) -> i64 {
        self.0.size
    }

    /// SHA-256 of the bytes, in hexadecimal.
    async fn sha256(&self) -> Sha256 {
        Sha256::new(&self.0.sha256)
    }

    /// Link to the file: absolute, and signed so that it opens without a token for some minutes.
    #[graphql(directive = unversioned::apply())]
    async fn url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default = 600,
            desc = "Number of seconds for which the link opens without a token, from 1 to 3600."
        )]
        valid_for_seconds: i32,
    ) -> Result<Url> {
        let path = format!("/files/stored/{}", node_id(self.0.id).as_str());
        link(ctx, &path, Some(&self.0.sha256), valid_for_seconds)
    }
}

/// Measures the futures of the type of this file.
#[cfg(test)]
pub(in crate::graphql) fn measure(sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>) {
    sizes.add(&StoredFile(crate::graphql::future_sizes::row()));
}
