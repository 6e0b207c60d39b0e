//! Lists and their pages [OCPI 2.2.1 §4.1.3].

use std::collections::BTreeSet;

use cucumber::{given, then, when};
use reqwest::Method;

use crate::failure::{DONE, Failure, StepResult};
use crate::role::emsp::list::{Item, items, next, number};
use crate::role::emsp::partner::Name;
use crate::steps::world::{OrEnd as _, World};
use crate::wire::ocpi::Exchange;
use crate::words::quoted;

#[given(regex = r"^(P1|P2) sees at least (\d+) places? with tariffs$")]
async fn have_places(world: &mut World, name: Name, count: usize) -> StepResult {
    let made = world.roaming().await?.have_places(name, count).await;
    made.or_end(world)
}

#[when(regex = r"^(P1|P2) follows the link$")]
async fn follows(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    let page = roaming.answer().await?.clone();
    let link = next(&page)
        .ok_or_else(|| Failure::new(format!("there is no link; {}", page.in_words())))?;
    roaming.begin();
    let answer = roaming.ask(name, Method::GET, &link, None).await?;
    roaming.answers = vec![answer];
    DONE
}

#[when(regex = r"^(P1|P2) reads the last object of (\S+) alone$")]
async fn reads_last(world: &mut World, name: Name, url: String) -> StepResult {
    let roaming = world.roaming().await?;
    let url = roaming.expand(&url)?;
    let count = roaming.whole(name, &url).await?.len();
    roaming.begin();
    let url = format!("{url}?offset={}&limit=1", count.saturating_sub(1));
    roaming.answers = vec![roaming.ask(name, Method::GET, &url, None).await?];
    DONE
}

#[when(regex = r"^(P1|P2) reads (\S+) from behind its end, and from (\d+) further$")]
async fn reads_behind(world: &mut World, name: Name, url: String, further: usize) -> StepResult {
    let roaming = world.roaming().await?;
    let url = roaming.expand(&url)?;
    let count = roaming.whole(name, &url).await?.len();
    roaming.begin();
    let mut answers = Vec::new();
    for offset in [count, count + further] {
        let url = format!("{url}?offset={offset}");
        answers.push(roaming.ask(name, Method::GET, &url, None).await?);
    }
    roaming.answers = answers;
    roaming.words.insert("count".to_owned(), count.to_string());
    DONE
}

#[then("the answer links to a next page; a link that is not absolute only warns")]
async fn links(world: &mut World) -> StepResult {
    let page = world.roaming().await?.answer().await?.clone();
    let link = next(&page).ok_or_else(|| {
        Failure::new(format!(
            "there is no link to a next page; {}",
            page.in_words()
        ))
    })?;
    if reqwest::Url::parse(&link).is_err() {
        world.warn(format!("the link {} is not absolute", quoted(&link)));
    }
    DONE
}

#[then("there is no link to a next page; an empty one only warns")]
async fn links_no_more(world: &mut World) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.answer().await?;
    for page in roaming.answers.clone() {
        let link = page
            .answer
            .as_ref()
            .and_then(|answer| answer.header("link"));
        match link.as_deref().map(str::trim) {
            None => {}
            Some("") => world.warn("there is an empty Link"),
            Some(link) => {
                return Err(Failure::new(format!(
                    "it links to {link}; {}",
                    page.in_words()
                )));
            }
        }
    }
    DONE
}

#[then("each of the answers has X-Total-Count and X-Limit, which are numbers")]
async fn counts(world: &mut World) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.answer().await?;
    for page in &roaming.answers {
        number(page, "x-total-count")?;
        number(page, "x-limit")?;
    }
    DONE
}

#[then(regex = r"^X-Total-Count is (\d+|\{count\}) and the data is empty$")]
async fn is_empty(world: &mut World, count: String) -> StepResult {
    let roaming = world.roaming().await?;
    let count: usize = roaming
        .expand(&count)?
        .parse()
        .map_err(|_| Failure::new(format!("{} is no number", quoted(&count))))?;
    roaming.answer().await?;
    for page in &roaming.answers {
        let is = number(page, "x-total-count")?;
        if is != count || !items(page)?.is_empty() {
            return Err(Failure::new(format!(
                "an empty page of {count} objects is expected, X-Total-Count is {is}; {}",
                page.in_words()
            )));
        }
    }
    DONE
}

