//! The table of what OCPP 1.6 demands: what shows that a demand is kept exists, and what nothing shows says why.

use std::collections::BTreeSet;
use std::path::Path;

const TABLE: &str = include_str!("../../features/ocpp16/demands.tsv");

/// A row: id, section, side, level, demand, what shows it, why nothing does.
fn rows() -> impl Iterator<Item = [&'static str; 7]> {
    TABLE.lines().skip(1).map(|line| {
        let mut fields = line.split('\t');
        let row = std::array::from_fn(|_| fields.next().unwrap_or_default());
        assert_eq!(fields.next(), None, "more than seven fields: {line}");
        row
    })
}

/// The names of all scenarios, as they are written, and the texts of all files below this folder with this ending.
fn texts(folder: &Path, ending: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts(&path, ending, found);
        } else if path.extension().is_some_and(|is| is == ending) {
            found.push(std::fs::read_to_string(&path).unwrap());
        }
    }
}

fn scenario_names(root: &Path) -> BTreeSet<String> {
    let mut features = Vec::new();
    texts(&root.join("features/ocpp16"), "feature", &mut features);
    let lines = features.iter().flat_map(|text| text.lines());
    let name = |line: &str| {
        let line = line.trim();
        let name = line
            .strip_prefix("Scenario:")
            .or_else(|| line.strip_prefix("Scenario Outline:"));
        name.map(|name| name.trim().to_owned())
    };
    lines.filter_map(name).collect()
}

fn rule_ids(root: &Path) -> BTreeSet<String> {
    let mut sources = Vec::new();
    texts(&root.join("conformance/src/rules"), "rs", &mut sources);
    let mut ids = BTreeSet::new();
    for text in &sources {
        for (place, made) in ["Rule::must(\"", "Rule::should(\""]
            .iter()
            .flat_map(|made| text.match_indices(*made))
        {
            let rest = &text[place + made.len()..];
            ids.extend(rest.split('"').next().map(str::to_owned));
        }
    }
    ids
}

#[test]
fn what_shows_a_demand_of_ocpp_16_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (scenarios, rules) = (scenario_names(root), rule_ids(root));
    let mut ids = BTreeSet::new();
    for [id, section, side, level, demand, shown_by, why_not] in rows() {
        assert!(ids.insert(id), "{id} is there twice");
        assert!(!section.is_empty() && !demand.is_empty(), "{id}");
        assert!(
            ["charge-point", "csms", "both"].contains(&side),
            "{id}: {side}"
        );
        assert!(["must", "should"].contains(&level), "{id}: {level}");
        assert!(
            shown_by.is_empty() != why_not.is_empty(),
            "{id} needs either what shows it or why nothing does"
        );
        for shown in shown_by.split(" | ").filter(|shown| !shown.is_empty()) {
            let exists = match shown.strip_prefix("rule:") {
                Some(rule) => rules.contains(rule),
                None => scenarios.contains(shown),
            };
            assert!(exists, "{id} is shown by {shown:?}, which is not there");
        }
    }
    let must: Vec<_> = rows().filter(|row| row[3] == "must").collect();
    let shown = must.iter().filter(|row| !row[5].is_empty()).count();
    println!(
        "OCPP 1.6: {} demands, {} of them must; {shown} of those are shown",
        ids.len(),
        must.len()
    );
    assert!(shown * 4 > must.len() * 3, "{shown} of {}", must.len());
}
