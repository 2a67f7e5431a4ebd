//! What stands around referrals: webhooks, audit records, sign-in, and Liaison's own additions.

pub(super) mod audit;
pub(super) mod liaison;
pub(super) mod tokens;
pub(crate) mod webhooks;
