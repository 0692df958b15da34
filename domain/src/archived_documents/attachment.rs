//! The object that a document is attached to, by which its readers are decided.

use ::entity::{
    activity, agreement,
    archived_document::{Column, Model},
    cost,
    id::{ActivityId, AgreementId, CostId, Identifier, MemberId, NodeType, OrganisationId},
    member, organisation,
};
use sea_orm::{ConnectionTrait, EntityTrait};
use uuid::Uuid;

use crate::error::{Error, Result};

/// The object that a document is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// An agreement.
    Agreement(AgreementId),
    /// A member.
    Member(MemberId),
    /// An organisation.
    Organisation(OrganisationId),
    /// An activity.
    Activity(ActivityId),
    /// A cost.
    Cost(CostId),
}

impl Attachment {
    /// Returns the object that a document is attached to; `None` for a document of the network
    /// itself.
    #[must_use]
    pub fn of(row: &Model) -> Option<Self> {
        let Model { agreement_id, member_id, organisation_id, activity_id, cost_id, .. } = row;
        agreement_id
            .map(Self::Agreement)
            .or(member_id.map(Self::Member))
            .or(organisation_id.map(Self::Organisation))
            .or(activity_id.map(Self::Activity))
            .or(cost_id.map(Self::Cost))
    }

    /// Returns the object with this id; `None` if no document can be attached to its type.
    #[must_use]
    pub fn with_id(node_type: NodeType, id: Uuid) -> Option<Self> {
        Some(match node_type {
            NodeType::Agreement => Self::Agreement(id.into()),
            NodeType::Member => Self::Member(id.into()),
            NodeType::Organisation => Self::Organisation(id.into()),
            NodeType::Activity => Self::Activity(id.into()),
            NodeType::Cost => Self::Cost(id.into()),
            _ => return None,
        })
    }

    /// Returns the type and the id of the object.
    #[must_use]
    pub fn id(self) -> (NodeType, Uuid) {
        fn of<I: Identifier>(id: I) -> (NodeType, Uuid) {
            (I::NODE_TYPE, id.into())
        }
        match self {
            Self::Agreement(id) => of(id),
            Self::Member(id) => of(id),
            Self::Organisation(id) => of(id),
            Self::Activity(id) => of(id),
            Self::Cost(id) => of(id),
        }
    }

    /// Returns the column that has the id of the object, and the id.
    pub(super) fn column(self) -> (Column, Uuid) {
        let column = match self {
            Self::Agreement(_) => Column::AgreementId,
            Self::Member(_) => Column::MemberId,
            Self::Organisation(_) => Column::OrganisationId,
            Self::Activity(_) => Column::ActivityId,
            Self::Cost(_) => Column::CostId,
        };
        (column, self.id().1)
    }

    /// Returns the document attached to this object.
    pub(crate) fn attach(self, row: Model) -> Model {
        match self {
            Self::Agreement(id) => Model { agreement_id: Some(id), ..row },
            Self::Member(id) => Model { member_id: Some(id), ..row },
            Self::Organisation(id) => Model { organisation_id: Some(id), ..row },
            Self::Activity(id) => Model { activity_id: Some(id), ..row },
            Self::Cost(id) => Model { cost_id: Some(id), ..row },
        }
    }

    /// Fails with NOT_FOUND unless the object exists.
    pub(super) async fn require(self, tx: &impl ConnectionTrait) -> Result<()> {
        let (is_there, message) = match self {
            Self::Agreement(id) => (
                agreement::Entity::find_by_id(id).one(tx).await?.is_some(),
                "there is no such agreement",
            ),
            Self::Member(id) => {
                (member::Entity::find_by_id(id).one(tx).await?.is_some(), "there is no such member")
            }
            Self::Organisation(id) => (
                organisation::Entity::find_by_id(id).one(tx).await?.is_some(),
                "there is no such organisation",
            ),
            Self::Activity(id) => (
                activity::Entity::find_by_id(id).one(tx).await?.is_some(),
                "there is no such activity",
            ),
            Self::Cost(id) => {
                (cost::Entity::find_by_id(id).one(tx).await?.is_some(), "there is no such cost")
            }
        };
        if is_there { Ok(()) } else { Err(Error::missing("attached_to_id", message)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_attached_to_one_object() {
        let id = Uuid::from_u128(7);
        for node_type in [
            NodeType::Agreement,
            NodeType::Member,
            NodeType::Organisation,
            NodeType::Activity,
            NodeType::Cost,
        ] {
            let attachment = Attachment::with_id(node_type, id).unwrap();
            assert_eq!(attachment.id(), (node_type, id));
            assert_eq!(Attachment::of(&attachment.attach(Model::default())), Some(attachment));
        }
        assert_eq!(Attachment::with_id(NodeType::Invoice, id), None);
        assert_eq!(Attachment::of(&Model::default()), None);
    }
}
