//! From the inbox of a charge point to the handlers of its calls, and back to the session with what they answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dynamo_protocol::{CallError, ErrorCode};
use futures_util::FutureExt as _;
use tokio::time::timeout;

use super::answered::Answered;
use super::call::Call;
use super::inbox::{Inbox, work};
use super::masked::{HIDDEN, may_have_key};
use super::routes::Cx;
use super::version::Served;
use crate::App;
use crate::metrics::CallEnd;

/// How long a message waits for the outbox, so that webhooks hear of it after what was before it. A database that is
/// away for longer is not waited for.
pub(super) const TOLD_PATIENCE: Duration = Duration::from_secs(2);

/// Begins to work on an inbox. Whatever becomes of the connections, the task goes on; the shutdown waits for it.
pub(super) fn begin_work(app: &Arc<App>, inbox: &Arc<Inbox>) {
    let (app, inbox) = (app.clone(), inbox.clone());
    // Boxed: the runtime moves what it is given more than once.
    app.handlers.clone().spawn(Box::pin(async move {
        work(&inbox, |call| answer(app.clone(), call)).await;
    }));
}

/// Handles a call and leaves its answer with its connection, where one is left.
async fn answer(app: Arc<App>, call: Call) {
    let Call {
        id,
        action,
        version,
        charge_point,
        admitted,
        contact,
        received_at_ms,
        receipt,
        raw,
        untold,
    } = call;
    if let Some(written) = untold {
        // Either end will do: it is written, or lost and counted.
        let _ = timeout(TOLD_PATIENCE, written).await;
    }
    let cx = Cx {
        app: app.clone(),
        charge_point: charge_point.clone(),
        admitted,
        contact: contact.clone(),
        received_at_ms,
        receipt,
        raw,
        deviations: Vec::new(),
    };
    let has_key = may_have_key(cx.raw.get());
    let routes = Served::find(version).map(|served| &served.routes);
    let begun = Instant::now();
    let handled = AssertUnwindSafe(async {
        match routes {
            Some(routes) => routes.answer(&action, cx).await,
            // The handshake agrees to no other version.
            None => Err(CallError::not_implemented(&action)),
        }
    });
    let result = handled.catch_unwind().await.unwrap_or_else(|_| {
        // The panic is in the log; one broken handler takes nothing else with it.
        let text = "the message could not be handled";
        Err(CallError::new(ErrorCode::InternalError, text))
    });
    let end = match result {
        Ok(_) => CallEnd::Ok,
        Err(_) => CallEnd::Error,
    };
    let known = routes.and_then(|routes| routes.name_of(&action));
    app.metrics.answered(known, end, begun.elapsed());
    match &result {
        Ok(_) => tracing::debug!(%charge_point, action, call_id = %id, "answered"),
        Err(error) => {
            // It may quote what it complains of.
            let description = match has_key {
                true => HIDDEN,
                false => &error.description,
            };
            tracing::info!(
                %charge_point, action, call_id = %id,
                code = error.code.as_wire(version), description, "answered with an error"
            );
        }
    }
    contact.answers.push(Answered { id, action, result });
}
