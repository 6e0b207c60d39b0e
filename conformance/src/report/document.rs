//! A feature file as Cucumber writes it: a tree of nodes, each with its place and an id. Ids are made of places.

use anyhow::{Context as _, Result};
use gherkin::{Background, Examples, Feature, GherkinEnv, LineCol, Rule, Scenario, Step, StepType};
use serde_json::{Value, json};

/// A feature file.
pub(super) struct Document<'a> {
    /// Among those of the report.
    number: usize,
    pub(super) file: &'a str,
    pub(super) text: String,
    feature: Feature,
}

/// A scenario of a document, or a row of an outline.
pub(super) struct Found<'d> {
    document: &'d Document<'d>,
    rule: Option<&'d Rule>,
    scenario: &'d Scenario,
    row: Option<FoundRow<'d>>,
}

struct FoundRow<'d> {
    examples: &'d Examples,
    /// Behind the row of names.
    index: usize,
}

/// A step of a document.
pub(super) struct FoundStep<'d>(&'d Step);

impl<'a> Document<'a> {
    pub(super) fn read(number: usize, file: &'a str, text: String) -> Result<Self> {
        let feature = Feature::parse(&text, GherkinEnv::default())
            .with_context(|| format!("cannot read {file} again for the report"))?;
        Ok(Self {
            number,
            file,
            text,
            feature,
        })
    }

    /// The id of the node on this line.
    pub(super) fn id(&self, line: usize) -> String {
        format!("d{}:{line}", self.number)
    }

    pub(super) fn language(&self) -> &str {
        let words = self.text.lines().find_map(|line| {
            let (_, language) = line.trim().strip_prefix('#')?.split_once("language:")?;
            Some(language.trim())
        });
        words.unwrap_or("en")
    }

