//! Which scenarios a run is about: by the ids of test cases, and by tags.

use anyhow::{Result, anyhow, bail};
use cucumber::tag::Ext as _;
use gherkin::Feature;
use gherkin::tagexpr::TagOperation;

use super::args::Args;
use crate::case::features::all_tags;
use crate::words::quoted;

/// What the arguments choose.
pub(super) struct Chosen {
    ids: Vec<String>,
    tags: Option<TagOperation>,
}

impl Chosen {
    pub(super) fn of(args: &Args) -> Result<Self> {
        let tags = args
            .tags
            .as_deref()
            .map(|text| expression("--tags", text))
            .transpose()?;
        Ok(Self {
            ids: args.ids.clone(),
            tags: tags.flatten(),
        })
    }

    /// Whether a scenario with these tags is wanted.
    pub(super) fn has(&self, tags: &[String]) -> bool {
        let by_id = self.ids.is_empty() || self.ids.iter().any(|id| has_id(tags, id));
        by_id && self.tags.as_ref().is_none_or(|wanted| wanted.eval(tags))
    }

    /// An id that no scenario has is a mistake.
    ///
    /// # Errors
    /// Names it, and an id that is like it.
    pub(super) fn ensure_ids_are_known(&self, features: &[Feature]) -> Result<()> {
        ensure_ids_are_known(self.ids.iter().map(String::as_str), features)
    }
}

/// An id that no scenario has is a mistake.
///
/// # Errors
/// Names it, and an id that is like it.
pub(super) fn ensure_ids_are_known<'a>(
    ids: impl Iterator<Item = &'a str>,
    features: &[Feature],
) -> Result<()> {
    let all: Vec<String> = features
        .iter()
        .flat_map(|feature| {
            feature
                .scenarios
                .iter()
                .flat_map(|scenario| all_tags(feature, scenario))
        })
        .collect();
    for id in ids {
        if has_id(&all, id) {
            continue;
        }
        let upper = id.to_uppercase();
        let near = all
            .iter()
            .filter(|tag| tag.contains('_') || tag.contains('-'))
            .max_by(|one, other| {
                let likeness = |tag: &str| strsim::jaro_winkler(&tag.to_uppercase(), &upper);
                likeness(one).total_cmp(&likeness(other))
            });
        let near = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
        bail!(
            "no scenario has the id {}; {near}--list shows all of them with their tags",
            quoted(id)
        );
    }
    Ok(())
}

fn has_id(tags: &[String], id: &str) -> bool {
    let id = id.trim_start_matches('@');
    tags.iter().any(|tag| tag.eq_ignore_ascii_case(id))
}

/// A tag expression; none where the text is empty.
///
/// # Errors
/// Names the flag and shows how one is written.
pub(super) fn expression(flag: &str, text: &str) -> Result<Option<TagOperation>> {
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = text.parse::<TagOperation>();
    parsed.map(Some).map_err(|error| {
        anyhow!(
            "{flag} {} is no tag expression ({error}); write something like '@core and not @driver'",
            quoted(text)
        )
    })
}
