//! Who may do what: organizations and their keys, accounts, projects, sites, id tags.

pub(super) mod access;
pub(super) mod account;
pub(super) mod invitation;
pub(super) mod project;
pub(super) mod site;
pub(super) mod tag;
