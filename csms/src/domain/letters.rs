//! How many letters there may be: who has an account here does not have a mail server.

/// Webhooks that an organization may have.
pub(crate) const WEBHOOKS_MAX: i64 = 20;

/// Mails to one address within [`MAIL_DAY_MS`].
pub(crate) const MAILS_TO_ADDRESS_PER_DAY_MAX: i64 = 50;
/// Mails to all addresses within [`MAIL_DAY_MS`], of all servers on this database.
pub(crate) const MAILS_PER_DAY_MAX: i64 = 5_000;
/// A day of mails.
pub(crate) const MAIL_DAY_MS: i64 = 24 * 3_600_000;

/// Whether one more mail may go to an address that got so many within a day, of so many in all. Neither is counted further
/// than to its bound.
pub(crate) const fn may_post_mail(to_address: i64, in_all: i64) -> bool {
    to_address < MAILS_TO_ADDRESS_PER_DAY_MAX && in_all < MAILS_PER_DAY_MAX
}

/// Whether an organization with so many webhooks may have one more.
pub(crate) const fn may_have_webhook(webhooks: i64) -> bool {
    webhooks < WEBHOOKS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_a_day_have_their_bounds() {
        assert!(may_post_mail(
            MAILS_TO_ADDRESS_PER_DAY_MAX - 1,
            MAILS_PER_DAY_MAX - 1
        ));
        assert!(!may_post_mail(MAILS_TO_ADDRESS_PER_DAY_MAX, 50));
        assert!(!may_post_mail(0, MAILS_PER_DAY_MAX));
        assert!(may_have_webhook(WEBHOOKS_MAX - 1) && !may_have_webhook(WEBHOOKS_MAX));
    }
}
