//! Where features come from: embedded in the binary, or a folder of the user's. What is wrong with a user's features
//! is said before anything runs, in one line with file, line and column.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cucumber::feature::Ext as _;
use futures_util::stream;
use gherkin::{Feature, GherkinEnv, Scenario, Step};
use include_dir::{Dir, File, include_dir};

use crate::case::file::read_bounded;
use crate::words::quoted;

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../features");

/// Feature files in a folder: a folder with more is not one of features.
const FILES_MAX: usize = 1_000;

/// Folders within folders.
const DEPTH_MAX: usize = 16;

/// Reads the features: the embedded ones, and those of the user's folders; `only` leaves the embedded ones out. Names
/// of scenarios are unique within a feature after this, those of an outline's rows too.
///
/// # Errors
/// One line naming file, line and remedy: a folder without scenarios, a file that is no feature or too large, a
/// name that is given twice.
pub(crate) fn read(folders: &[PathBuf], only: bool) -> Result<Vec<Feature>> {
    let mut texts = if only {
        Vec::new()
    } else {
        embedded(&EMBEDDED)
    };
    texts.sort();
    for folder in folders {
        let mut own = texts_in(folder)?;
        own.sort();
        texts.extend(own);
    }
    let features = texts
        .into_iter()
        .map(|(path, text)| parse(path, &text))
        .collect::<Result<Vec<_>>>()?;
    for folder in folders {
        let mut of_folder = features.iter().filter(|feature| {
            feature
                .path
                .as_ref()
                .is_some_and(|path| path.starts_with(folder))
        });
        if of_folder.all(|feature| feature.scenarios.is_empty()) {
            bail!(
                "no scenario in the features of {}; give a folder that has some",
                folder.display()
            );
        }
    }
    if !folders.is_empty() {
        ensure_names_differ(&features)?;
    }
    Ok(features)
}

/// Writes the embedded features as files: the scenarios that are wanted by their tags. Gives how many files these are.
///
/// # Errors
/// One line naming the file that cannot be written, or that is there already; no scenario is wanted.
pub(crate) fn export(folder: &Path, wanted: impl Fn(&[String]) -> bool) -> Result<usize> {
    let mut texts = Vec::new();
    for (path, text) in embedded(&EMBEDDED) {
        if let Some(text) = text_of_wanted(&path, &text, &wanted)? {
            texts.push((path, text));
        }
    }
    if texts.is_empty() {
        bail!("no scenario fits; --list shows all of them with their tags");
    }
    for (path, text) in &texts {
        let file = folder.join(path);
        if file.exists() {
            bail!("{} is there already; give a new folder", file.display());
        }
        let cannot = || format!("cannot write {}", file.display());
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent).with_context(cannot)?;
        }
        std::fs::write(&file, text).with_context(cannot)?;
    }
    Ok(texts.len())
}

/// The text of a feature file, by the name that scenarios have for it.
pub(crate) fn source_of(file: &str) -> Option<String> {
    let embedded = EMBEDDED.get_file(file);
    let embedded = embedded.and_then(File::contents_utf8).map(str::to_owned);
    embedded.or_else(|| read_bounded(Path::new(file), "feature").ok())
}

/// The text of a feature without the scenarios that are not wanted; nothing where none is.
fn text_of_wanted(
    path: &Path,
    text: &str,
    wanted: impl Fn(&[String]) -> bool,
) -> Result<Option<String>> {
    let feature = Feature::parse(text, GherkinEnv::default())
        .with_context(|| format!("cannot read {}", path.display()))?;
    let lines: Vec<&str> = text.lines().collect();
    // Tags and remarks above a scenario belong to it.
    let begin = |scenario: &Scenario| {
        let above = &lines[..scenario.position.line - 1];
        let belongs = |line: &&&str| line.trim_start().starts_with(['@', '#']);
        above.len() - above.iter().rev().take_while(belongs).count()
    };
    let is_wanted = |scenario: &Scenario| {
        let tags = all_tags(&feature, scenario);
        let of_rows = |tags_of_rows: &[String]| wanted(&[&tags, tags_of_rows].concat());
        match scenario.examples.as_slice() {
            [] => wanted(&tags),
            examples => examples.iter().any(|examples| of_rows(&examples.tags)),
        }
    };
    let mut kept: Vec<&str> = match feature.scenarios.first() {
        Some(first) => lines[..begin(first)].to_vec(),
        None => return Ok(None),
    };
    let head = kept.len();
    for (index, scenario) in feature.scenarios.iter().enumerate() {
        let next = feature.scenarios.get(index + 1);
        let end = next.map_or(lines.len(), begin);
        if is_wanted(scenario) {
            kept.extend(&lines[begin(scenario)..end]);
        }
    }
    let has_some = kept.len() > head;
    Ok(has_some.then(|| kept.join("\n").trim_end().to_owned() + "\n"))
}

