//! Authorize, and how a verdict is written.

use dynamo_protocol::v16::{AuthorizationStatus, AuthorizeRequest, AuthorizeResponse, IdTagInfo};
use dynamo_protocol::{CallError, time};

use super::super::routes::Cx;
use crate::domain::tags::authorization::{self, Shown};
use crate::domain::tags::tag::{TagStatus, Verdict};

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
    let verdict = authorization::authorize(&cx.app.store, shown);
    Ok(AuthorizeResponse::new(id_tag_info(&verdict.await?)))
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
