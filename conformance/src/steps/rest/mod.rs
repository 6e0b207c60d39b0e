//! Steps of scenarios that put the REST API to the test: requests of people and programs, and the charge point behind
//! it.

mod answer;
mod charge_point;
mod circumstance;
mod isolation;
mod request;
mod sweep;
mod webhook;
