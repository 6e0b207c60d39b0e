//! The text of a Rust file as tokens.

/// Takes out every item behind `#[cfg(test)]`.
pub(crate) fn without_tests(tokens: &[String]) -> Vec<String> {
    const TESTS: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..]
            .iter()
            .map(String::as_str)
            .take(TESTS.len())
            .eq(TESTS)
        {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += TESTS.len();
        let mut depth = 0;
        while at < tokens.len() {
            let token = tokens[at].as_str();
            at += 1;
            match token {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" => depth -= 1,
                "}" => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                ";" if depth == 0 => break,
                _ => {}
            }
        }
    }
    kept
}

/// Names, `::` and single signs; no comments, strings, characters and lifetimes.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let next = chars.get(at + 1).copied().unwrap_or(' ');
        match chars[at] {
            '/' if next == '/' => {
                while at < chars.len() && chars[at] != '\n' {
                    at += 1;
                }
            }
            '/' if next == '*' => {
                let mut depth = 0;
                loop {
                    match (chars[at], chars.get(at + 1)) {
                        ('/', Some('*')) => depth += 1,
                        ('*', Some('/')) => depth -= 1,
                        _ => {
                            at += 1;
                            continue;
                        }
                    }
                    at += 2;
                    if depth == 0 {
                        break;
                    }
                }
            }
            '"' => at = after_string(&chars, at),
            '\'' => {
                let is_char = next == '\\' || chars.get(at + 2) == Some(&'\'');
                at += 1;
                if is_char {
                    at += if next == '\\' { 2 } else { 1 };
                    while chars[at] != '\'' {
                        at += 1;
                    }
                    at += 1;
                } else {
                    while chars[at].is_alphanumeric() || chars[at] == '_' {
                        at += 1;
                    }
                }
            }
            c if c.is_alphanumeric() || c == '_' => {
                let begin = at;
                while at < chars.len() && (chars[at].is_alphanumeric() || chars[at] == '_') {
                    at += 1;
                }
                let word: String = chars[begin..at].iter().collect();
                let is_raw = matches!(word.as_str(), "r" | "br" | "cr");
                let sign = chars.get(at).copied().unwrap_or(' ');
                // `r#type` is a name.
                let behind = chars[at..].iter().find(|c| **c != '#');
                if is_raw && behind == Some(&'"') {
                    at = after_raw_string(&chars, at);
                } else if !(sign == '"' && matches!(word.as_str(), "b" | "c")) {
                    tokens.push(word);
                }
            }
            ':' if next == ':' => {
                tokens.push("::".to_owned());
                at += 2;
            }
            c => {
                if !c.is_whitespace() {
                    tokens.push(c.to_string());
                }
                at += 1;
            }
        }
    }
    tokens
}

fn after_string(chars: &[char], begin: usize) -> usize {
    let mut at = begin + 1;
    while chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn after_raw_string(chars: &[char], begin: usize) -> usize {
    let signs = chars[begin..].iter().take_while(|c| **c == '#').count();
    let mut at = begin + signs + 1;
    loop {
        let closes =
            chars[at] == '"' && chars[at + 1..].iter().take_while(|c| **c == '#').count() >= signs;
        if closes {
            return at + 1 + signs;
        }
        at += 1;
    }
}
