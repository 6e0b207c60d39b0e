//! The table of leniencies: every deviation from the standard that [`super::Decoding::Tolerant`] takes, by name.
//!
//! A row says what it takes and where. What has no row is refused in both decodings.

/// A deviation that is taken, by its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leniency {
    /// See [`LENIENCIES`], as for all of them.
    UnknownMember,
    /// `null` for a member that is left out otherwise.
    NullMember,
    /// An empty text for a member that is left out otherwise.
    EmptyMember,
    /// An optional member that cannot be read.
    UnreadableMember,
    /// A member that stands twice.
    DoubledMember,
    /// A text above its greatest length, kept whole.
    TextTooLong,
    /// A number in the place of a text.
    TextAsNumber,
    /// `true` or `false` in the place of a text.
    TextAsBoolean,
    /// An integer with a point or an exponent.
    IntegerAsDecimal,
    /// A reading with a fraction, rounded to whole Wh.
    ReadingRounded,
    /// A number in quotation marks.
    NumberAsText,
    /// A text or a number in the place of `true` or `false`.
    BooleanAsOther,
    /// A charging rate with more than one decimal.
    RateTooExact,
    /// A word outside its enumeration, kept as it is.
    UnknownWord,
    /// One object in the place of a list.
    SingleForList,
    /// A sample, or a meter value, that cannot be read.
    UnreadableSample,
    /// `null` or `[]` for a payload without members.
    EmptyPayload,
    /// A time without offset, taken as UTC.
    TimeWithoutOffset,
    /// An offset without its minutes or its colon.
    TimeShortOffset,
    /// A blank for the `T`, before the offset, or around the time.
    TimeWithBlank,
    /// A fraction of a second after a comma, or without digits.
    TimeOddFraction,
    /// Fields without their leading zero, without seconds, or without separators.
    TimeShortForm,
    /// A date alone: its first instant.
    TimeDateOnly,
}

/// Where a leniency holds.
#[derive(Clone, Copy, Debug)]
pub enum Places {
    /// In every message, request or answer.
    All,
    /// In these members of these types; the type of a payload is named after its action.
    Only(&'static [(&'static str, &'static [&'static str])]),
}

impl Places {
    fn include(self, holder: &str, member: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(places) => places
                .iter()
                .any(|(name, members)| *name == holder && members.contains(&member)),
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which one it is.
    pub leniency: Leniency,
    /// Its name in figures, logs and over REST.
    pub name: &'static str,
    /// What it takes, one sentence.
    pub takes: &'static str,
    /// Where.
    pub places: Places,
}

const fn row(leniency: Leniency, name: &'static str, takes: &'static str, places: Places) -> Row {
    Row {
        leniency,
        name,
        takes,
        places,
    }
}

/// Everything that is taken, in the order of [`Leniency`].
pub const LENIENCIES: &[Row] = &[
    row(
        Leniency::UnknownMember,
        "unknown_member",
        "a member that the schema does not name is left out",
        Places::All,
    ),
    row(
        Leniency::NullMember,
        "null_member",
        "null for an optional member counts as if the member were absent",
        Places::All,
    ),
    // Not the measurand: an absent one means the energy register, and no other value may become that.
    row(
        Leniency::EmptyMember,
        "empty_member",
        "an empty text for this optional member counts as if the member were absent",
        Places::Only(&[
            ("StartTransactionRequest", &["reservationId"]),
            ("StopTransactionRequest", &["reason", "idTag"]),
            ("MeterValuesRequest", &["transactionId"]),
            ("StatusNotificationRequest", &["timestamp"]),
            (
                "SampledValue",
                &["context", "format", "phase", "location", "unit"],
            ),
        ]),
    ),
    // Not where its absence would mean something else than that nothing was said.
    row(
        Leniency::UnreadableMember,
        "unreadable_member",
        "this optional member is left out when it cannot be read: what was started or stopped is the fact",
        Places::Only(&[
            ("StartTransactionRequest", &["reservationId"]),
            (
                "StopTransactionRequest",
                &["reason", "idTag", "transactionData"],
            ),
        ]),
    ),
    // Not the transactionId: nobody knows which of two is meant.
    row(
        Leniency::DoubledMember,
        "doubled_member",
        "of a member that stands more than once the last one counts",
        Places::Only(&[(
            "StopTransactionRequest",
            &[
                "meterStop",
                "timestamp",
                "reason",
                "idTag",
                "transactionData",
            ],
        )]),
    ),
    row(
        Leniency::TextTooLong,
        "text_too_long",
        "a text that is longer than the standard allows is kept whole",
        Places::All,
    ),
    row(
        Leniency::TextAsNumber,
        "text_as_number",
        "a number where a text belongs becomes its own spelling",
        Places::All,
    ),
    row(
        Leniency::TextAsBoolean,
        "text_as_boolean",
        "true or false where the value of a setting belongs becomes that word",
        Places::Only(&[("KeyValue", &["value"])]),
    ),
    row(
        Leniency::IntegerAsDecimal,
        "integer_as_decimal",
        "an integer may be written with a point or an exponent, such as 6000.0 or 6e3",
        Places::All,
    ),
    row(
        Leniency::ReadingRounded,
        "reading_rounded",
        "a reading with a fraction is rounded to whole Wh",
        Places::Only(&[
            ("StartTransactionRequest", &["meterStart"]),
            ("StopTransactionRequest", &["meterStop"]),
        ]),
    ),
    row(
        Leniency::NumberAsText,
        "number_as_text",
        "a number may stand in quotation marks",
        Places::All,
    ),
    row(
        Leniency::BooleanAsOther,
        "boolean_as_other",
        "\"true\", \"false\", 1 and 0 count as true and false",
        Places::All,
    ),
    row(
        Leniency::RateTooExact,
        "rate_too_exact",
        "a charging rate may have more than one decimal",
        Places::All,
    ),
    row(
        Leniency::UnknownWord,
        "unknown_word",
        "a word outside its enumeration is kept as it is, where no decision hangs on it",
        Places::Only(&[
            ("StatusNotificationRequest", &["errorCode"]),
            ("StopTransactionRequest", &["reason"]),
            (
                "SampledValue",
                &[
                    "context",
                    "format",
                    "measurand",
                    "phase",
                    "location",
                    "unit",
                ],
            ),
            ("DiagnosticsStatusNotificationRequest", &["status"]),
            ("FirmwareStatusNotificationRequest", &["status"]),
            ("LogStatusNotificationRequest", &["status"]),
            ("SignedFirmwareStatusNotificationRequest", &["status"]),
        ]),
    ),
    row(
        Leniency::SingleForList,
        "single_for_list",
        "one object where a list belongs is a list of one",
        Places::All,
    ),
    row(
        Leniency::UnreadableSample,
        "unreadable_sample",
        "a sample, or a meter value, that cannot be read is left out beside good ones, or beside a stop",
        Places::Only(&[
            ("MeterValuesRequest", &["meterValue"]),
            ("StopTransactionRequest", &["transactionData"]),
            ("MeterValue", &["sampledValue"]),
        ]),
    ),
    row(
        Leniency::EmptyPayload,
        "empty_payload",
        "null or [] counts as a payload without members",
        Places::All,
    ),
    row(
        Leniency::TimeWithoutOffset,
        "time_without_offset",
        "a time without offset is UTC",
        Places::All,
    ),
    row(
        Leniency::TimeShortOffset,
        "time_short_offset",
        "an offset may lack its minutes or its colon, such as +02 or +0200",
        Places::All,
    ),
    row(
        Leniency::TimeWithBlank,
        "time_with_blank",
        "a blank may stand for the T, before the offset and around the time",
        Places::All,
    ),
    row(
        Leniency::TimeOddFraction,
        "time_odd_fraction",
        "a fraction of a second may follow a comma, or have no digits",
        Places::All,
    ),
    row(
        Leniency::TimeShortForm,
        "time_short_form",
        "the fields of a time may lack leading zeros, seconds or separators",
        Places::All,
    ),
    row(
        Leniency::TimeDateOnly,
        "time_date_only",
        "a date without time is its first instant",
        Places::All,
    ),
];

impl Leniency {
    /// Its row.
    #[must_use]
    pub fn row(self) -> &'static Row {
        &LENIENCIES[self as usize]
    }

