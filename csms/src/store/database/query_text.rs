//! The text of a query that is put together, beside the values it binds.

/// A value of a query.
#[derive(Clone, Debug)]
pub(in crate::store) enum Bind {
    Text(String),
    Number(i64),
}

/// The text of a query that is put together, and its values in the order of their numbers.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Put {
    pub text: String,
    pub values: Vec<Bind>,
}

impl Put {
    /// Takes a value in; what stands for it in the text.
    pub(in crate::store) fn value(&mut self, value: Bind) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    pub(in crate::store) fn text(&mut self, text: &str) -> String {
        self.value(Bind::Text(text.to_owned()))
    }

    pub(in crate::store) fn add(&mut self, text: &str) {
        self.text.push_str(text);
    }
}

/// Binds the values of a [`Put`] to a query of either database.
macro_rules! bind_all {
    ($query:expr, $put:expr) => {{
        let mut query = $query;
        for value in &$put.values {
            query = match value {
                $crate::store::database::query_text::Bind::Text(text) => query.bind(text.as_str()),
                $crate::store::database::query_text::Bind::Number(number) => query.bind(*number),
            };
        }
        query
    }};
}
pub(in crate::store) use bind_all;