fn parse(path: PathBuf, text: &str) -> Result<Feature> {
    let file = path.display();
    if let Some(line) = uneven_row(text) {
        bail!(
            "{file}:{line}: this row has another number of cells than the one above; all rows of a table need the same"
        );
    }
    let mut feature = match Feature::parse(text, GherkinEnv::default()) {
        Ok(feature) => feature,
        Err(error) => bail!("{file}:{}", what_is_wrong(text, &error.to_string())),
    };
    feature.path = Some(path.clone());
    let mut feature = match feature.expand_examples() {
        Ok(feature) => feature,
        Err(error) => bail!(
            "{file}:{}:{}: the examples have no column {}, which this line uses; add it or correct the name",
            error.pos.line,
            error.pos.col,
            quoted(&error.name)
        ),
    };
    flatten_rules(&mut feature);
    name_rows(&mut feature.scenarios);
    Ok(feature)
}

/// Where the text stops being a feature, and what is expected there. `error` is the parser's, which begins with the
/// place: `Error at LINE:COLUMN: …`.
fn what_is_wrong(text: &str, error: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let content = |line: &&str| !line.is_empty() && !line.starts_with(['#', '@']);
    let english = !lines.iter().any(|line| line.starts_with("# language"));
    let first = lines.iter().position(&content);
    let Some(first) = first else {
        return "1:1: there is no feature in this file; `Feature:` with a name is expected".into();
    };
    if english && !lines[first].starts_with("Feature:") {
        return format!("{}:1: `Feature:` with a name is expected here", first + 1);
    }
    let place = error.split(' ').find_map(|word| {
        let (line, column) = word.trim_end_matches(':').split_once(':')?;
        Some((line.parse::<usize>().ok()?, column.parse::<usize>().ok()?))
    });
    let (line, column) = place.unwrap_or((1, 1));
    // The parser stops at the end of what it understood: the line that it did not understand comes next.
    let bad = (line.saturating_sub(1)..lines.len()).find(|index| content(&lines[*index]));
    let (line, column) = match bad {
        Some(index) if index + 1 != line => (index + 1, 1),
        _ => (line, column),
    };
    format!(
        "{line}:{column}: this is not understood here; expected is a step (Given, When, Then, And, But), `Scenario:`, \
         `Scenario Outline:` with `Examples:`, `Background:` or a comment (#)"
    )
}

/// The line of the first table row that has more or fewer cells than the one above it.
fn uneven_row(text: &str) -> Option<usize> {
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let mut above: Option<usize> = None;
    let mut in_text = false;
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.starts_with("\"\"\"") || line.starts_with("```") {
            in_text = !in_text;
        }
        let here = (!in_text && line.starts_with('|')).then(|| cells(line));
        if let (Some(above), Some(here)) = (above, here)
            && above != here
        {
            return Some(index + 1);
        }
        above = here;
    }
    None
}

/// A rule is a heading: its scenarios, with its tags and its background, are those of the feature.
fn flatten_rules(feature: &mut Feature) {
    for rule in std::mem::take(&mut feature.rules) {
        let before: Vec<Step> = rule
            .background
            .into_iter()
            .flat_map(|background| background.steps)
            .collect();
        for mut scenario in rule.scenarios {
            scenario.tags.extend(rule.tags.iter().cloned());
            scenario.steps.splice(0..0, before.iter().cloned());
            feature.scenarios.push(scenario);
        }
    }
}

/// Rows of an outline that share a name are told apart by their values: ` [status=Pending]`.
fn name_rows(scenarios: &mut [Scenario]) {
    let mut count: HashMap<String, usize> = HashMap::new();
    for scenario in scenarios.iter() {
        *count.entry(scenario.name.clone()).or_default() += 1;
    }
    for scenario in scenarios {
        if count.get(&scenario.name).is_some_and(|count| *count > 1)
            && let Some(values) = values_of(scenario)
        {
            scenario.name = format!("{} [{values}]", scenario.name);
        }
    }
}

/// The values of the row that an outline's scenario was made of.
fn values_of(scenario: &Scenario) -> Option<String> {
    let rows = &scenario.examples.first()?.table.as_ref()?.rows;
    let values = rows.first()?.iter().zip(rows.get(1)?);
    let words: Vec<String> = values
        .map(|(column, value)| format!("{column}={value}"))
        .collect();
    Some(words.join(", "))
}

pub(crate) fn place(feature: &Feature, line: usize) -> String {
    let file = feature.path.as_deref().unwrap_or(Path::new(""));
    format!("{}:{line}", file.display())
}

