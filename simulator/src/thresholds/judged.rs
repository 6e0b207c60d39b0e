//! One bound after the run: what was wanted, what came, and whether that is good.

use serde::Serialize;

/// One bound after the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Judged {
    pub(crate) name: String,
    pub(crate) ok: bool,
    /// Absent where nothing was measured, which is not held.
    pub(crate) value: Option<f64>,
    pub(crate) limit: f64,
    /// The limit that counts unless a scenario names a weaker one; absent where it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) relaxed_from: Option<f64>,
    /// What a reader wants to know besides, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remark: Option<String>,
    #[serde(skip)]
    pub(crate) bound: Bound,
}

/// Which side of a limit is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Least,
    Most,
}

/// What a value is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limit {
    bound: Bound,
    value: f64,
    relaxed_from: Option<f64>,
}

impl Bound {
    /// Whether a value is on the good side of a limit, or on it.
    fn allows(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Least => value >= limit,
            Self::Most => value <= limit,
        }
    }

    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Least => "at least",
            Self::Most => "at most",
        }
    }

    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Least => "≥",
            Self::Most => "≤",
        }
    }
}

impl Limit {
    pub(super) const fn given(bound: Bound, value: f64) -> Self {
        Self {
            bound,
            value,
            relaxed_from: None,
        }
    }

    /// What a scenario gives, else the default; none where there is neither.
    pub(super) fn of(bound: Bound, given: Option<u64>, default: Option<u64>) -> Option<Self> {
        let (given, default) = (given.map(|n| n as f64), default.map(|n| n as f64));
        let value = given.or(default)?;
        Some(Self {
            bound,
            value,
            relaxed_from: default.filter(|default| !bound.allows(value, *default)),
        })
    }
}

impl Judged {
    pub(super) fn new(name: impl Into<String>, value: Option<f64>, limit: Limit) -> Self {
        Self {
            name: name.into(),
            ok: value.is_some_and(|value| limit.bound.allows(value, limit.value)),
            value,
            limit: limit.value,
            relaxed_from: limit.relaxed_from,
            remark: None,
            bound: limit.bound,
        }
    }

    pub(super) fn with_remark(self, remark: Option<String>) -> Self {
        Self { remark, ..self }
    }

    /// For people: what was wanted.
    pub(super) fn wanted(&self) -> String {
        format!("{} {}{}", self.bound.words(), self.limit, self.relaxed())
    }

    /// For people: what was wanted and what came.
    pub(crate) fn sentence(&self) -> String {
        let remark = self.remark.as_ref();
        let remark = remark.map_or(String::new(), |remark| format!(": {remark}"));
        let value = self
            .value
            .map_or("not measured".into(), |value| value.to_string());
        format!("{}: {value}, wanted {}{remark}", self.name, self.wanted())
    }

    /// That the scenario made it weaker than it is by default.
    pub(crate) fn relaxed(&self) -> String {
        self.relaxed_from.map_or(String::new(), |default| {
            format!(" (relaxed from {default})")
        })
    }
}
