//! What the outside is told, and whom: the outbox, webhooks, mail.

pub(super) mod mailbox;
pub(super) mod outbox;
pub(super) mod webhook;