/// Reports tell scenarios apart by the names of feature and scenario.
fn ensure_names_differ(features: &[Feature]) -> Result<()> {
    let mut seen: HashMap<(&str, &str), String> = HashMap::new();
    for feature in features {
        for scenario in &feature.scenarios {
            let here = place(feature, scenario.position.line);
            let name = (feature.name.as_str(), scenario.name.as_str());
            if let Some(before) = seen.insert(name, here.clone()) {
                bail!(
                    "{here}: the feature {} has a scenario {} already, at {before}; give one of them another name",
                    quoted(&feature.name),
                    quoted(&scenario.name)
                );
            }
        }
    }
    Ok(())
}

fn embedded(dir: &Dir<'_>) -> Vec<(PathBuf, String)> {
    let here = dir
        .files()
        .filter(|file| is_feature(file.path()))
        .filter_map(text_of);
    here.chain(dir.dirs().flat_map(embedded)).collect()
}

fn text_of(file: &File<'_>) -> Option<(PathBuf, String)> {
    Some((file.path().to_path_buf(), file.contents_utf8()?.to_owned()))
}

fn is_feature(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "feature")
}

fn texts_in(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_path_buf(), 0)];
    while let Some((here, depth)) = folders.pop() {
        let unreadable = || format!("cannot read the folder of features {}", here.display());
        for entry in std::fs::read_dir(&here).with_context(unreadable)? {
            let path = entry.with_context(unreadable)?.path();
            if path.is_dir() {
                if depth == DEPTH_MAX {
                    bail!(
                        "the folder of features {} goes deeper than {DEPTH_MAX} levels; give one that holds features alone",
                        folder.display()
                    );
                }
                folders.push((path, depth + 1));
            } else if is_feature(&path) {
                if found.len() == FILES_MAX {
                    bail!(
                        "more than {FILES_MAX} feature files in {}; give a folder with fewer",
                        folder.display()
                    );
                }
                let text = read_bounded(&path, "feature")?;
                found.push((path, text));
            }
        }
    }
    if found.is_empty() {
        bail!(
            "no .feature file in {}; give a folder that has some",
            folder.display()
        );
    }
    Ok(found)
}

/// Keeps the scenarios that are wanted, and the features that still have some.
pub(crate) fn keep(features: Vec<Feature>, wanted: impl Fn(&[String]) -> bool) -> Vec<Feature> {
    let keep = |mut feature: Feature| {
        let tags = feature.clone();
        feature
            .scenarios
            .retain(|scenario| wanted(&all_tags(&tags, scenario)));
        (!feature.scenarios.is_empty()).then_some(feature)
    };
    features.into_iter().filter_map(keep).collect()
}

/// The tags of a scenario and of its feature.
pub(crate) fn all_tags(feature: &Feature, scenario: &Scenario) -> Vec<String> {
    let mut tags = feature.tags.clone();
    tags.extend(
        scenario
            .tags
            .iter()
            .filter(|tag| !feature.tags.contains(tag))
            .cloned(),
    );
    tags
}

/// Gives features that are read already to cucumber.
#[derive(Debug)]
pub(crate) struct Ready;

impl cucumber::Parser<Vec<Feature>> for Ready {
    type Cli = cucumber::cli::Empty;
    type Output = stream::Iter<std::vec::IntoIter<cucumber::parser::Result<Feature>>>;

