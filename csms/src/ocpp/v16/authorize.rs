//! Authorize, and how a verdict is written.

use dynamo_protocol::v16::{AuthorizationStatus, AuthorizeRequest, AuthorizeResponse, IdTagInfo};
use dynamo_protocol::{CallError, time};

use super::super::routes::Cx;
use crate::domain::tags::authorization::{self, Shown};
use crate::domain::tags::tag::{TagStatus, Verdict};
use crate::ocpi::real_time;

pub(super) async fn authorize(
    cx: Cx,
    request: AuthorizeRequest,
) -> Result<AuthorizeResponse, CallError> {
    let shown = Shown {
        organization_id: cx.organization().to_owned(),
        charge_point_id: cx.charge_point.as_str().to_owned(),
        id_tag: request.id_tag,
        unknown_tags: cx.app.options.accept_unknown.unknown_tags(),
        now_ms: cx.app.clock().now_ms(),
    };
    // Before and outside of everything that the database does: a partner takes its time.
    let refused = real_time::ask(&cx.app, &shown).await?;
    let verdict = match refused {
        Some(verdict) => verdict,
        None => authorization::authorize(&cx.app.store, shown).await?,
    };
    Ok(AuthorizeResponse::new(id_tag_info(&verdict)))
}

pub(super) fn id_tag_info(verdict: &Verdict) -> IdTagInfo {
    let mut info = IdTagInfo::new(match verdict.status {
        TagStatus::Accepted => AuthorizationStatus::Accepted,
        TagStatus::Blocked => AuthorizationStatus::Blocked,
        TagStatus::Expired => AuthorizationStatus::Expired,
        TagStatus::Invalid => AuthorizationStatus::Invalid,
        TagStatus::ConcurrentTx => AuthorizationStatus::ConcurrentTx,
    });
    info.expiry_date = verdict.expires_at_ms.map(time::date_time);
    info.parent_id_tag.clone_from(&verdict.parent_tag);
    info
}
