//! What is put in the place of a value: spellings that are right, wrong, and at the edge.

use serde_json::Value;

/// Everything worth putting in the place of a value, as JSON text: valid and invalid.
pub(crate) fn literals(schema: &Value, value: &Value) -> Vec<String> {
    let mut literals: Vec<String> = [
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "1.0",
        "1.5",
        "\"\"",
        "\"1\"",
        "\"text\"",
        "\"null\"",
        "[]",
        "{}",
        "[null]",
        "[{}]",
        "[1]",
        "[\"text\"]",
        "{\"x\":1}",
    ]
    .map(str::to_owned)
    .into();
    if let Some(values) = schema["enum"].as_array() {
        literals.extend(
            values
                .iter()
                .flat_map(|value| enumeration(value.as_str().unwrap())),
        );
    }
    let kind = schema["type"].as_str().unwrap_or("string");
    let texts: &[&str] = match (kind, schema["format"].as_str()) {
        ("string", Some("date-time")) => DATE_TIMES,
        ("string", Some("uri")) => URIS,
        ("integer", _) => INTEGERS,
        ("number", _) => NUMBERS,
        _ => &[],
    };
    literals.extend(texts.iter().map(|text| match kind {
        "string" => Value::from(*text).to_string(),
        _ => (*text).to_owned(),
    }));
    if let Some(max) = schema["maxLength"].as_u64() {
        literals.extend(lengths(usize::try_from(max).unwrap()));
    } else if kind == "string" && schema["enum"].is_null() {
        literals.push(format!("\"{}\"", "x".repeat(5_000)));
    }
    for bound in ["minimum", "maximum"] {
        if let Some(bound) = schema[bound].as_i64() {
            literals.extend((bound - 1..=bound + 1).map(|n| n.to_string()));
        }
    }
    if let Value::Array(items) = value {
        let item = items
            .first()
            .cloned()
            .unwrap_or_else(|| crate::instance(&schema["items"], false));
        let most = schema["maxItems"].as_u64().unwrap_or(39);
        for count in [1, 2, 3, most, most + 1] {
            literals.push(
                (0..count)
                    .map(|_| item.clone())
                    .collect::<Value>()
                    .to_string(),
            );
        }
    }
    literals
}

/// A value of an enumeration, and spellings that are none.
fn enumeration(value: &str) -> [String; 6] {
    [
        value.to_owned(),
        value.to_lowercase(),
        value.to_uppercase(),
        format!("{value} "),
        format!("{value}X"),
        value[1..].to_owned(),
    ]
    .map(|text| Value::from(text).to_string())
}

/// Texts around a length limit, which counts characters, not bytes.
fn lengths(max: usize) -> Vec<String> {
    [
        "x",
        "é",
        "充",
        "🔌",
        "\\n",
        "\\u0041",
        "\\ud83d\\udd0c",
        " ",
    ]
    .iter()
    .flat_map(|unit| [max - 1, max, max + 1].map(|count| format!("\"{}\"", unit.repeat(count))))
    .collect()
}