    fn parse(self, features: Vec<Feature>, _: Self::Cli) -> Self::Output {
        stream::iter(features.into_iter().map(Ok).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::side::Side;
    use std::collections::BTreeSet;

    #[test]
    fn every_scenario_says_which_side_it_tests_and_every_id_has_its_scenario() {
        let mut ids = BTreeSet::new();
        for feature in read(&[], false).expect("the embedded features are readable") {
            for scenario in &feature.scenarios {
                let tags = all_tags(&feature, scenario);
                let sides = tags
                    .iter()
                    .filter(|tag| ["charge-point", "csms", "api", "cpo"].contains(&tag.as_str()))
                    .count();
                assert_eq!(sides, 1, "{}", scenario.name);
                let is_id = |tag: &String| tag.starts_with("TC_") || tag.starts_with("OCPI-");
                ids.extend(tags.into_iter().filter(is_id));
            }
        }
        let known: BTreeSet<String> = [Side::ChargePoint, Side::Csms, Side::Cpo]
            .into_iter()
            .flat_map(crate::case::catalogue::ids_of)
            .map(|id| (*id).to_owned())
            .collect();
        assert_eq!(ids, known);
    }
    #[test]
    fn names_of_scenarios_are_unique_and_rows_of_an_outline_say_their_values() {
        let features = read(&[], false).expect("the embedded features are readable");
        ensure_names_differ(&features).unwrap();
        let names: Vec<&str> = features
            .iter()
            .flat_map(|feature| &feature.scenarios)
            .map(|scenario| scenario.name.as_str())
            .collect();
        for wanted in [
            "A value that makes no sense is refused [value=-1]",
            "A value that makes no sense is refused [value=often]",
            "A tag that the CSMS refuses as Blocked starts nothing",
        ] {
            assert!(names.contains(&wanted), "{wanted}: {names:?}");
        }
    }

    /// What reading a folder with one file of this text says.
    fn error_of(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.feature"), text).unwrap();
        let error = read(&[folder.path().to_owned()], true)
            .unwrap_err()
            .to_string();
        let error = error.replace(&format!("{}/", folder.path().display()), "");
        error.replace(&folder.path().display().to_string(), "DIR")
    }

    #[test]
    fn what_is_exported_holds_the_scenarios_that_are_wanted_and_no_other() {
        let exported = |wanted: &dyn Fn(&[String]) -> bool| {
            let folder = tempfile::tempdir().unwrap();
            let files = export(folder.path(), wanted)?;
            let own = read(&[folder.path().to_owned()], true)?;
            assert_eq!(files, own.len());
            let scenarios = own.iter().flat_map(|feature| {
                feature
                    .scenarios
                    .iter()
                    .map(move |scenario| all_tags(feature, scenario))
            });
            anyhow::Ok(scenarios.collect::<Vec<_>>())
        };
        let has = |tags: &[String], tag: &str| tags.iter().any(|other| other == tag);
        let one = exported(&|tags: &[String]| has(tags, "TC_003_CS")).unwrap();
        assert!(
            !one.is_empty() && one.iter().all(|tags| has(tags, "TC_003_CS")),
            "{one:?}"
        );
        let embedded = read(&[], false).unwrap();
        let count = |wanted: &dyn Fn(&[String]) -> bool| {
            let kept = keep(embedded.clone(), wanted);
            kept.iter()
                .map(|feature| feature.scenarios.len())
                .sum::<usize>()
        };
        let robust = |tags: &[String]| has(tags, "robustness");
        assert_eq!(exported(&robust).unwrap().len(), count(&robust));
        assert_eq!(exported(&|_| true).unwrap().len(), count(&|_| true));
        assert!(exported(&|_| false).is_err());
    }

    const GOOD: &str = "    Given a charge point that is booted and idle\n";

    #[test]
    fn what_is_wrong_with_a_feature_is_one_line_with_its_place() {
        for (text, wanted) in [
            (
                String::new(),
                "a.feature:1:1: there is no feature in this file",
            ),
            ("# nothing\n\n".into(), "a.feature:1:1: there is no feature"),
            (
                "Feature x\n  Scenario: a\n".into(),
                "a.feature:1:1: `Feature:` with a name is expected",
            ),
            ("Feature: x\n".into(), "no scenario in the features of DIR"),
            (
                format!("Feature: x\n  Scenario: a\n{GOOD}    Whenever it rains\n"),
                "a.feature:4:",
            ),
            (
                format!("Feature: x\n  Scenario: a\n{GOOD}  Scenario: a\n{GOOD}"),
                "a.feature:4: the feature \"x\" has a scenario \"a\" already, at a.feature:2",
            ),
            (
                format!(
                    "Feature: x\n  Scenario Outline: a <c>\n{GOOD}    Examples:\n      | b |\n      | 1 |\n"
                ),
                "the examples have no column \"c\"",
            ),
            (
                format!(
                    "Feature: x\n  Scenario Outline: a <b>\n{GOOD}    Examples:\n      | b |\n      | 1 | 2 |\n"
                ),
                "a.feature:6: this row has another number of cells",
            ),
        ] {
            let error = error_of(&text);
            assert!(
                error.contains(wanted),
                "{text}\nsays: {error}\nnot: {wanted}"
            );
            assert!(!error.contains('\n') && !error.contains("{\""), "{error}");
        }
        let large = format!("Feature: x\n{}", "# more\n".repeat(200_000));
        assert_eq!(
            error_of(&large),
            "the feature a.feature has more than 1 MiB; give a smaller one"
        );
    }

    #[test]
    fn the_scenarios_of_a_rule_are_those_of_the_feature_with_its_background_and_tags() {
        let folder = tempfile::tempdir().unwrap();
        let text = "Feature: x\n  @t\n  Rule: r\n    Background:\n      Given a charge point that is booted and idle\n    \
            Scenario: a\n      When it boots\n";
        std::fs::write(folder.path().join("a.feature"), text).unwrap();
        let features = read(&[folder.path().to_owned()], true).unwrap();
        let scenario = &features[0].scenarios[0];
        assert_eq!(
            (scenario.steps.len(), &scenario.tags[..]),
            (2, &["t".to_owned()][..])
        );
        assert_eq!(
            scenario.steps[0].value,
            "a charge point that is booted and idle"
        );
    }
}
