//! Which scenarios a run is about: by the ids of test cases, and by tags.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow, bail};
use cucumber::tag::Ext as _;
use gherkin::Feature;
use gherkin::tagexpr::TagOperation;

use super::args::Args;
use crate::case::features::all_tags;
use crate::terminal::tell;
use crate::words::{did_you_mean, quoted};

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

    /// A tag that no scenario has is a mistake.
    ///
    /// # Errors
    /// Names it, and a tag that is like it.
    pub(super) fn ensure_tags_are_known(&self, features: &[Feature]) -> Result<()> {
        let mut tags = self.tags.iter();
        tags.try_for_each(|tags| ensure_tags_are_known("--tags", tags, features))
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
        let ids = all
            .iter()
            .filter(|tag| tag.contains('_') || tag.contains('-'));
        let near = did_you_mean(id, ids.map(String::as_str));
        bail!(
            "no scenario has the id {}; {near}--list shows all of them with their tags",
            quoted(id)
        );
    }
    Ok(())
}

/// A tag that no scenario has is a mistake; where it is to be left out, it may be, and is remarked on.
///
/// # Errors
/// Names the flag and the tag, and one that is like it.
pub(super) fn ensure_tags_are_known(
    flag: &str,
    wanted: &TagOperation,
    features: &[Feature],
) -> Result<()> {
    let all: BTreeSet<&str> = features
        .iter()
        .flat_map(|feature| {
            let of_scenarios = feature.scenarios.iter().flat_map(|one| &one.tags);
            feature.tags.iter().chain(of_scenarios)
        })
        .map(String::as_str)
        .collect();
    let unknown = |tag: &str| {
        let near = did_you_mean(tag, all.iter().copied());
        // A tag is written with its sign.
        let near = near.replacen("mean ", "mean @", 1);
        format!(
            "{flag}: no scenario has the tag @{tag}; {near}--list shows all of them with their tags"
        )
    };
    let mut open = vec![(wanted, false)];
    while let Some((operation, left_out)) = open.pop() {
        match operation {
            TagOperation::And(one, other) | TagOperation::Or(one, other) => {
                open.extend([(&**other, left_out), (&**one, left_out)]);
            }
            TagOperation::Not(one) => open.push((one, true)),
            TagOperation::Tag(tag) if all.contains(tag.as_str()) => {}
            // What is to be left out need not be there any more.
            TagOperation::Tag(tag) if left_out => tell(&unknown(tag)),
            TagOperation::Tag(tag) => bail!(unknown(tag)),
        }
    }
    Ok(())
}

pub(super) fn has_id(tags: &[String], id: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::features;

    #[test]
    fn a_tag_that_no_scenario_has_is_named_with_the_one_that_was_meant() {
        let features = features::read(&[], false).unwrap();
        let says = |text: &str| {
            let wanted = expression("--tags", text).unwrap().unwrap();
            match ensure_tags_are_known("--tags", &wanted, &features) {
                Ok(()) => String::new(),
                Err(error) => error.to_string(),
            }
        };
        assert_eq!(says("@core and not (@driver or @TC_003_CS)"), "");
        assert_eq!(says("@core and not @quarantine"), "");
        for (text, wanted) in [
            ("@corre", "the tag @corre; did you mean @core?"),
            ("@drivers", "the tag @drivers; did you mean @driver?"),
            ("@Core", "the tag @Core; did you mean @core?"),
            ("@core or @xyzzy", "the tag @xyzzy; --list"),
        ] {
            assert!(says(text).contains(wanted), "{text}: {}", says(text));
        }
    }
}