/// What walks with other sizes of pages find.
#[then(
    regex = r"^(P1|P2) finds the same objects in the same order in (\S+), whatever the limit, and X-Total-Count of them$"
)]
async fn same_walks(world: &mut World, name: Name, url: String) -> StepResult {
    let roaming = world.roaming().await?;
    let url = roaming.expand(&url)?;
    let first = roaming.ask(name, Method::GET, &url, None).await?;
    let cap = number(&first, "x-limit")?.max(1);
    let mut walks: Vec<(usize, Vec<String>)> = Vec::new();
    for limit in [cap, 1, 2] {
        let mut ids = Vec::new();
        let pages = roaming.walk(name, &format!("{url}?limit={limit}")).await?;
        let mut totals = BTreeSet::new();
        for page in &pages {
            totals.insert(number(page, "x-total-count")?);
            ids.extend(items(page)?.into_iter().map(|item| item.id));
        }
        if totals != BTreeSet::from([ids.len()]) {
            return Err(Failure::new(format!(
                "with limit={limit} there are {} objects, and X-Total-Count says {totals:?}",
                ids.len()
            )));
        }
        walks.push((limit, ids));
    }
    for (limit, ids) in &walks {
        let different: BTreeSet<&String> = ids.iter().collect();
        if different.len() != ids.len() {
            return Err(Failure::new(format!(
                "with limit={limit} an object comes twice: {ids:?}"
            )));
        }
        if *ids != walks[0].1 {
            return Err(Failure::new(format!(
                "with limit={limit} the objects are {ids:?}, not {:?}",
                walks[0].1
            )));
        }
    }
    DONE
}

/// The ids of a window of a list.
async fn window(
    world: &mut World,
    name: Name,
    url: &str,
    query: &str,
) -> Result<(Vec<String>, usize), Failure> {
    let roaming = world.roaming().await?;
    let pages = roaming.walk(name, &format!("{url}{query}")).await?;
    let mut ids = Vec::new();
    for page in &pages {
        ids.extend(items(page)?.into_iter().map(|item| item.id));
    }
    let total = pages.last().map(|page| number(page, "x-total-count"));
    Ok((ids, total.transpose()?.unwrap_or(0)))
}

async fn whole(world: &mut World, name: Name, url: &str) -> Result<(String, Vec<Item>), Failure> {
    let roaming = world.roaming().await?;
    let url = roaming.expand(url)?;
    let items = roaming.whole(name, &url).await?;
    Ok((url, items))
}

/// A stamp so many units of its own precision later: the last digit that is written counts.
fn later(stamp: &str) -> Result<String, Failure> {
    let wrong = || Failure::new(format!("{} is no point in time", quoted(stamp)));
    let plain = stamp.strip_suffix('Z').unwrap_or(stamp);
    let digits = plain
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    let at: jiff::Timestamp = format!("{plain}Z").parse().map_err(|_| wrong())?;
    let unit = 1_000_000_000_i128 / 10_i128.pow(u32::try_from(digits.min(9)).unwrap_or(0));
    let next = jiff::Timestamp::from_nanosecond(at.as_nanosecond() + unit).map_err(|_| wrong())?;
    let text = next.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let fraction = format!("{:09}", next.subsec_nanosecond());
    Ok(match digits {
        0 => format!("{text}Z"),
        digits => format!("{text}.{}Z", &fraction[..digits.min(9)]),
    })
}

#[then(
    regex = r"^in (\S+) as (P1|P2) sees it, date_from holds what was changed then, and one unit later it does not$"
)]
async fn from_is_inclusive(world: &mut World, url: String, name: Name) -> StepResult {
    let (url, all) = whole(world, name, &url).await?;
    let item = newest(&all)?;
    let (at, then) = (&item.last_updated, later(&item.last_updated)?);
    let (ids, _) = window(world, name, &url, &format!("?date_from={at}")).await?;
    if !ids.contains(&item.id) {
        return Err(Failure::new(format!(
            "{} was changed at {at}, and is not in the list from then",
            item.id
        )));
    }
    let (ids, _) = window(world, name, &url, &format!("?date_from={then}")).await?;
    if ids.contains(&item.id) {
        return Err(Failure::new(format!(
            "{} was changed at {at}, and is in the list from {then}",
            item.id
        )));
    }
    DONE
}

