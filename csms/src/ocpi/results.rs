//! Tells partners what became of their orders [OCPI 2.2.1 §13]: each result once, to the URL that came with the order. A
//! delivery that got no answer is tried again a few times, for the partner waits for it; what was answered is done.

use std::sync::Arc;
use std::time::Duration;

use dynamo_protocol::ocpi::DisplayText;
use dynamo_protocol::ocpi::commands::CommandResult;
use reqwest::Method;
use serde_json::json;

use super::client::Call;
use crate::App;
use crate::domain::roaming::command::Outcome;
use crate::store::Result;

/// How often is looked for results that nobody of this process recorded.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// For how long nobody else tells a result.
const LEASE_MS: i64 = 60_000;
/// The pauses before a result is tried again.
const PAUSES_MS: [i64; 2] = [2_000, 8_000];

/// Tells results, until the shutdown.
pub(crate) async fn tell_results(app: Arc<App>) {
    loop {
        let leased = app
            .store
            .lease_outcomes(app.clock().now_ms(), LEASE_MS)
            .await;
        match leased {
            Ok(outcomes) => {
                for outcome in outcomes {
                    let telling = tell(app.clone(), outcome);
                    app.jobs.spawn(async move {
                        if let Err(error) = telling.await {
                            tracing::warn!(cause = %error, "it was not written down that a result was told");
                        }
                    });
                }
            }
            Err(error) => tracing::debug!(cause = %error, "the results of orders were not read"),
        }
        tokio::select! {
            () = app.outcomes.notified() => {}
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
            () = app.shutdown.cancelled() => return,
        }
    }
}

async fn tell(app: Arc<App>, outcome: Outcome) -> Result<()> {
    let done = |error, again_ms| {
        app.store
            .outcome_told(&outcome.id, error, again_ms, app.clock().now_ms())
    };
    let Some(partner) = app.store.partner(&outcome.partner_id).await? else {
        return Ok(());
    };
    let Some(token) = &partner.their_token else {
        return done(
            Some("the partner is not registered any more".to_owned()),
            None,
        )
        .await;
    };
    let own = app.store.own_party(&partner.organization_id).await?;
    let party = partner.party();
    let body = json!(CommandResult {
        result: outcome.result,
        message: outcome
            .message
            .iter()
            .map(|text| DisplayText::english(text))
            .collect(),
    });
    let route = party.map(|party| {
        [
            own.country_code.as_str(),
            own.party_id.as_str(),
            party.country_code.as_str(),
            party.party_id.as_str(),
        ]
    });
    let call = Call {
        method: Method::POST,
        url: &outcome.response_url,
        token,
        encoding: partner.encoding,
        body: Some(&body),
        route,
    };
    match app.partners.call(call).await {
        Ok(answered) if answered.is_success() => done(None, None).await,
        Ok(answered) => done(Some(answered.refusal()), None).await,
        Err(unanswered) => {
            let why = unanswered.why;
            let pause_ms = usize::try_from(outcome.attempts - 1).ok();
            let pause_ms = pause_ms.and_then(|tried| PAUSES_MS.get(tried));
            let again_ms = pause_ms.map(|pause| app.clock().now_ms().saturating_add(*pause));
            tracing::info!(
                order = outcome.id,
                cause = why,
                "the result of an order was not told"
            );
            done(Some(why), again_ms).await
        }
    }
}
