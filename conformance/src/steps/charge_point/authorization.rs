//! Who may charge: tags, groups, the cache.

use std::time::{Duration, SystemTime};

use cucumber::{given, then, when};
use serde_json::json;

use crate::case::tags::{GROUP_TAG, SIBLING_TAG, TagWord};
use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::steps::world::{OrEnd, World};
use crate::watch::expected::{Expected, Order, Want};
use crate::wire::script::Answer;

fn authorize(tag: &str) -> Expected {
    Expected::call("Authorize").want("idTag", Want::Tag(tag.to_owned()))
}

#[then(regex = r"^(before or after that, )?it asks about (the \w+ tag|another tag)$")]
async fn asks(world: &mut World, beside: String, word: TagWord) -> StepResult {
    let tag = world.tag(word).await?;
    world
        .csms()?
        .talk
        .expect(Order::of(&beside), &authorize(&tag))
        .await
        .map(|_| ())
}

#[then(regex = r"^it may ask about (the \w+ tag|another tag)$")]
async fn may_ask(world: &mut World, word: TagWord) -> StepResult {
    let tag = world.tag(word).await?;
    world.csms()?.talk.allow(authorize(&tag));
    DONE
}

#[then(regex = r"^it asks about (the \w+ tag) if AuthorizeRemoteTxRequests is true$")]
async fn asks_if_set(world: &mut World, word: TagWord) -> StepResult {
    let tag = world.tag(word).await?;
    let csms = world.csms()?;
    if super::configuration::last_value_read(csms, "AuthorizeRemoteTxRequests")?
        .eq_ignore_ascii_case("true")
    {
        csms.talk.expect(Order::Next, &authorize(&tag)).await?;
    }
    DONE
}

/// Looks back: the record since the named moment has no question about any tag.
#[then(
    regex = r"^it has sent no Authorize since (the driver plugged in|the tag was presented|the remote start)$"
)]
async fn asked_nothing(world: &mut World, moment: String) -> StepResult {
    let csms = world.csms()?;
    let name = match moment.as_str() {
        "the driver plugged in" => "plug in",
        "the tag was presented" => "present",
        _ => "remote start",
    };
    let from =
        csms.talk.marks.get(name).copied().ok_or_else(|| {
            Failure::new(format!("no step before this one has done it: {moment}"))
        })?;
    let log = csms.talk.line.log();
    let asked = log
        .entries
        .iter()
        .skip(from)
        .find_map(|entry| match entry.call_from_sut() {
            Some((_, "Authorize", payload)) => Some(payload.to_string()),
            _ => None,
        });
    match asked {
        Some(payload) => Err(Failure::new(format!(
            "it sent Authorize {payload} since {moment}; none is expected"
        ))),
        None => DONE,
    }
}

#[given(regex = r"^the CSMS answers (every|the next) Authorize with (\w+)$")]
async fn answers_authorize(world: &mut World, which: String, status: String) -> StepResult {
    let answer = Answer::Result(json!({"idTagInfo": {"status": status}}));
    let mut script = world.csms()?.talk.line.script();
    if which == "every" {
        script.answer_always("Authorize", answer);
    } else {
        script.answer_once("Authorize", answer);
    }
    drop(script);
    DONE
}

#[given("the known tag and the sibling tag belong to one group")]
async fn one_group(world: &mut World) -> StepResult {
    let known = world.tag(TagWord::Known).await?;
    let answers = &world.csms()?.answers;
    let info = json!({"status": "Accepted", "parentIdTag": GROUP_TAG});
    answers.tag(&known, info.clone());
    answers.tag(SIBLING_TAG, info);
    DONE
}

/// The tag was asked about once, and the identification lapsed.
#[given("the known tag is in the authorization cache")]
async fn in_cache(world: &mut World) -> StepResult {
    cache(world).await
}

