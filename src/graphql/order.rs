//! Orders of lists: a field, and the direction.

use async_graphql::Enum;

/// Direction of an order.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum OrderDirection {
    /// Smallest, earliest or a first.
    Asc,
    /// Largest, latest or ö first.
    Desc,
}

impl OrderDirection {
    /// Returns `true` if the largest comes first.
    pub fn is_descending(self) -> bool {
        self == Self::Desc
    }
}

/// Input that chooses the order of a list.
pub trait OrderInput {
    /// Fields to order by.
    type Field;

    /// Returns the field, and `true` if the largest comes first.
    fn parts(self) -> (Self::Field, bool);
}

/// Returns the order that a caller chose, or `default`: the field, and `true` if the largest comes
/// first.
pub fn chosen<I: OrderInput, F: From<I::Field>>(input: Option<I>, default: (F, bool)) -> (F, bool) {
    input.map_or(default, |input| {
        let (field, is_descending) = input.parts();
        (field.into(), is_descending)
    })
}

/// Declares the [`OrderInput`] of a list.
macro_rules! order_input {
    ($(#[$attribute:meta])* $name:ident by $field:ident) => {
        $(#[$attribute])*
        #[derive(async_graphql::InputObject)]
        pub struct $name {
            /// Field to order by.
            field: $field,
            /// Direction of the order.
            #[graphql(default_with = "crate::graphql::order::OrderDirection::Asc")]
            direction: crate::graphql::order::OrderDirection,
        }

        impl crate::graphql::order::OrderInput for $name {
            type Field = $field;

            fn parts(self) -> ($field, bool) {
                (self.field, self.direction.is_descending())
            }
        }
    };
}
pub(super) use order_input;
