//! Versions and what they list [OCPI 2.2.1 §6].

use cucumber::{given, then, when};
use reqwest::Method;
use serde_json::Value;

use crate::failure::{DONE, Failure, StepResult};
use crate::role::emsp::partner::{Name, details_url};
use crate::steps::world::World;
use crate::wire::ocpi::{Exchange, Module};

/// Characters of a URL.
const URL_CHARS_MAX: usize = 255;

/// Identifiers of the standard.
const IDENTIFIERS: [&str; 9] = [
    "cdrs",
    "chargingprofiles",
    "commands",
    "credentials",
    "hubclientinfo",
    "locations",
    "sessions",
    "tariffs",
    "tokens",
];

/// Modules of a CPO, each with its role.
const OF_A_CPO: [(&str, &str); 6] = [
    ("locations", "SENDER"),
    ("sessions", "SENDER"),
    ("cdrs", "SENDER"),
    ("tariffs", "SENDER"),
    ("tokens", "RECEIVER"),
    ("commands", "RECEIVER"),
];

#[given(regex = r"^(P1|P2) has read versions and details$")]
async fn has_read(world: &mut World, name: Name) -> StepResult {
    world.roaming().await?.discover(name).await
}

#[when(regex = r"^(P1|P2) reads the list of versions$")]
async fn reads_list(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.begin();
    let url = roaming.expand("{versions}")?;
    let list = roaming.ask(name, Method::GET, &url, None).await?;
    roaming.answers = vec![list];
    DONE
}

#[when(regex = r"^(P1|P2) reads the details of 2.2.1$")]
async fn reads_details(world: &mut World, name: Name) -> StepResult {
    reads_list(world, name).await?;
    let roaming = world.roaming().await?;
    let list = roaming.answer().await?.clone();
    let url = details_url(&list)?;
    roaming.words.insert("details".to_owned(), url.clone());
    roaming.partner_mut(name)?.details_url = Some(url.clone());
    let details = roaming.ask(name, Method::GET, &url, None).await?;
    roaming.answers = vec![list, details];
    DONE
}

/// One answer for each version of the list that was read last.
#[when(regex = r"^(P1|P2) reads each version of the list$")]
async fn reads_each(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    let listed = listed(roaming.answer().await?)?;
    roaming.begin();
    let mut answers = Vec::new();
    for (version, url) in listed {
        let answer = roaming.ask(name, Method::GET, &url, None).await?;
        roaming.words.insert(url, version);
        answers.push(answer);
    }
    roaming.answers = answers;
    DONE
}

/// Versions with their URLs.
fn listed(list: &Exchange) -> Result<Vec<(String, String)>, Failure> {
    let wrong = || Failure::new(format!("this is no list of versions: {}", list.in_words()));
    let data = list.data();
    let all = data.as_array().ok_or_else(wrong)?;
    let text = |one: &Value, name: &str| one[name].as_str().map(str::to_owned).ok_or_else(wrong);
    all.iter()
        .map(|one| Ok((text(one, "version")?, text(one, "url")?)))
        .collect()
}

#[then(
    "the list offers 2.2.1 once, and each version once, at an absolute URL of at most 255 characters"
)]
async fn offers(world: &mut World) -> StepResult {
    let list = world.roaming().await?.answer().await?.clone();
    let listed = listed(&list)?;
    let wrong = |text: String| Err(Failure::new(format!("{text}; {}", list.in_words())));
    if listed
        .iter()
        .filter(|(version, _)| version == "2.2.1")
        .count()
        != 1
    {
        return wrong("2.2.1 is not listed once".to_owned());
    }
    for (number, (version, url)) in listed.iter().enumerate() {
        if listed[..number].iter().any(|(other, _)| other == version) {
            return wrong(format!("{version} is listed twice"));
        }
        if !is_absolute(url) {
            return wrong(format!(
                "{url:?} is no absolute URL of at most {URL_CHARS_MAX} characters"
            ));
        }
    }
    DONE
}

