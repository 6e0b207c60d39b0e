//! What the tag of test transactions is worth: at a charge point whose commissioning run asks for one, and elsewhere.

use crate::domain::projects::commissioning::is_test_tag;
use crate::domain::tags::tag::{TagStatus, Verdict};
use crate::store::{Conn, Result};

/// The verdict on the tag of test transactions; none for every other tag.
pub(crate) async fn judge_test_tag(
    conn: &mut Conn,
    charge_point: &str,
    tag: &str,
) -> Result<Option<Verdict>> {
    if !is_test_tag(tag) {
        return Ok(None);
    }
    let status = if conn.awaits_test_transaction(charge_point).await? {
        TagStatus::Accepted
    } else {
        TagStatus::Invalid
    };
    Ok(Some(Verdict {
        status,
        parent_tag: None,
        expires_at_ms: None,
    }))
}
