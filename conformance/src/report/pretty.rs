//! JSON for people: every value and name as it came, byte for byte and in its order, with lines and marks. What is no JSON is
//! shown as it is.

use serde::de::IgnoredAny;

/// Characters of a line before it is broken.
const WIDTH: usize = 76;

/// A place in a JSON text that is to be seen at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Names and indices, each after a slash.
    pub(super) pointer: String,
    /// A member is missing there: its name.
    pub(super) missing: Option<String>,
}

/// A piece of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) text: String,
    /// It is a place that was asked for.
    pub(super) marked: bool,
}

impl Span {
    /// The text as it stands between two tags. Quotation marks need no sign of their own there, and JSON has many of them.
    pub(super) fn html(&self) -> String {
        let mut html = String::with_capacity(self.text.len());
        for letter in self.text.chars() {
            match letter {
                '&' => html.push_str("&amp;"),
                '<' => html.push_str("&lt;"),
                '>' => html.push_str("&gt;"),
                letter => html.push(letter),
            }
        }
        html
    }
}

/// The text with lines, and with these places marked.
pub(super) fn pretty(raw: &str, places: &[Place]) -> Vec<Span> {
    // Whatever is read below is valid, and not deeper than the parser goes.
    if serde_json::from_str::<IgnoredAny>(raw).is_err() {
        return vec![Span {
            text: raw.to_owned(),
            marked: !places.is_empty(),
        }];
    }
    let mut reader = Reader { rest: raw };
    let root = reader.node();
    let mut writer = Writer {
        spans: Vec::new(),
        places,
        inside: 0,
        breaks: false,
    };
    writer.node(&root, "", 0);
    writer.spans
}

/// A value of the text.
enum Node<'a> {
    Scalar(&'a str),
    List(Vec<Self>),
    /// Names stand with their quotation marks.
    Object(Vec<(&'a str, Self)>),
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn node(&mut self) -> Node<'a> {
        self.skip_blanks();
        match self.rest.as_bytes().first() {
            Some(b'[') => {
                let mut elements = Vec::new();
                while self.next_in(']') {
                    elements.push(self.node());
                }
                Node::List(elements)
            }
            Some(b'{') => {
                let mut members = Vec::new();
                while self.next_in('}') {
                    let name = self.scalar();
                    self.skip_blanks();
                    self.skip(1); // the colon
                    members.push((name, self.node()));
                }
                Node::Object(members)
            }
            _ => Node::Scalar(self.scalar()),
        }
    }

    /// Steps over an opening bracket or a comma, or over the closing one: then nothing more is in.
    fn next_in(&mut self, close: char) -> bool {
        self.skip_blanks();
        if !self.rest.starts_with(close) {
            self.skip(1);
            self.skip_blanks();
        }
        if self.rest.starts_with(close) || self.rest.is_empty() {
            self.skip(1);
            return false;
        }
        true
    }

    fn scalar(&mut self) -> &'a str {
        let bytes = self.rest.as_bytes();
        let end = if bytes.first() == Some(&b'"') {
            let mut escaped = false;
            let closing = bytes.iter().skip(1).position(|byte| {
                let closes = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                closes
            });
            closing.map_or(bytes.len(), |at| at + 2)
        } else {
            let ends = |byte: &u8| b",]} \t\r\n".contains(byte);
            bytes.iter().position(ends).unwrap_or(bytes.len())
        };
        let (scalar, rest) = self.rest.split_at(end);
        self.rest = rest;
        scalar
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }
}

struct Writer<'p> {
    spans: Vec<Span>,
    places: &'p [Place],
    /// How many marked values are around what is written.
    inside: usize,
    /// The next value has lines, even if it would fit on one: what stands before it does not leave it the room.
    breaks: bool,
}

