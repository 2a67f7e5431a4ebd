//! Who may see and do what: the sides of a deal, Microsoft, and roles within one organisation.

pub(super) mod microsoft;
pub(super) mod roles;
pub(super) mod sides;