/// Has the known tag asked about, and lets the identification lapse. The time-out is what it was before when this is
/// done: a driver who plugs in first needs his time for the card.
async fn cache(world: &mut World) -> StepResult {
    let time_out = world.csms()?.remember("ConnectionTimeOut").await?;
    super::configuration::set(world, "ConnectionTimeOut", "1").await?;
    super::operator::present(world, TagWord::Known, Some(1)).await?;
    let tag = world.tag(TagWord::Known).await?;
    let csms = world.csms()?;
    csms.talk.expect(Order::Next, &authorize(&tag)).await?;
    let status = |word: &str| {
        Expected::call("StatusNotification")
            .with("connectorId", 1)
            .with("status", word)
    };
    csms.talk
        .expect(Order::BesideLast, &status("Preparing"))
        .await?;
    csms.talk.expect(Order::Next, &status("Available")).await?;
    match time_out {
        Some(time_out) => csms
            .configure("ConnectionTimeOut", &time_out)
            .await
            .or_end(world),
        None => DONE,
    }
}

/// The charge point can tell without a question that the known tag may charge: from its cache, or where it has none
/// from its local list [1.6 §3.5].
#[given("the charge point knows the known tag by itself")]
async fn knows_by_itself(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    if csms.remember("AuthorizationCacheEnabled").await?.is_some() {
        super::configuration::set(world, "AuthorizationCacheEnabled", "true").await?;
        return cache(world).await;
    }
    if csms.remember("LocalAuthListEnabled").await?.is_none() {
        return Err(world.does_not_apply(
            "the charge point has neither an authorization cache nor a local list of tags",
        ));
    }
    super::configuration::set(world, "LocalAuthListEnabled", "true").await?;
    let tag = world.tag(TagWord::Known).await?;
    let csms = world.csms()?;
    csms.talk.command("GetLocalListVersion", json!({})).await;
    let version = csms.talk.result().await?["listVersion"]
        .as_i64()
        .unwrap_or(0);
    // The tags that the list of its owner holds stay there. One without a list takes a whole one.
    let update = if version > 0 { "Differential" } else { "Full" };
    let list = json!({"listVersion": version.max(0) + 1, "updateType": update,
        "localAuthorizationList": [{"idTag": tag, "idTagInfo": {"status": "Accepted"}}]});
    csms.talk.command("SendLocalList", list).await;
    let result = csms.talk.result().await?;
    if result["status"] == "Accepted" {
        DONE
    } else {
        Err(Failure::new(format!(
            "it answered {} to a local list with the known tag",
            result["status"]
        )))
    }
}

/// An acceptance that ends: from then on the tag counts as expired [1.6 §3.5.1, §7.27].
/// From the answer on that says so: a person needs a while for the card.
#[given(regex = r"^the CSMS accepts the known tag for (\d+) seconds$")]
async fn accepts_for(world: &mut World, seconds: i64) -> StepResult {
    let tag = world.tag(TagWord::Known).await?;
    let csms = world.csms()?;
    csms.answers.tag_for(&tag, seconds);
    DONE
}

/// A person takes a while between two acts, and hardware may need it. Nothing can be seen meanwhile.
#[when(regex = r"^(\d+) seconds have gone by$")]
async fn a_while(world: &mut World, seconds: u64) -> StepResult {
    let length = Duration::from_secs(seconds);
    let line = &world.csms()?.talk.line;
    let _: Option<()> = line.wait(length, |_| None).await;
    DONE
}

/// Watches the line until that acceptance has ended; then the CSMS accepts the tag without an end.
#[when(regex = r"^(\d+) seconds have gone by since the CSMS said so$")]
async fn acceptance_is_over(world: &mut World, seconds: u64) -> StepResult {
    let tag = world.tag(TagWord::Known).await?;
    let csms = world.csms()?;
    let said = csms.answers.accepted_at(&tag);
    let said =
        said.ok_or_else(|| Failure::new("the CSMS has not told an acceptance with an end"))?;
    let over = said + Duration::from_secs(seconds);
    let left = over.duration_since(SystemTime::now()).unwrap_or_default();
    let _: Option<()> = csms.talk.line.wait(left, |_| None).await;
    csms.answers.tag(&tag, json!({"status": "Accepted"}));
    DONE
}