fn is_absolute(url: &str) -> bool {
    let parsed = reqwest::Url::parse(url).ok();
    url.chars().count() <= URL_CHARS_MAX
        && parsed.is_some_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host())
}

#[then("each answer is about the version under which it is listed")]
async fn each_is_its_own(world: &mut World) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.answer().await?;
    for answer in &roaming.answers {
        let wanted = roaming.words.get(&answer.asked.url);
        if answer.data()["version"].as_str() != wanted.map(String::as_str) {
            let wanted = wanted.map_or("?", String::as_str);
            return Err(Failure::new(format!(
                "the version should be {wanted}; {}",
                answer.in_words()
            )));
        }
    }
    DONE
}

/// The endpoints of the details that were read last: identifier, role and URL.
fn endpoints(details: &Exchange) -> Result<Vec<[String; 3]>, Failure> {
    let data = details.data();
    let all = data["endpoints"].as_array();
    let all = all
        .filter(|all| !all.is_empty())
        .ok_or_else(|| Failure::new(format!("no endpoints are listed; {}", details.in_words())))?;
    all.iter()
        .map(|one| {
            let text = |name: &str| {
                one[name]
                    .as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| Failure::new(format!("an endpoint has no {name}: {one}")))
            };
            Ok([text("identifier")?, text("role")?, text("url")?])
        })
        .collect()
}

#[then("the details name each endpoint by identifier, role and absolute URL, and none twice")]
async fn details_are_whole(world: &mut World) -> StepResult {
    let details = world.roaming().await?.answer().await?.clone();
    if details.data()["version"] != "2.2.1" {
        return Err(Failure::new(format!(
            "these are no details of 2.2.1; {}",
            details.in_words()
        )));
    }
    let all = endpoints(&details)?;
    for (number, [identifier, role, url]) in all.iter().enumerate() {
        if !["SENDER", "RECEIVER"].contains(&role.as_str()) {
            return Err(Failure::new(format!("{identifier} has the role {role:?}")));
        }
        if !is_absolute(url) {
            return Err(Failure::new(format!(
                "{identifier} is at {url:?}, no absolute URL"
            )));
        }
        if !IDENTIFIERS.contains(&identifier.as_str()) {
            return Err(Failure::new(format!(
                "{identifier:?} is no identifier of the standard"
            )));
        }
        let is_same = |[other, of, _]: &[String; 3]| other == identifier && of == role;
        if all[..number].iter().any(is_same) {
            return Err(Failure::new(format!(
                "{identifier} is listed twice as {role}"
            )));
        }
    }
    match all
        .iter()
        .find(|[identifier, ..]| identifier == "credentials")
    {
        None => return Err(Failure::new("credentials is not listed")),
        Some([_, role, _]) if role != "SENDER" => {
            world.warn(format!("credentials has the role {role}"));
        }
        Some(_) => {}
    }
    DONE
}

#[then("each module has the role that it has at a CPO; one that is missing only warns")]
async fn roles_are_right(world: &mut World) -> StepResult {
    let details = world.roaming().await?.answer().await?.clone();
    let all = endpoints(&details)?;
    for (module, wanted) in OF_A_CPO {
        let mut roles = all.iter().filter(|[identifier, ..]| identifier == module);
        match roles.next() {
            None => world.warn(format!("the module {module} is not listed")),
            Some([_, role, _]) if role != wanted => {
                return Err(Failure::new(format!(
                    "{module} is listed as {role}, not {wanted}"
                )));
            }
            Some(_) => {}
        }
    }
    DONE
}

#[then(regex = r"^versions and details are the same as before (P1|P2) was registered$")]
async fn same_as_before(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.answer().await?;
    let seen = roaming.partner(name)?.seen.clone();
    let (versions, details) =
        seen.ok_or_else(|| Failure::new(format!("{name} has read nothing before")))?;
    for answer in &roaming.answers {
        let before = match answer.asked.place.module {
            Module::Versions => &versions,
            _ => &details,
        };
        if answer.data() != *before {
            return Err(Failure::new(format!(
                "before the registration it was {before}; {}",
                answer.in_words()
            )));
        }
    }
    DONE
}
