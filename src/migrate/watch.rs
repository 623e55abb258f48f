//! A second connection beside the work: it is the watchdog, and sees what there is to tell.

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::progress::{EVERY, Seen, Subject};
use crate::duration::whole;
use crate::engine::{Cancel, Observer, Sight};
use crate::log::bar::Bar;

/// When one looks first; then as often as there are lines, a little before each, so that a line is in time and what it says
/// is new.
const FIRST_LOOK: Duration = Duration::from_secs(4);

/// How long one look may take.
const LOOK_LIMIT: Duration = Duration::from_secs(10);

/// How long a server may be unreachable before work on it is given up.
const UNREACHABLE: Duration = Duration::from_secs(30);

/// How long the connection's end may take before it is simply dropped.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);

/// How long work may take before a bar is shown.
const SHOWN_AFTER: Duration = Duration::from_millis(250);

/// How often the bar is drawn: a terminal may be a log that somebody keeps.
const DRAW_EVERY: Duration = Duration::from_secs(1);

/// What looks after a session's work from outside.
pub(super) struct Watch {
    pub(super) canceller: Arc<dyn Cancel>,
    observer: Box<dyn Observer>,
}

impl Watch {
    /// `keeps` says whether the server has a slot to spare for the second connection between two looks.
    pub(super) fn over(canceller: Arc<dyn Cancel>, keeps: bool) -> Self {
        Self { observer: canceller.observer(keeps), canceller }
    }

    /// Tells of the work now and then, and completes with the reason when the session is certain to be lost.
    pub(super) async fn look_after(&mut self, subject: &Subject<'_>) -> String {
        let started = Instant::now();
        let seen = RefCell::default();
        tokio::select! {
            biased;
            reason = look(&mut *self.observer, &seen, started) => reason,
            never = tell(subject, &seen, started) => match never {},
        }
    }

    /// Ends the second connection, if there is one.
    pub(super) async fn close(mut self) {
        if timeout(CLOSE_LIMIT, self.observer.close()).await.is_err() {
            tracing::debug!("the server did not answer when the second connection was ended");
        }
    }
}

/// Completes with the reason when the session is certain to be lost.
///
/// A server that vanishes behind a network says nothing, and a statement may be silent for hours. So now and then a
/// second connection looks whether the session is still there. A server that answers in any way is reachable.
async fn look(observer: &mut dyn Observer, seen: &RefCell<Seen>, started: Instant) -> String {
    let mut last_answer = started;
    let mut due = interval_at(started + FIRST_LOOK, EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        let looked = timeout(LOOK_LIMIT, observer.look()).await;
        let silent = last_answer.elapsed();
        let (answered, now_seen) = match looked {
            Ok(Ok(Sight::There(activity))) => (true, Seen { activity, ..Seen::default() }),
            Ok(Ok(Sight::Silent)) => (true, Seen::nothing("the server does not say what it does".into())),
            Ok(Ok(Sight::Gone)) => return "the server has ended castoff's session".into(),
            Ok(Err(error)) => {
                (error.code.is_some(), Seen::nothing(format!("it cannot be looked at: {error}")))
            }
            Err(_) => (false, Seen::nothing(format!("the server has not answered for {}", whole(silent)))),
        };
        if answered {
            last_answer = Instant::now();
        } else if silent >= UNREACHABLE {
            return format!("the server could not be reached for {}", whole(silent));
        }
        let number = seen.borrow().number + 1;
        seen.replace(Seen { number, ..now_seen });
    }
}

/// Tells what was seen: on a terminal with a bar, and with lines when it is something else; elsewhere with lines.
async fn tell(subject: &Subject<'_>, seen: &RefCell<Seen>, started: Instant) -> Infallible {
    sleep(SHOWN_AFTER).await;
    let (done, all) = subject.count;
    let Some(bar) = Bar::show(done, all) else {
        let mut due = interval_at(started + EVERY, EVERY);
        loop {
            due.tick().await;
            subject.tell(started.elapsed(), &seen.borrow());
        }
    };
    let (mut said, mut text, mut waited_for) = (None, String::new(), Vec::new());
    loop {
        let news = (subject.place(), seen.borrow().number);
        if said != Some(news) {
            said = Some(news);
            let details = subject.details(&seen.borrow());
            text = [subject.short_name()].into_iter().chain(details).collect::<Vec<_>>().join("; ");
            // What has held it up is still to be read when the bar is gone.
            let pids = seen.borrow().blockers();
            if !pids.is_empty() && pids != waited_for {
                subject.tell(started.elapsed(), &seen.borrow());
            }
            waited_for = pids;
        }
        bar.say(&format!("{} {text}", whole(Duration::from_secs(started.elapsed().as_secs()))));
        sleep(DRAW_EVERY).await;
    }
}

#[cfg(test)]
mod tests;
