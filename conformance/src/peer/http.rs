//! What HTTP clients of the rig have in common.

/// What is shown of an answer, in bytes.
const SHOWN_BYTES_MAX: usize = 1_000;

/// The beginning of an answer's body, as much as a reader wants to see.
pub(crate) async fn beginning(mut response: reqwest::Response) -> String {
    let mut body = Vec::new();
    while body.len() < SHOWN_BYTES_MAX
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk[..chunk.len().min(SHOWN_BYTES_MAX - body.len())]);
    }
    String::from_utf8_lossy(&body).into_owned()
}

/// An error of the HTTP client with its causes; the client's own sentence leaves out what went wrong.
pub(crate) fn in_words(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    causes
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}