    /// Its name in figures, logs and over REST: lower case, words with underscores between them.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    pub(super) fn holds(self, holder: &str, member: &str) -> bool {
        self.row().places.include(holder, member)
    }
}

/// Characters of an example that are kept.
const EXCERPT_CHARS_MAX: usize = 256;
/// Characters of a JSON pointer that are kept.
const POINTER_CHARS_MAX: usize = 128;

/// One kind of deviation in one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// Which one.
    pub leniency: Leniency,
    /// The JSON pointer of its first example, at most 128 characters.
    pub pointer: String,
    /// The JSON text of that example, at most 256 characters.
    pub excerpt: String,
    /// How often this message has it.
    pub count: u64,
}

/// Adds an example; of each kind the first is kept and all are counted.
pub(super) fn note(deviations: &mut Vec<Deviation>, leniency: Leniency, pointer: &str, json: &str) {
    let known = deviations.iter_mut().find(|d| d.leniency == leniency);
    if let Some(known) = known {
        known.count += 1;
        return;
    }
    deviations.push(Deviation {
        leniency,
        // A name may have any character, a database not.
        pointer: pointer
            .chars()
            .take(POINTER_CHARS_MAX)
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .collect(),
        excerpt: json.chars().take(EXCERPT_CHARS_MAX).collect(),
        count: 1,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_leniency_has_one_row_at_its_place_and_a_name_of_its_own() {
        let names: BTreeSet<_> = LENIENCIES.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), LENIENCIES.len());
        for (index, row) in LENIENCIES.iter().enumerate() {
            assert_eq!(row.leniency as usize, index, "{}", row.name);
            assert_eq!(row.leniency.name(), row.name);
            let plain = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(row.name.chars().all(plain), "{}", row.name);
        }
    }

    #[test]
    fn of_many_examples_the_first_is_kept_and_all_are_counted() {
        let mut deviations = Vec::new();
        let long = "x".repeat(1_000);
        for _ in 0..1_000 {
            note(&mut deviations, Leniency::UnknownMember, "/a", &long);
        }
        assert_eq!(deviations.len(), 1);
        assert_eq!(deviations[0].count, 1_000);
        assert_eq!(deviations[0].excerpt.len(), EXCERPT_CHARS_MAX);
        note(&mut deviations, Leniency::NullMember, "/\0", "null");
        assert_eq!(deviations[1].pointer, "/\u{fffd}");
    }
}
