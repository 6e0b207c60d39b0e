//! Pages of lists [OCPI 2.2.1 §4.1.3]: what of a list is wanted, and where its next page is.

use std::fmt::Write as _;

use super::DateTime;

/// What a caller wants of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Changed at or after this.
    pub date_from: Option<DateTime>,
    /// Changed before this.
    pub date_to: Option<DateTime>,
    /// How many are left out at the beginning.
    pub offset: i64,
    /// How many at most; without one as many as there may be.
    pub limit: Option<i64>,
}

impl Page {
    /// Reads the pairs of a query, already decoded. Others than these four are ignored.
    ///
    /// # Errors
    /// A sentence, when one of them is no such value.
    pub fn read<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, String> {
        let mut page = Self::default();
        for (name, value) in pairs {
            let time = || {
                // A plus sign that nobody encoded reads as a blank.
                let time = DateTime::parse(&value.replace(' ', "+"));
                time.map(Some).ok_or_else(|| {
                    format!("{name}: {value:?} is no time such as 2026-01-31T08:00:00Z")
                })
            };
            let number = |least: i64| {
                let number = value.parse::<i64>().ok().filter(|n| *n >= least);
                number
                    .ok_or_else(|| format!("{name}: {value:?} is no whole number from {least} on"))
            };
            match name {
                "date_from" => page.date_from = time()?,
                "date_to" => page.date_to = time()?,
                "offset" => page.offset = number(0)?,
                "limit" => page.limit = Some(number(1)?),
                _ => {}
            }
        }
        Ok(page)
    }

    /// How many objects are in this page at most.
    #[must_use]
    pub fn size(&self, cap: i64) -> i64 {
        self.limit.unwrap_or(cap).min(cap)
    }

    /// The value of the header `Link` that leads to the next page of a list of `total`; `None` on the last one.
    #[must_use]
    pub fn next_link(&self, url: &str, cap: i64, total: i64) -> Option<String> {
        let next = self.offset.checked_add(self.size(cap))?;
        if next >= total {
            return None;
        }
        let mut link = format!("<{url}?offset={next}&limit={}", self.size(cap));
        for (name, time) in [("date_from", self.date_from), ("date_to", self.date_to)] {
            if let Some(time) = time {
                let _ = write!(link, "&{name}={time}");
            }
        }
        link.push_str(">; rel=\"next\"");
        Some(link)
    }
}

/// The URL of the next page by the header `Link` of an answer; `None` where there is none, which peers also say with an
/// empty one.
#[must_use]
pub fn next_url(link: &str) -> Option<&str> {
    link.split(',').find_map(|part| {
        let (url, parameters) = part.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| {
            let Some((name, value)) = parameter.trim().split_once('=') else {
                return false;
            };
            name.trim().eq_ignore_ascii_case("rel")
                && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
        });
        (is_next && !url.is_empty()).then_some(url)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_is_read_and_its_next_one_keeps_the_filter() {
        let pairs = [
            ("date_from", "2026-01-31T10:00:00 02:00"),
            ("offset", "2"),
            ("limit", "1"),
            ("foo", "1"),
        ];
        let page = Page::read(pairs).unwrap();
        assert_eq!((page.offset, page.size(100)), (2, 1));
        let link = page.next_link("https://x/l", 100, 5).unwrap();
        assert_eq!(
            link,
            "<https://x/l?offset=3&limit=1&date_from=2026-01-31T08:00:00Z>; rel=\"next\""
        );
        assert_eq!(
            next_url(&link),
            Some("https://x/l?offset=3&limit=1&date_from=2026-01-31T08:00:00Z")
        );
        assert_eq!(page.next_link("https://x/l", 100, 3), None);
    }

    #[test]
    fn senseless_values_are_refused() {
        for (name, value) in [
            ("limit", "0"),
            ("limit", "-1"),
            ("limit", "abc"),
            ("offset", "-1"),
            ("offset", "1e3"),
            ("date_from", "yesterday"),
            ("date_to", ""),
        ] {
            assert!(Page::read([(name, value)]).unwrap_err().starts_with(name));
        }
    }

    #[test]
    fn links_of_peers_are_read() {
        assert_eq!(next_url(""), None);
        assert_eq!(next_url("<>; rel=\"next\""), None);
        assert_eq!(next_url("<https://x?a=1>; rel=next"), Some("https://x?a=1"));
        let two = "<https://x/1>; rel=\"prev\", <https://x/2>; title=\"b\"; rel=\"next\"";
        assert_eq!(next_url(two), Some("https://x/2"));
        assert_eq!(next_url("<https://x/1>; rel=\"last\""), None);
    }

    proptest! {
        #[test]
        fn whoever_follows_the_links_sees_each_place_once(total in 0_i64..50, limit in 1_i64..20, cap in 1_i64..20) {
            let mut page = Page { limit: Some(limit), ..Page::default() };
            let mut seen = 0;
            loop {
                prop_assert_eq!(page.offset, seen);
                seen += page.size(cap).min(total - page.offset);
                let Some(link) = page.next_link("http://x", cap, total) else { break };
                let query = next_url(&link).unwrap().split_once('?').unwrap().1.to_owned();
                page = Page::read(query.split('&').filter_map(|pair| pair.split_once('='))).unwrap();
            }
            prop_assert_eq!(seen, total);
        }
    }
}
