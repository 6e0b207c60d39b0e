//! One statement for many rows: the rows stand in the text as `($1, $2), ($3, $4), …`.
//!
//! The texts are made once, for 1, 2, 4, … rows: so few of them are prepared that each connection keeps them all. More
//! rows are done in several statements, see [`chunks`].

use std::sync::OnceLock;

/// Rows of the largest statement.
pub(crate) const ROWS_MAX: usize = 64;

const SIZES: usize = ROWS_MAX.ilog2() as usize + 1;

/// A text in which `{rows}` stands for the rows.
pub(crate) struct Many {
    text: &'static str,
    columns: usize,
    texts: [OnceLock<String>; SIZES],
}

impl Many {
    /// A text whose rows have so many columns.
    pub(crate) const fn new(text: &'static str, columns: usize) -> Self {
        Self {
            text,
            columns,
            texts: [const { OnceLock::new() }; SIZES],
        }
    }

    /// The text for as many rows as a chunk of [`chunks`] has.
    pub(crate) fn for_rows(&'static self, rows: usize) -> &'static str {
        debug_assert!(rows.is_power_of_two() && rows <= ROWS_MAX);
        let size = (rows.ilog2() as usize).min(SIZES - 1);
        self.texts[size].get_or_init(|| self.text.replace("{rows}", &self.rows(rows)))
    }

    fn rows(&self, rows: usize) -> String {
        let row = |row: usize| {
            let first = row * self.columns + 1;
            let values = (first..first + self.columns).map(|value| format!("${value}"));
            format!("({})", values.collect::<Vec<_>>().join(", "))
        };
        (0..rows).map(row).collect::<Vec<_>>().join(", ")
    }
}

/// Takes rows apart so that there is a text for each part.
pub(crate) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = 1 << rows.len().min(ROWS_MAX).checked_ilog2()?;
        let (chunk, rest) = rows.split_at(size);
        rows = rest;
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_as_many_rows_as_its_chunk() {
        static TEXT: Many = Many::new("insert into t (a, b) values {rows}", 2);
        assert_eq!(
            TEXT.for_rows(2),
            "insert into t (a, b) values ($1, $2), ($3, $4)"
        );
        assert!(TEXT.for_rows(ROWS_MAX).ends_with("($127, $128)"));
    }

    #[test]
    fn chunks_are_powers_of_two_and_all_of_the_rows() {
        for count in [0, 1, 5, 63, 64, 65, 256] {
            let rows: Vec<usize> = (0..count).collect();
            let parts: Vec<&[usize]> = chunks(&rows).collect();
            assert_eq!(parts.concat(), rows);
            for part in parts {
                assert!(part.len().is_power_of_two() && part.len() <= ROWS_MAX);
            }
        }
    }
}