    /// The scenario on this line. Rows of an outline are counted from the line of its `Examples:`.
    pub(super) fn scenario(&self, line: usize) -> Option<Found<'_>> {
        let of_feature = self
            .feature
            .scenarios
            .iter()
            .map(|scenario| (None, scenario));
        let of_rules = self.feature.rules.iter().flat_map(|rule| {
            let scenarios = rule.scenarios.iter();
            scenarios.map(move |scenario| (Some(rule), scenario))
        });
        for (rule, scenario) in of_feature.chain(of_rules) {
            let found = |row| Found {
                document: self,
                rule,
                scenario,
                row,
            };
            if scenario.examples.is_empty() && scenario.position.line == line {
                return Some(found(None));
            }
            for examples in &scenario.examples {
                let rows = examples.table.as_ref().map_or(0, |table| table.rows.len());
                let index = line.checked_sub(examples.position.line + 2);
                if let Some(index) = index.filter(|index| index + 1 < rows) {
                    return Some(found(Some(FoundRow { examples, index })));
                }
            }
        }
        None
    }

    /// The step on this line.
    pub(super) fn step(&self, line: usize) -> Option<FoundStep<'_>> {
        let of_rules = self.feature.rules.iter();
        let backgrounds = of_rules.clone().filter_map(|rule| rule.background.as_ref());
        let backgrounds = self.feature.background.iter().chain(backgrounds);
        let scenarios = of_rules.flat_map(|rule| &rule.scenarios);
        let scenarios = self.feature.scenarios.iter().chain(scenarios);
        let mut steps = backgrounds
            .flat_map(|background| &background.steps)
            .chain(scenarios.flat_map(|scenario| &scenario.steps));
        steps.find(|step| step.position.line == line).map(FoundStep)
    }

    pub(super) fn message(&self) -> Value {
        let Feature {
            keyword,
            name,
            description,
            background,
            scenarios,
            rules,
            position,
            ..
        } = &self.feature;
        let comments = self.text.lines().enumerate();
        let comments = comments.filter(|(_, line)| line.trim_start().starts_with('#'));
        let comments =
            comments.map(|(index, line)| json!({"location": place(index + 1, 1), "text": line}));
        let mut children = self.children(background.as_ref(), scenarios);
        children.extend(rules.iter().map(|rule| {
            json!({"rule": {"id": self.id(rule.position.line), "location": at(rule.position),
                "tags": self.tags_above(rule.position.line), "keyword": rule.keyword,
                "name": rule.name, "description": described(rule.description.as_ref()),
                "children": self.children(rule.background.as_ref(), &rule.scenarios)}})
        }));
        json!({"gherkinDocument": {"uri": self.file, "comments": comments.collect::<Vec<_>>(), "feature": {
            "location": at(*position), "tags": self.tags_above(position.line),
            "language": self.language(), "keyword": keyword, "name": name,
            "description": described(description.as_ref()), "children": children}}})
    }

    fn children(&self, background: Option<&Background>, scenarios: &[Scenario]) -> Vec<Value> {
        let background = background.into_iter().map(|background| {
            json!({"background": {"id": self.id(background.position.line),
                "location": at(background.position), "keyword": background.keyword,
                "name": background.name, "description": described(background.description.as_ref()),
                "steps": self.steps(&background.steps)}})
        });
        let scenarios = scenarios.iter().map(|scenario| {
            let examples = scenario.examples.iter().map(|examples| self.examples(examples));
            json!({"scenario": {"id": self.id(scenario.position.line), "location": at(scenario.position),
                "tags": self.tags_above(scenario.position.line), "keyword": scenario.keyword,
                "name": scenario.name, "description": described(scenario.description.as_ref()),
                "steps": self.steps(&scenario.steps), "examples": examples.collect::<Vec<_>>()}})
        });
        background.chain(scenarios).collect()
    }

    fn examples(&self, examples: &Examples) -> Value {
        let line = examples.position.line;
        let rows = examples.table.as_ref().map_or(&[][..], |table| &table.rows);
        let mut rows = self.rows(line, rows).into_iter();
        let mut written = json!({"id": self.id(line), "location": at(examples.position),
            "tags": self.tags_above(line), "keyword": examples.keyword,
            "name": examples.name.as_deref().unwrap_or_default(),
            "description": described(examples.description.as_ref())});
        if let Some(names) = rows.next() {
            written["tableHeader"] = names;
        }
        written["tableBody"] = rows.collect();
        written
    }

    fn steps(&self, steps: &[Step]) -> Vec<Value> {
        let step = |step: &Step| {
            let line = step.position.line;
            let mut written = json!({"id": self.id(line), "location": at(step.position),
                "keyword": step.keyword, "keywordType": keyword_type(step), "text": step.value});
            if let Some(table) = &step.table {
                let rows = self.rows(line, &table.rows);
                written["dataTable"] = json!({"location": rows[0]["location"], "rows": rows});
            }
            if let Some(text) = &step.docstring {
                written["docString"] = json!({"location": place(line + 1, 1), "delimiter": "\"\"\"",
                    "content": text});
            }
            written
        };
        steps.iter().map(step).collect()
    }

    /// The rows of the table behind this line.
    fn rows(&self, line: usize, rows: &[Vec<String>]) -> Vec<Value> {
        let row = |(line, cells): (usize, &Vec<String>)| {
            let text = self.text.lines().nth(line - 1).unwrap_or_default();
            let mut bars = text.char_indices().filter(|(_, letter)| *letter == '|');
            let cells = cells.iter().map(|value| {
                let column = bars.next().map_or(1, |(index, _)| index + 2);
                json!({"location": place(line, column), "value": value})
            });
            let cells: Vec<Value> = cells.collect();
            let bar = text.find('|').map_or(1, |index| index + 1);
            json!({"id": self.id(line), "location": place(line, bar), "cells": cells})
        };
        self.lines_of_rows(line).zip(rows).map(row).collect()
    }

    /// The lines of the table behind this line.
    fn lines_of_rows(&self, line: usize) -> impl Iterator<Item = usize> {
        let lines = self.text.lines().enumerate().skip(line);
        let rows = lines.filter(|(_, text)| text.trim_start().starts_with('|'));
        rows.map(|(index, _)| index + 1)
    }

    /// The tags of the node on this line, which stand above it.
    fn tags_above(&self, line: usize) -> Vec<Value> {
        let lines: Vec<&str> = self.text.lines().take(line.saturating_sub(1)).collect();
        let belongs = |text: &&str| {
            let text = text.trim();
            text.is_empty() || text.starts_with(['@', '#'])
        };
        let count = lines.iter().rev().take_while(|text| belongs(text)).count();
        let above = lines.iter().enumerate().skip(lines.len() - count);
        let mut tags = Vec::new();
        for (index, text) in above.filter(|(_, text)| text.trim_start().starts_with('@')) {
            let text = text.split(" #").next().unwrap_or_default();
            for (column, _) in text.match_indices('@') {
                let name = text[column..].split_whitespace().next().unwrap_or_default();
                tags.push(
                    json!({"id": format!("{}:{}", self.id(index + 1), column + 1),
                    "location": place(index + 1, column + 1), "name": name}),
                );
            }
        }
        tags
    }
}

