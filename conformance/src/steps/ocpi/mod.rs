//! Steps of scenarios that put a CPO to the test: what its partners ask it, and what it asks them.

mod answer;
mod came;
mod credentials;
mod page;
mod partner;
mod place;
mod request;
mod token;
mod version;
