//! Sends requests to the CPO under test, and writes down what was sent and what came.

use std::sync::PoisonError;
use std::time::SystemTime;

use crate::failure::Failure;
use crate::peer::http::in_words;
use crate::wire::http::Answer;
use crate::wire::ocpi::{Asked, Exchange, Ledger, SharedBend};

/// Sends requests and writes them down. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    client: reqwest::Client,
    ledger: Ledger,
    /// What stands between the CPO and its partners in the judge's own test.
    bend: Option<SharedBend>,
}

impl Caller {
    pub(super) fn new(client: reqwest::Client, ledger: Ledger, bend: Option<SharedBend>) -> Self {
        Self {
            client,
            ledger,
            bend,
        }
    }

    pub(super) fn bend(&self) -> Option<SharedBend> {
        self.bend.clone()
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn call(&self, mut asked: Asked) -> Result<Exchange, Failure> {
        asked.at = SystemTime::now();
        let number = self.ledger.begin(asked.clone());
        let answer = match &self.bend {
            None => self.send(&asked).await?,
            Some(bend) => {
                let bend = || bend.lock().unwrap_or_else(PoisonError::into_inner);
                let bent = bend().asks(&asked);
                let mut answer = Err(Failure::new("the defect asks for nothing"));
                for asked in &bent {
                    answer = Ok(self.send(asked).await?);
                }
                let mut answer = answer?;
                answer.method = asked.method.to_string();
                answer.path.clone_from(&asked.url);
                bend().tells(&asked, &mut answer);
                answer
            }
        };
        self.ledger.end(number, answer.clone());
        Ok(self.ledger.get(number).unwrap_or(Exchange {
            asked,
            answer: Some(answer),
            answered_at: None,
        }))
    }

    async fn send(&self, asked: &Asked) -> Result<Answer, Failure> {
        let silent = |error: &reqwest::Error| {
            Failure::new(format!(
                "{}: no answer: {}",
                asked.in_words(),
                in_words(error)
            ))
        };
        let mut request = self
            .client
            .request(asked.method.clone(), &asked.url)
            .headers(asked.headers.clone());
        if asked.headers.contains_key("content-type") {
            request = request.body(asked.body.clone());
        }
        let response = request.send().await.map_err(|error| silent(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.map_err(|error| silent(&error))?;
        Ok(Answer {
            method: asked.method.to_string(),
            path: asked.url.clone(),
            status,
            headers,
            bytes: bytes.to_vec(),
        })
    }
}
