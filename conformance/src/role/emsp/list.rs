//! A list of the CPO, as a partner reads it page by page [OCPI 2.2.1 §4.1.3].

use reqwest::Method;
use serde_json::Value;

use super::Roaming;
use super::partner::Name;
use crate::failure::Failure;
use crate::wire::ocpi::Exchange;

/// Pages that are followed: a list that links on for ever is none.
const PAGES_MAX: usize = 500;

/// An object of a list, as far as pages depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) id: String,
    /// When it was changed, as it is written.
    pub(crate) last_updated: String,
}

/// The objects of a page.
///
/// # Errors
/// When it is no page.
pub(crate) fn items(page: &Exchange) -> Result<Vec<Item>, Failure> {
    let wrong = || Failure::new(format!("this is no page of a list: {}", page.in_words()));
    if page.code() != (200, Some(1_000)) {
        return Err(wrong());
    }
    let data = page.data();
    let objects = data.as_array().ok_or_else(wrong)?;
    let text = |object: &Value, name: &str| object[name].as_str().unwrap_or_default().to_owned();
    let items = objects.iter().map(|object| Item {
        id: text(object, "id"),
        last_updated: text(object, "last_updated"),
    });
    Ok(items.collect())
}

/// The URL of the next page, where the answer links to one.
pub(crate) fn next(page: &Exchange) -> Option<String> {
    let link = page.answer.as_ref()?.header("link")?;
    let (url, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = rest.split(';').any(|part| {
        let part = part.trim();
        part.eq_ignore_ascii_case("rel=\"next\"") || part.eq_ignore_ascii_case("rel=next")
    });
    is_next.then(|| url.to_owned())
}

/// A number in a header.
pub(crate) fn number(page: &Exchange, name: &str) -> Result<usize, Failure> {
    let value = page.answer.as_ref().and_then(|answer| answer.header(name));
    let number = value.as_deref().and_then(|value| value.parse().ok());
    number.ok_or_else(|| {
        Failure::new(format!(
            "{name} is {}, not a number; {}",
            value.map_or("not there".to_owned(), |value| format!("{value:?}")),
            page.in_words()
        ))
    })
}

impl Roaming {
    /// Follows the links of a list to its end.
    pub(crate) async fn walk(&mut self, name: Name, url: &str) -> Result<Vec<Exchange>, Failure> {
        let mut pages = vec![self.ask(name, Method::GET, url, None).await?];
        while let Some(next) = pages.last().and_then(next) {
            if pages.len() == PAGES_MAX {
                return Err(Failure::new(format!(
                    "{url} links on after {PAGES_MAX} pages"
                )));
            }
            pages.push(self.ask(name, Method::GET, &next, None).await?);
        }
        Ok(pages)
    }

    /// All objects of a list, however many pages it takes.
    pub(crate) async fn whole(&mut self, name: Name, url: &str) -> Result<Vec<Item>, Failure> {
        let mut all = Vec::new();
        for page in self.walk(name, url).await? {
            all.extend(items(&page)?);
        }
        Ok(all)
    }

    /// The same, as JSON.
    pub(crate) async fn objects(&mut self, name: Name, url: &str) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        for page in self.walk(name, url).await? {
            items(&page)?;
            if let Value::Array(objects) = page.data() {
                all.extend(objects);
            }
        }
        Ok(all)
    }
}
