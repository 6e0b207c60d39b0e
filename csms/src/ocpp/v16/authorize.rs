//! Authorize, and how a verdict is written.

use dynamo_protocol::v16::{AuthorizationStatus, AuthorizeRequest, AuthorizeResponse, IdTagInfo};
use dynamo_protocol::{CallError, time};

use super::super::routes::Cx;
use crate::domain::authorization::{self, TagStatus, Verdict};

pub(super) async fn authorize(
    cx: Cx,
    request: AuthorizeRequest,
) -> Result<AuthorizeResponse, CallError> {
    let unknown = cx.app.options.accept_unknown.unknown_tags();
    let verdict = authorization::authorize(
        &cx.app.store,
        cx.organization(),
        cx.charge_point.as_str(),
        &request.id_tag,
        unknown,
        cx.app.clock().now_ms(),
    );
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
