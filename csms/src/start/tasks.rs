//! The tasks that go on until the shutdown, each with the parts of the server that it needs.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::ocpp::registrations;
use crate::outbox::{Mail, Webhooks};
use crate::running::{lasting, mark_served, write_presences, write_turns};
use crate::{commissioning, guest, ocpi, outbox, retention, settling};

/// Begins all of them. Mail waits where there is no way for it.
pub(super) fn begin_lasting(tasks: &TaskTracker, app: &Arc<App>, mail: Option<Arc<Mail>>) {
    let (store, shutdown, options) = (&app.store, &app.shutdown, &app.options);
    let of_outbox = parts_of_outbox(app);
    let webhooks = Webhooks::new(options.letter_timeout, options.webhooks_to_private_networks);
    let webhooks = Arc::new(webhooks);
    let of_settling = settling::Parts {
        store: store.clone(),
        outbox: app.outbox.clone(),
        guests: app.guests.clone(),
        clock: options.clock.clone(),
        provisional: options.provisional,
        shutdown: shutdown.clone(),
    };
    let of_retention = retention::Parts {
        store: store.clone(),
        metrics: app.metrics.clone(),
        clock: options.clock.clone(),
        retention: options.retention.clone(),
        interval: options.retention_interval,
        shutdown: shutdown.clone(),
    };
    let of_presences = (
        app.sessions.clone(),
        store.clone(),
        options.presence_interval,
        shutdown.clone(),
    );
    last(
        tasks,
        "presences",
        of_presences,
        |(sessions, store, pause, shutdown)| write_presences(sessions, store, pause, shutdown),
    );
    let of_turns = (
        app.sessions.clone(),
        store.clone(),
        options.clock.clone(),
        shutdown.clone(),
    );
    last(
        tasks,
        "who comes and goes",
        of_turns,
        |(sessions, store, clock, shutdown)| write_turns(sessions, store, clock, shutdown),
    );
    last(
        tasks,
        "commissioning",
        app.clone(),
        commissioning::take_up_all,
    );
    last(
        tasks,
        "registrations with partners",
        app.clone(),
        ocpi::register_asked,
    );
    last(
        tasks,
        "results of partners' commands",
        app.clone(),
        ocpi::tell_results,
    );
    last(tasks, "pushes to partners", app.clone(), ocpi::push_changes);
    last(tasks, "guest sessions", app.clone(), guest::take_up_all);
    last(
        tasks,
        "ends of transactions",
        of_settling,
        settling::settle_due,
    );
    last(
        tasks,
        "webhooks",
        of_outbox.clone(),
        outbox::refresh_awaited,
    );
    last(tasks, "letters", of_outbox, move |parts| {
        outbox::deliver(parts, webhooks.clone(), mail.clone())
    });
    let of_registrations = (
        app.registrations.clone(),
        app.sessions.clone(),
        (store.clone(), app.mono),
        shutdown.clone(),
    );
    last(
        tasks,
        "changes of registrations",
        of_registrations,
        |(registrations, sessions, reading, shutdown)| {
            registrations::look(registrations, sessions, reading, shutdown)
        },
    );
    let of_marks = (store.clone(), shutdown.clone());
    last(
        tasks,
        "marks of the database",
        of_marks,
        |(store, shutdown)| mark_served(store, shutdown),
    );
    last(tasks, "retention", of_retention, retention::sweep);
}

/// What the tasks of the outbox need.
pub(super) fn parts_of_outbox(app: &App) -> outbox::Parts {
    outbox::Parts {
        store: app.store.clone(),
        outbox: app.outbox.clone(),
        metrics: app.metrics.clone(),
        clock: app.clock().clone(),
        shutdown: app.shutdown.clone(),
    }
}

/// Spawns what goes on until the shutdown.
fn last<P: Clone + Send + 'static, F: Future<Output = ()> + Send + 'static>(
    tasks: &TaskTracker,
    what: &'static str,
    parts: P,
    begin: impl Fn(P) -> F + Send + 'static,
) {
    tasks.spawn(lasting(what, move || begin(parts.clone())));
}