#[then(
    regex = r"^in (\S+) as (P1|P2) sees it, date_to leaves out what was changed then, and one unit later it does not$"
)]
async fn to_is_exclusive(world: &mut World, url: String, name: Name) -> StepResult {
    let (url, all) = whole(world, name, &url).await?;
    let item = newest(&all)?;
    let (at, then) = (&item.last_updated, later(&item.last_updated)?);
    let (ids, _) = window(world, name, &url, &format!("?date_to={at}")).await?;
    if ids.contains(&item.id) {
        return Err(Failure::new(format!(
            "{} was changed at {at}, and is in the list until then",
            item.id
        )));
    }
    let (ids, _) = window(world, name, &url, &format!("?date_to={then}")).await?;
    if !ids.contains(&item.id) {
        return Err(Failure::new(format!(
            "{} was changed at {at}, and is not in the list until {then}",
            item.id
        )));
    }
    DONE
}

/// The object that was changed last; those changed at the same time are like it.
fn newest(all: &[Item]) -> Result<Item, Failure> {
    let newest = all
        .iter()
        .max_by(|one, other| one.last_updated.cmp(&other.last_updated));
    match newest {
        Some(item) => Ok(item.clone()),
        None => Err(Failure::new("the list is empty")),
    }
}

/// Stamps of the list in order, each once.
fn stamps(all: &[Item]) -> Vec<String> {
    let stamps: BTreeSet<&String> = all.iter().map(|item| &item.last_updated).collect();
    stamps.into_iter().cloned().collect()
}

#[then(regex = r"^in (\S+) as (P1|P2) sees it, adjoining windows hold everything once$")]
async fn windows_adjoin(world: &mut World, url: String, name: Name) -> StepResult {
    let (url, all) = whole(world, name, &url).await?;
    let stamps = stamps(&all);
    let [_, .., last] = stamps.as_slice() else {
        return Err(world.cannot_run("it needs objects that were changed at different times"));
    };
    let middle = &stamps[stamps.len() / 2];
    let (mut ids, mut total) = (Vec::new(), 0);
    for query in [
        format!("?date_to={middle}"),
        format!("?date_from={middle}&date_to={last}"),
        format!("?date_from={last}"),
    ] {
        let (window, count) = window(world, name, &url, &query).await?;
        ids.extend(window);
        total += count;
    }
    ids.sort();
    let mut wanted: Vec<String> = all.into_iter().map(|item| item.id).collect();
    wanted.sort();
    if ids != wanted || total != wanted.len() {
        return Err(Failure::new(format!(
            "the windows hold {ids:?} ({total} by X-Total-Count), the whole list {wanted:?}"
        )));
    }
    DONE
}

#[then(regex = r"^in (\S+) as (P1|P2) sees it, links keep the window and the limit$")]
async fn links_keep_filters(world: &mut World, url: String, name: Name) -> StepResult {
    let (url, all) = whole(world, name, &url).await?;
    let stamps = stamps(&all);
    // All but the object that was changed first, page by page.
    let [_, second, .., last] = stamps.as_slice() else {
        return Err(world.cannot_run("it needs three objects that were changed at different times"));
    };
    let until = later(last)?;
    let roaming = world.roaming().await?;
    let query = format!("{url}?date_from={second}&date_to={until}&limit=1");
    let pages = roaming.walk(name, &query).await?;
    let mut ids = Vec::new();
    let mut warnings = Vec::new();
    for page in &pages {
        ids.extend(items(page)?.into_iter().map(|item| item.id));
        let Some(link) = next(page) else { continue };
        for wanted in ["date_from=", "date_to="] {
            if !link.contains(wanted) {
                return Err(Failure::new(format!("the link {link} has no {wanted}")));
            }
        }
        if !link.contains("limit=") {
            warnings.push(format!("the link {link} has no limit="));
        }
    }
    let wanted: Vec<String> = all
        .into_iter()
        .filter(|item| item.last_updated >= *second)
        .map(|item| item.id)
        .collect();
    let (is, wanted): (BTreeSet<_>, BTreeSet<_>) =
        (ids.iter().cloned().collect(), wanted.into_iter().collect());
    if is != wanted || is.len() != ids.len() {
        return Err(Failure::new(format!(
            "the pages hold {ids:?}, the window {wanted:?}"
        )));
    }
    warnings.into_iter().for_each(|warning| world.warn(warning));
    DONE
}

