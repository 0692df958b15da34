//! Indexes by which costs and grants are listed in order of their amount.

crate::change!(
    "
CREATE INDEX cost__amount__id ON cost (amount, id);
CREATE INDEX activity_grant__amount__id ON activity_grant (amount, id);
"
);