impl Found<'_> {
    /// The ids of what it is made of: the scenario and, in an outline, the row.
    pub(super) fn nodes(&self) -> Vec<String> {
        let document = self.document;
        let row = self.row.as_ref().and_then(|row| {
            let mut lines = document.lines_of_rows(row.examples.position.line);
            lines.nth(row.index + 1)
        });
        let scenario = document.id(self.scenario.position.line);
        std::iter::once(scenario)
            .chain(row.map(|line| document.id(line)))
            .collect()
    }

    /// The id of one of its tags, whose name comes without its sign.
    pub(super) fn tag(&self, name: &str) -> Option<String> {
        let rule = self.rule.map(|rule| rule.position.line);
        let row = self.row.as_ref().map(|row| row.examples.position.line);
        let lines = [
            Some(self.document.feature.position.line),
            rule,
            Some(self.scenario.position.line),
            row,
        ];
        let mut tags = lines
            .into_iter()
            .flatten()
            .flat_map(|line| self.document.tags_above(line));
        let found = tags.find(|tag| tag["name"].as_str().is_some_and(|is| &is[1..] == name));
        found.and_then(|tag| tag["id"].as_str().map(str::to_owned))
    }

    /// A text with the values of the row put in.
    fn filled(&self, text: &str) -> String {
        let rows = self.row.as_ref().and_then(|row| {
            let rows = &row.examples.table.as_ref()?.rows;
            Some((rows.first()?, rows.get(row.index + 1)?))
        });
        let mut text = text.to_owned();
        if let Some((names, values)) = rows {
            for (name, value) in names.iter().zip(values) {
                text = text.replace(&format!("<{name}>"), value);
            }
        }
        text
    }
}

impl FoundStep<'_> {
    /// What it is for, in the words of Cucumber.
    pub(super) fn kind(&self) -> &'static str {
        match self.0.ty {
            StepType::Given => "Context",
            StepType::When => "Action",
            StepType::Then => "Outcome",
        }
    }

    /// Its table or its text, as a scenario uses it.
    pub(super) fn argument(&self, scenario: Option<&Found<'_>>) -> Option<Value> {
        let filled = |text: &str| scenario.map_or_else(|| text.to_owned(), |one| one.filled(text));
        if let Some(text) = &self.0.docstring {
            return Some(json!({"docString": {"content": filled(text)}}));
        }
        let rows = self.0.table.as_ref()?.rows.iter().map(|row| {
            let cells = row.iter().map(|cell| json!({"value": filled(cell)}));
            json!({"cells": cells.collect::<Vec<_>>()})
        });
        Some(json!({"dataTable": {"rows": rows.collect::<Vec<_>>()}}))
    }
}

fn keyword_type(step: &Step) -> &'static str {
    match step.keyword.trim() {
        "*" => "Unknown",
        "And" | "But" => "Conjunction",
        _ => FoundStep(step).kind(),
    }
}

fn described(description: Option<&String>) -> &str {
    description.map_or("", String::as_str)
}

fn at(position: LineCol) -> Value {
    place(position.line, position.col)
}

fn place(line: usize, column: usize) -> Value {
    json!({"line": line, "column": column})
}