/// Whatever limit is asked for, X-Limit names the most that comes.
#[then(regex = r"^in (\S+) as (P1|P2) sees it, a limit above the cap is lowered to X-Limit$")]
async fn cap(world: &mut World, url: String, name: Name) -> StepResult {
    let (url, all) = whole(world, name, &url).await?;
    let last = all.len().saturating_sub(1);
    let roaming = world.roaming().await?;
    let mut caps = Vec::new();
    for query in [
        "?limit=1000000".to_owned(),
        format!("?limit=1000000&offset={last}"),
        "?limit=1".to_owned(),
        String::new(),
    ] {
        let page = roaming
            .ask(name, Method::GET, &format!("{url}{query}"), None)
            .await?;
        let (cap, count) = (number(&page, "x-limit")?, items(&page)?.len());
        if count > cap {
            return Err(Failure::new(format!(
                "{count} objects came where X-Limit is {cap}; {}",
                page.in_words()
            )));
        }
        if cap >= 1_000_000 {
            return Err(Failure::new(format!(
                "X-Limit is what was asked for: {cap}"
            )));
        }
        caps.push(cap);
    }
    if caps[0] != caps[1] {
        return Err(Failure::new(format!(
            "X-Limit is {} for many objects and {} for one",
            caps[0], caps[1]
        )));
    }
    if caps[2] != caps[0] || caps[3] != caps[0] {
        world.warn(format!(
            "X-Limit differs with the limit that is asked for: {caps:?}"
        ));
    }
    DONE
}

/// A list in windows that all mean the same point in time.
#[when(regex = r"^(P1|P2) reads (\S+) from one point in time, written in every allowed form$")]
async fn forms(world: &mut World, name: Name, url: String) -> StepResult {
    let (url, all) = whole(world, name, &url).await?;
    let at = newest(&all)?.last_updated;
    let seconds = at.get(..19).unwrap_or_default();
    let roaming = world.roaming().await?;
    roaming.begin();
    let mut answers = Vec::new();
    for form in [
        format!("{seconds}Z"),
        seconds.to_owned(),
        format!("{seconds}.0Z"),
        format!("{seconds}.000Z"),
        format!("{seconds}Z").replace(':', "%3A"),
    ] {
        let url = format!("{url}?date_from={form}");
        answers.push(roaming.ask(name, Method::GET, &url, None).await?);
    }
    roaming.answers = answers;
    DONE
}

#[then(
    regex = r"^in (\S+) as (P1|P2) sees it, a point in time with an offset is refused or converted$"
)]
async fn offsets(world: &mut World, url: String, name: Name) -> StepResult {
    let (url, all) = whole(world, name, &url).await?;
    let at = newest(&all)?.last_updated;
    let plain = at.strip_suffix('Z').unwrap_or(&at);
    let instant: jiff::Timestamp = format!("{plain}Z")
        .parse()
        .map_err(|_| Failure::new(format!("{} is no point in time", quoted(&at))))?;
    let shifted = instant + std::time::Duration::from_secs(2 * 3_600);
    let shifted = shifted.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let seconds = plain.get(..19).unwrap_or_default();
    let roaming = world.roaming().await?;
    let utc = roaming
        .ask(
            name,
            Method::GET,
            &format!("{url}?date_from={seconds}Z"),
            None,
        )
        .await?;
    let offset = roaming
        .ask(
            name,
            Method::GET,
            &format!("{url}?date_from={shifted}%2B02:00"),
            None,
        )
        .await?;
    let ids = |page: &Exchange| items(page).unwrap_or_default();
    let is_refused = offset.code() == (200, Some(2_001));
    if !is_refused && (offset.code() != (200, Some(1_000)) || ids(&offset) != ids(&utc)) {
        return Err(Failure::new(format!(
            "it is neither refused with 2001 nor the same point in time: {}",
            offset.in_words()
        )));
    }
    DONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unit_later_is_in_the_precision_that_was_written() {
        for (stamp, next) in [
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"),
            ("2026-01-01T00:00:00", "2026-01-01T00:00:01Z"),
            ("2026-01-01T00:00:00.999Z", "2026-01-01T00:00:01.000Z"),
            ("2026-01-01T00:00:59.9Z", "2026-01-01T00:01:00.0Z"),
        ] {
            assert_eq!(later(stamp).unwrap(), next);
        }
        assert!(later("soon").is_err());
    }
}
