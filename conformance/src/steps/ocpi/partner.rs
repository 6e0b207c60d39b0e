//! The partners of the CPO: who is here, and how they answer.

use std::sync::Arc;
use std::time::Duration;

use cucumber::{given, when};
use reqwest::Method;
use tokio::sync::Notify;

use crate::failure::{DONE, Failure, StepResult};
use crate::peer::emsp::{MODULES, Manner, Script};
use crate::role::emsp::partner::Name;
use crate::steps::world::{OrEnd as _, World};
use crate::wire::ocpi::Module;
use crate::words::{duration, quoted, words};

#[given(regex = r"^(P1|P2) has an invitation$")]
async fn invited(world: &mut World, name: Name) -> StepResult {
    let invited = world.roaming().await?.invite(name).await;
    invited.or_end(world)
}

#[given(regex = r"^(P1|P2) has another invitation$")]
#[when(regex = r"^(P1|P2) gets another invitation$")]
async fn invited_again(world: &mut World, name: Name) -> StepResult {
    let invited = world.roaming().await?.invite_again(name).await;
    invited.or_end(world)
}

#[given(regex = r"^(P1|P2) is registered$")]
async fn registered(world: &mut World, name: Name) -> StepResult {
    let registered = world.roaming().await?.registered(name).await;
    registered.or_end(world)
}

#[given(regex = r"^(P1|P2) is not registered any more$")]
async fn ended(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    let url = roaming.expand("{credentials}")?;
    let ended = roaming.ask(name, Method::DELETE, &url, None).await?;
    if ended.code() != (200, Some(1_000)) {
        return Err(Failure::new(ended.in_words()));
    }
    roaming.partner_mut(name)?.ends();
    DONE
}

#[given(regex = r"^(P1|P2) lists the versions (.+)$")]
async fn lists(world: &mut World, name: Name, versions: String) -> StepResult {
    let versions = versions.split(" and ").flat_map(words).collect();
    let partner = world.roaming().await?.partner(name)?;
    partner.emsp.lists(versions);
    DONE
}

#[given(regex = r"^(P1|P2) also lists the module ([\w-]+)$")]
async fn lists_module(world: &mut World, name: Name, module: String) -> StepResult {
    let all = MODULES.iter().copied().chain([(module.as_str(), "SENDER")]);
    let all = all.map(|(name, role)| (name.to_owned(), role.to_owned()));
    let partner = world.roaming().await?.partner(name)?;
    partner.emsp.has(all.collect());
    DONE
}

#[given(regex = r"^(P1|P2) lists credentials alone$")]
async fn lists_credentials(world: &mut World, name: Name) -> StepResult {
    let partner = world.roaming().await?.partner(name)?;
    partner
        .emsp
        .has(vec![("credentials".to_owned(), "SENDER".to_owned())]);
    DONE
}

#[given(regex = r"^(P1|P2) refuses connections$")]
#[when(regex = r"^(P1|P2) refuses connections$")]
async fn refuses(world: &mut World, name: Name) -> StepResult {
    world.roaming().await?.partner(name)?.emsp.close();
    DONE
}

#[when(regex = r"^(P1|P2) takes connections again$")]
async fn takes_again(world: &mut World, name: Name) -> StepResult {
    let emsp = Arc::clone(&world.roaming().await?.partner(name)?.emsp);
    emsp.open().await
}

#[when(regex = r"^(P1|P2) answers as it should again$")]
async fn answers_again(world: &mut World, name: Name) -> StepResult {
    world.roaming().await?.partner(name)?.emsp.answers_again();
    DONE
}

#[given(
    regex = r"^(P1|P2) answers requests for its (versions|details|credentials|locations|sessions|cdrs|tariffs|tokens) (once )?with (.+)$"
)]
#[when(
    regex = r"^(P1|P2) answers requests for its (versions|details|credentials|locations|sessions|cdrs|tariffs|tokens) (once )?with (.+)$"
)]
async fn answers(
    world: &mut World,
    name: Name,
    module: String,
    once: String,
    how: String,
) -> StepResult {
    let module = match module.as_str() {
        "versions" => Module::Versions,
        "details" => Module::Details,
        listed => Module::of(listed).ok_or_else(|| Failure::new("there is no such module"))?,
    };
    let script = Script {
        module,
        method: None,
        times: (!once.is_empty()).then_some(1),
        manner: manner(&how)?,
    };
    world.roaming().await?.partner(name)?.emsp.answers(script);
    DONE
}

/// `HTTP 500`, `the status code 3001`, `half of its JSON`, …
fn manner(how: &str) -> Result<Manner, Failure> {
    let wrong = || Failure::new(format!("{} is no way to answer", quoted(how)));
    let number = |text: &str| text.parse::<i64>().map_err(|_| wrong());
    if let Some(rest) = how.strip_prefix("HTTP ") {
        return match rest.split_once(" and the status code ") {
            Some((status, code)) => Ok(Manner::Both(
                status.parse().map_err(|_| wrong())?,
                number(code)?,
            )),
            None => Ok(Manner::Status(rest.parse().map_err(|_| wrong())?)),
        };
    }
    if let Some(code) = how.strip_prefix("the status code ") {
        return Ok(Manner::Code(number(code)?));
    }
    if let Some(data) = how.strip_prefix("the data ") {
        return serde_json::from_str(data)
            .map(Manner::Data)
            .map_err(|_| wrong());
    }
    if let Some(length) = how.strip_prefix("a delay of ") {
        let (count, unit) = length.split_once(' ').ok_or_else(wrong)?;
        let length: Duration = duration(count.parse().map_err(|_| wrong())?, unit)?;
        return Ok(Manner::Late(length));
    }
    Ok(match how {
        "silence" => Manner::Hangs,
        "half of its JSON" => Manner::Truncated,
        "nothing" => Manner::Empty,
        "a page for people" => Manner::Html,
        "no envelope" => Manner::Bare,
        "a redirect" => Manner::Redirect,
        _ => return Err(wrong()),
    })
}

/// It asks the CPO something while the CPO waits for it.
#[when(
    regex = r"^(P1|P2) registers and, before it answers for its versions, reads those of the CPO$"
)]
async fn calls_back(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.discover(name).await?;
    let gate = Arc::new(Notify::new());
    roaming.partner(name)?.emsp.answers(Script {
        module: Module::Versions,
        method: None,
        times: Some(1),
        manner: Manner::Held(Arc::clone(&gate)),
    });
    roaming.begin();
    let url = roaming.expand("{credentials}")?;
    let body = roaming.partner_mut(name)?.offer(None);
    let asked = roaming.request(
        name,
        Method::POST,
        &url,
        crate::role::emsp::partner::Shows::Current,
        Some(body),
    )?;
    let caller = roaming.caller();
    let post = tokio::spawn(async move { caller.call(asked).await });
    let is_versions =
        |one: &crate::wire::ocpi::Exchange| one.asked.place.module == Module::Versions;
    let asked = roaming.expect(name, "its versions", is_versions).await;
    let inner = match asked {
        Ok(_) => {
            let url = roaming.expand("{versions}")?;
            roaming.ask(name, Method::GET, &url, None).await
        }
        Err(failure) => Err(failure),
    };
    gate.notify_one();
    let broke = |_| Failure::new("the request broke off");
    let outer = post.await.map_err(broke)??;
    roaming.partner_mut(name)?.registered(&outer);
    roaming.answers = vec![inner?, outer];
    DONE
}