impl Writer<'_> {
    fn push(&mut self, text: &str) {
        let marked = self.inside > 0;
        match self.spans.last_mut() {
            Some(last) if last.marked == marked => last.text.push_str(text),
            _ => self.spans.push(Span {
                text: text.to_owned(),
                marked,
            }),
        }
    }

    fn node(&mut self, node: &Node<'_>, pointer: &str, indent: usize) {
        let marked = self
            .places
            .iter()
            .any(|place| place.missing.is_none() && place.pointer == pointer);
        self.inside += usize::from(marked);
        match node {
            Node::Scalar(text) => {
                self.breaks = false;
                self.push(text);
            }
            Node::List(elements) => self.list(elements, pointer, indent),
            Node::Object(members) => self.object(members, pointer, indent),
        }
        self.inside -= usize::from(marked);
    }

    fn list(&mut self, elements: &[Node<'_>], pointer: &str, indent: usize) {
        let breaks = std::mem::take(&mut self.breaks);
        let width = elements.iter().map(Node::width).sum::<usize>();
        let on_a_line = elements.is_empty() || (width + indent <= WIDTH && !breaks);
        let (last, others) = match elements {
            [others @ .., last] => (Some(last), others),
            [] => (None, elements),
        };
        // A frame: its first elements stand on one line, its payload begins there.
        let hugs = others.iter().all(|node| matches!(node, Node::Scalar(_)))
            && last.is_some_and(|node| !matches!(node, Node::Scalar(_)));
        let (inner, lines) = if on_a_line || hugs {
            (indent, false)
        } else {
            (indent + 2, true)
        };
        self.push("[");
        for (index, element) in elements.iter().enumerate() {
            match (index, lines) {
                (0, false) => {}
                (_, false) => self.push(", "),
                (0, true) => self.line(inner),
                (_, true) => {
                    self.push(",");
                    self.line(inner);
                }
            }
            self.breaks = hugs && !on_a_line && index == others.len();
            self.node(element, &format!("{pointer}/{index}"), inner);
        }
        if lines {
            self.line(indent);
        }
        self.push("]");
    }

    fn object(&mut self, members: &[(&str, Node<'_>)], pointer: &str, indent: usize) {
        let places = self.places;
        let missing: Vec<String> = places
            .iter()
            .filter(|place| place.pointer == pointer)
            .filter_map(|place| Some(format!("✗ {} is missing", place.missing.as_ref()?)))
            .collect();
        let width: usize = members
            .iter()
            .map(|(name, node)| name.chars().count() + 2 + node.width())
            .chain(missing.iter().map(|text| text.chars().count() + 2))
            .sum();
        let breaks = std::mem::take(&mut self.breaks) && width > 0;
        let lines = breaks || width + indent > WIDTH;
        self.push("{");
        let mut is_first = true;
        let mut next = |writer: &mut Self| {
            if !std::mem::take(&mut is_first) {
                writer.push(if lines { "," } else { ", " });
            }
            if lines {
                writer.line(indent + 2);
            }
        };
        for (name, node) in members {
            next(self);
            self.push(name);
            self.push(": ");
            let name: String = serde_json::from_str(name).unwrap_or_default();
            self.node(node, &format!("{pointer}/{name}"), indent + 2);
        }
        for text in &missing {
            next(self);
            self.inside += 1;
            self.push(text);
            self.inside -= 1;
        }
        if lines {
            self.line(indent);
        }
        self.push("}");
    }

    fn line(&mut self, indent: usize) {
        self.push("\n");
        self.push(&" ".repeat(indent));
    }
}

impl Node<'_> {
    /// On one line, with a comma behind it.
    fn width(&self) -> usize {
        2 + match self {
            Self::Scalar(text) => text.chars().count(),
            Self::List(elements) => 2 + elements.iter().map(Self::width).sum::<usize>(),
            Self::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, node)| name.chars().count() + 2 + node.width());
                2 + members.sum::<usize>()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(pointer: &str) -> Place {
        Place {
            pointer: pointer.into(),
            missing: None,
        }
    }

    /// The text, with marks as `«…»`.
    fn text(raw: &str, places: &[Place]) -> String {
        let spans = pretty(raw, places);
        let shown = spans.iter().map(|span| match span.marked {
            true => format!("«{}»", span.text),
            false => span.text.clone(),
        });
        shown.collect()
    }

    #[test]
    fn values_and_names_stay_as_they_came_and_in_their_order() {
        let raw = r#" [2,"1" , "X",{"b":1.00,"a":1e3,"b":"\u0041\"]","c":[] ,"d":{}}]"#;
        assert_eq!(
            text(raw, &[]),
            r#"[2, "1", "X", {"b": 1.00, "a": 1e3, "b": "\u0041\"]", "c": [], "d": {}}]"#
        );
        for rubbish in ["hello [", "", "[1,2", "{\"a\":1}}"] {
            assert_eq!(text(rubbish, &[]), rubbish);
        }
        let deep = "[".repeat(100_000);
        assert_eq!(text(&deep, &[]), deep);
    }

    #[test]
    fn what_is_long_has_lines_and_the_payload_of_a_frame_begins_on_the_first() {
        let long = "x".repeat(80);
        let raw = format!(r#"[2,"1","DataTransfer",{{"data":"{long}","list":[1,2]}}]"#);
        assert_eq!(
            text(&raw, &[]),
            format!(
                "[2, \"1\", \"DataTransfer\", {{\n  \"data\": \"{long}\",\n  \"list\": [1, 2]\n}}]"
            )
        );
        // The rest of the line has no room for what would fit alone.
        let half = "x".repeat(40);
        let raw = format!(r#"[2,"{half}","Reset",{{"type":"{}"}}]"#, &half[..20]);
        assert_eq!(
            text(&raw, &[]),
            format!(
                "[2, \"{half}\", \"Reset\", {{\n  \"type\": \"{}\"\n}}]",
                &half[..20]
            )
        );
        let raw = format!(r#"["{long}","{long}"]"#);
        assert_eq!(
            text(&raw, &[]),
            format!("[\n  \"{long}\",\n  \"{long}\"\n]")
        );
    }

    #[test]
    fn the_offending_member_is_marked_and_a_missing_one_is_named_where_it_belongs() {
        let raw = r#"[3,"1",{"status":"Perhaps","info":{"a/b":[1,{"x":2}]}}]"#;
        assert_eq!(
            text(raw, &[at("/2/status")]),
            r#"[3, "1", {"status": «"Perhaps"», "info": {"a/b": [1, {"x": 2}]}}]"#
        );
        assert_eq!(
            text(raw, &[at("/2/info")]),
            r#"[3, "1", {"status": "Perhaps", "info": «{"a/b": [1, {"x": 2}]}»}]"#
        );
        let missing = Place {
            pointer: "/2".into(),
            missing: Some("interval".into()),
        };
        assert_eq!(
            text(r#"[3,"1",{}]"#, std::slice::from_ref(&missing)),
            r#"[3, "1", {«✗ interval is missing»}]"#
        );
        assert_eq!(text("no JSON", &[at("")]), "«no JSON»");
    }
}
