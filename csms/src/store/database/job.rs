//! What waits for the [`writer`](super::writer): jobs that are done one by one, and jobs of one kind that are done together.

use std::any::{Any, TypeId};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::store::{Conn, Result, StoreError};

/// What a job does with the database. A plain function, so that it can run again with the same input.
pub(crate) type Step<I, T> = for<'c> fn(&'c I, &'c mut Conn) -> BoxFuture<'c, Result<T>>;

/// A job that can be done together with others of its kind. Those that are done together are of different charge
/// points; a charge point has one message under way anyway.
pub(crate) trait Folded: Send + Sync + Sized + 'static {
    /// What comes of one.
    type Done: Send + 'static;

    /// Whose job it is.
    fn charge_point(&self) -> &str;

    /// Does all of them, in their order; as many results as jobs. Like a [`Step`], it can run again.
    fn run_all<'c>(
        jobs: &'c [&'c Self],
        conn: &'c mut Conn,
    ) -> BoxFuture<'c, Result<Vec<Self::Done>>>;
}

/// Runs jobs of one kind together.
pub(in crate::store) type RunAll =
    for<'c> fn(Vec<&'c mut Box<dyn Job>>, &'c mut Conn) -> BoxFuture<'c, Result<()>>;

/// Jobs of one kind that are to be run together, and how.
pub(in crate::store::database) type Fold<'j> = (RunAll, Vec<&'j mut Box<dyn Job>>);

/// A job in the queue.
pub(in crate::store) trait Job: Send {
    /// Whether its caller still waits. A job nobody waits for is not run: its charge point was not answered
    /// and says it again, maybe on a connection that is further already.
    fn is_wanted(&self) -> bool;
    /// Runs it inside the open transaction.
    fn run<'c>(&'c mut self, conn: &'c mut Conn) -> BoxFuture<'c, Result<()>>;
    /// Its kind and its charge point, if it can be done together with others of its kind.
    fn fold(&self) -> Option<(TypeId, &str, RunAll)> {
        None
    }
    /// For who knows what it is.
    fn as_any(&mut self) -> &mut dyn Any;
    /// Tells the caller, after the commit or the failure.
    fn finish(self: Box<Self>, committed: Result<()>);
}

struct Work<I, T> {
    input: I,
    step: Step<I, T>,
    outcome: Option<T>,
    reply: oneshot::Sender<Result<T>>,
}

pub(in crate::store) fn job<I, T>(
    input: I,
    step: Step<I, T>,
) -> (Box<dyn Job>, oneshot::Receiver<Result<T>>)
where
    I: Send + Sync + 'static,
    T: Send + 'static,
{
    let (reply, result) = oneshot::channel();
    let work = Work {
        input,
        step,
        outcome: None,
        reply,
    };
    (Box::new(work), result)
}

/// A job that is done together with others.
struct FoldedWork<F: Folded> {
    input: F,
    outcome: Option<F::Done>,
    reply: oneshot::Sender<Result<F::Done>>,
}

pub(in crate::store) fn folded_job<F: Folded>(
    input: F,
) -> (Box<dyn Job>, oneshot::Receiver<Result<F::Done>>) {
    let (reply, result) = oneshot::channel();
    let work = FoldedWork {
        input,
        outcome: None,
        reply,
    };
    (Box::new(work), result)
}

impl<F: Folded> Job for FoldedWork<F> {
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run<'c>(&'c mut self, conn: &'c mut Conn) -> BoxFuture<'c, Result<()>> {
        Box::pin(async move {
            let mut done = F::run_all(&[&self.input], conn).await?;
            self.outcome = done.pop();
            Ok(())
        })
    }

    fn fold(&self) -> Option<(TypeId, &str, RunAll)> {
        Some((TypeId::of::<F>(), self.input.charge_point(), run_all::<F>))
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn finish(self: Box<Self>, committed: Result<()>) {
        let Self { outcome, reply, .. } = *self;
        let result = committed.and_then(|()| outcome.ok_or(StoreError::Closed));
        let _ = reply.send(result);
    }
}

fn run_all<'c, F: Folded>(
    jobs: Vec<&'c mut Box<dyn Job>>,
    conn: &'c mut Conn,
) -> BoxFuture<'c, Result<()>> {
    Box::pin(async move {
        let works = jobs.into_iter();
        let works = works.filter_map(|job| job.as_any().downcast_mut::<FoldedWork<F>>());
        let (inputs, outcomes): (Vec<&F>, Vec<_>) =
            works.map(|work| (&work.input, &mut work.outcome)).unzip();
        let done = F::run_all(&inputs, conn).await?;
        for (outcome, done) in outcomes.into_iter().zip(done) {
            *outcome = Some(done);
        }
        Ok(())
    })
}

impl<I: Send + Sync + 'static, T: Send + 'static> Job for Work<I, T> {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run<'c>(&'c mut self, conn: &'c mut Conn) -> BoxFuture<'c, Result<()>> {
        Box::pin(async move {
            self.outcome = Some((self.step)(&self.input, conn).await?);
            Ok(())
        })
    }

    fn finish(self: Box<Self>, committed: Result<()>) {
        let Self { outcome, reply, .. } = *self;
        let result = committed.and_then(|()| outcome.ok_or(StoreError::Closed));
        // The caller may be gone, with its socket: what it did stays done.
        let _ = reply.send(result);
    }
}
