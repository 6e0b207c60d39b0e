//! One statement for many rows: the rows stand in the text as `($1, $2), ($3, $4), …`, and for SQLite, which looks
//! numbered ones up one by one, as `(?, ?), (?, ?), …`.
//!
//! The texts are made once, for 1 to 16, 32 and 64 rows: so few of them are prepared that each connection keeps them
//! all. Other numbers of rows are done in several statements, see [`chunks`].

use std::sync::OnceLock;

use crate::store::Conn;

/// Rows of the largest statement.
pub(crate) const ROWS_MAX: usize = 64;

/// There is a statement for each number of rows until here, and from here on for each double.
const FEW_ROWS: usize = 16;
const SIZES: usize = FEW_ROWS + (ROWS_MAX / FEW_ROWS).ilog2() as usize;

/// Statements that a connection keeps prepared: enough for those of the hot path in all their sizes.
pub(in crate::store) const PREPARED_MAX: usize = 512;

/// A text in which `{rows}` stands for the rows, and nothing else is bound.
pub(crate) struct Many {
    text: &'static str,
    columns: usize,
    texts: [[OnceLock<String>; SIZES]; 2],
}

impl Many {
    /// A text whose rows have so many columns.
    pub(crate) const fn new(text: &'static str, columns: usize) -> Self {
        Self {
            text,
            columns,
            texts: [const { [const { OnceLock::new() }; SIZES] }; 2],
        }
    }

    /// The text for as many rows as a chunk of [`chunks`] has, in this database.
    pub(crate) fn for_rows(&'static self, conn: &Conn, rows: usize) -> &'static str {
        let (texts, is_numbered) = match conn {
            Conn::Sqlite(_) => (&self.texts[0], false),
            Conn::Postgres(_) => (&self.texts[1], true),
        };
        texts[place_of(rows)]
            .get_or_init(|| self.text.replace("{rows}", &self.rows(rows, is_numbered)))
    }

    fn rows(&self, rows: usize, is_numbered: bool) -> String {
        let row = |row: usize| {
            let first = row * self.columns + 1;
            let values = (first..first + self.columns).map(|value| match is_numbered {
                true => format!("${value}"),
                false => "?".to_owned(),
            });
            format!("({})", values.collect::<Vec<_>>().join(", "))
        };
        (0..rows).map(row).collect::<Vec<_>>().join(", ")
    }
}

/// The place of the text for so many rows.
fn place_of(rows: usize) -> usize {
    debug_assert_eq!(rows, size_within(rows));
    match rows {
        0..=FEW_ROWS => rows.saturating_sub(1),
        _ => FEW_ROWS - 1 + (rows / FEW_ROWS).ilog2() as usize,
    }
    .min(SIZES - 1)
}

/// The most rows that there is a statement for, of so many.
const fn size_within(rows: usize) -> usize {
    match rows {
        0..=FEW_ROWS => rows,
        ROWS_MAX.. => ROWS_MAX,
        _ => 1 << rows.ilog2(),
    }
}

/// Takes rows apart so that there is a text for each part.
pub(crate) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = size_within(rows.len());
        let (chunk, rest) = rows.split_at(size);
        rows = rest;
        (size > 0).then_some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_numbered_or_not() {
        static TEXT: Many = Many::new("insert into t (a, b) values {rows}", 2);
        assert_eq!(TEXT.rows(2, true), "($1, $2), ($3, $4)");
        assert_eq!(TEXT.rows(2, false), "(?, ?), (?, ?)");
        assert!(TEXT.rows(ROWS_MAX, true).ends_with("($127, $128)"));
    }

    #[test]
    fn chunks_are_all_of_the_rows_and_each_has_a_text_of_its_size() {
        static TEXT: Many = Many::new("{rows}", 1);
        let mut places = Vec::new();
        for count in 0..=200 {
            let rows: Vec<usize> = (0..count).collect();
            let parts: Vec<&[usize]> = chunks(&rows).collect();
            assert_eq!(parts.concat(), rows);
            assert!(parts.len() <= count / ROWS_MAX + 3, "{count}");
            places.extend(parts.iter().map(|part| (part.len(), place_of(part.len()))));
        }
        places.sort_unstable();
        places.dedup();
        let sizes: Vec<usize> = places.iter().map(|(_, place)| *place).collect();
        assert_eq!(sizes, (0..SIZES).collect::<Vec<_>>());
        assert!(SIZES * TEXT.texts.len() < PREPARED_MAX);
    }
}