const DATE_TIMES: &[&str] = &[
    "2024-03-10T15:00:00Z",
    "2024-03-10T15:00:00z",
    "2024-03-10t15:00:00Z",
    "2024-03-10T15:00:00.1Z",
    "2024-03-10T15:00:00.123Z",
    "2024-03-10T15:00:00.123456789Z",
    "2024-03-10T15:00:00.1234567890Z",
    "2024-03-10T15:00:00.123456789012345678901234Z",
    "2024-03-10T15:00:00+00:00",
    "2024-03-10T15:00:00-00:00",
    "2024-03-10T15:00:00+01:00",
    "2024-03-10T15:00:00.5-11:30",
    "2024-03-10T15:00:00+14:00",
    "2024-03-10T15:00:00+23:59",
    "2024-03-10T15:00:00-23:59",
    "2024-03-10T15:00:00+24:00",
    "2024-03-10T15:00:00+25:00",
    "2024-03-10T15:00:00+00:60",
    "2024-02-29T00:00:00Z",
    "2023-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2000-02-29T00:00:00Z",
    "2024-04-31T00:00:00Z",
    "2024-00-10T00:00:00Z",
    "2024-13-10T00:00:00Z",
    "2024-12-00T00:00:00Z",
    "2024-12-32T00:00:00Z",
    "2024-12-31T23:59:59Z",
    "2024-12-31T24:00:00Z",
    "2024-12-31T23:60:00Z",
    "2016-12-31T23:59:60Z",
    "2016-12-31T23:59:60.5Z",
    "2016-12-31T23:59:61Z",
    "2016-12-31T15:59:60-08:00",
    "2024-03-10T15:00:60Z",
    "2024-03-10T23:59:60Z",
    "2017-01-01T00:59:60+01:00",
    "2016-12-31T23:59:60+01:00",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-23:59",
    "0000-01-01T00:00:00+23:59",
    "10000-01-01T00:00:00Z",
    "+002024-03-10T15:00:00Z",
    "-002024-03-10T15:00:00Z",
    "24-03-10T15:00:00Z",
    "2024-3-10T15:00:00Z",
    "2024-03-1T15:00:00Z",
    "2024-03-10T5:00:00Z",
    "2024-03-10T15:0:00Z",
    "2024-03-10T15:00:0Z",
    "2024-03-10 15:00:00Z",
    "2024-03-10_15:00:00Z",
    "2024-03-1015:00:00Z",
    "2024-03-10T15:00:00",
    "2024-03-10T15:00:00.123",
    "2024-03-10T15:00:00 Z",
    " 2024-03-10T15:00:00Z",
    "2024-03-10T15:00:00Z ",
    "2024-03-10T15:00:00Z\n",
    "2024-03-10T15:00:00.Z",
    "2024-03-10T15:00:00,5Z",
    "2024-03-10T15:00:00+01",
    "2024-03-10T15:00:00+0100",
    "2024-03-10T15:00:00+1:00",
    "2024-03-10T15:00:00+01:00:00",
    "2024-03-10T15:00:00+01:00[Europe/Berlin]",
    "2024-03-10T15:00:00Z[UTC]",
    "2024-03-10T15:00:00UTC",
    "2024-03-10T15:00:00−01:00",
    "2024-03-10T15:00:00ZZ",
    "2024-03-10T15:00Z",
    "2024-03-10T15Z",
    "2024-03-10",
    "2024-03-10Z",
    "15:00:00Z",
    "T15:00:00Z",
    "20240310T150000Z",
    "2024-W10-7T15:00:00Z",
    "2024-070T15:00:00Z",
    "2024/03/10T15:00:00Z",
    "10.03.2024 15:00:00",
    "Sun, 10 Mar 2024 15:00:00 GMT",
    "1710082800",
    "2024-03-10T15:00:00.é",
    "２０２４-03-10T15:00:00Z",
    "yesterday",
];

const URIS: &[&str] = &[
    "ftp://user:secret@files.example.com:2121/dir/file.bin",
    "https://example.com/a?b=c&d=%20#e",
    "sftp://[2001:db8::1]:22/x",
    "http://192.0.2.1",
    "urn:isbn:0451450523",
    "mailto:a@b.c",
    "file:///tmp/x",
    "a:b",
    "a+b-c.d:e",
    "https://example.com",
    "https://example.com/ä",
    "https://exämple.com/",
    "https://example.com/a b",
    " https://example.com/",
    "https://example.com/ ",
    "https://example.com/%zz",
    "https://example.com/%2",
    "https://example.com/<x>",
    "https://example.com/{x}",
    "https://example.com/\"x\"",
    "https://example.com/x\\y",
    "https://example.com/x^y",
    "https://example.com/x`y",
    "https://example.com/x|y",
    "https://example.com/[x]",
    "https://example.com/?[x]",
    "https://example.com/#a#b",
    "https://example.com/\n",
    "https://example.com:port/",
    "https://example.com:/",
    "https://example.com:99999/",
    "https://[2001:db8::g]/",
    "https://[2001:db8::1/",
    "https://[v1.x]/",
    "https://a@b@c/",
    "https://",
    "https:",
    "https",
    "//example.com/x",
    "/dir/file",
    "dir/file",
    "../x",
    "1http://x",
    "+a:b",
    ":x",
    "ht tp://x",
    "hättp://x",
    "?x",
    "#x",
];

const INTEGERS: &[&str] = &[
    "2",
    "-0",
    "0.0",
    "-1.0",
    "1e0",
    "1E2",
    "1e-1",
    "10e-1",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "1e20",
    "0.1",
    "-7.5",
    "2147483647.0",
    "\"7\"",
    "\"7.0\"",
];

const NUMBERS: &[&str] = &[
    "-0",
    "0.0",
    "0.1",
    "-0.1",
    "0.2",
    "0.3",
    "0.7",
    "1.1",
    "16.5",
    "16.50",
    "16.500",
    "16",
    "32.0",
    "1e1",
    "1.6e1",
    "1.65e1",
    "165e-1",
    "1E+2",
    "1e-1",
    "22000.1",
    "99999999.9",
    "999999999999.9",
    "0.05",
    "0.01",
    "-0.15",
    "16.55",
    "16.501",
    "1.655e1",
    "1655e-2",
    "1e-2",
    "1e-10",
    "0.15",
    "100.25",
    "22000.11",
    "99999999.99",
    "2147483648",
    "1e10",
    "1e15",
    "1e18",
    "1e20",
    "1e22",
    "1e30",
    "0.30000000000000004",
    "0.1000000000000000055511151231257827",
    "\"16.5\"",
    "123456789.1",
    "8388608.1",
    "33554432.3",
    "4503599627370496.5",
];
