//! `castoff plan`: reads as `status` does, and shows what `migrate` would do next.

use super::migrate::warn_of_drift;
use super::{Life, Prepared, close};
use crate::attempt::{Attempts, Ready, Trouble};
use crate::command::Line;
use crate::engine::{Reading, Session};
use crate::exit::{Exit, Failure, Result};
use crate::phase::Phase;
use crate::plan::Plans;
use crate::preview::Preview;
use crate::status::is_held;

impl Life<'_> {
    /// Prints what would be sent, or run.
    ///
    /// # Errors
    ///
    /// As for `migrate`: 65 and 64 where nothing would be applied. 82 while another process is at a migration.
    pub(super) async fn plan(
        &self,
        attempts: &Attempts<'_>,
        ready: Ready,
        (plans, line): (&Plans<'_>, Option<&Line>),
        json: bool,
        prepared: &mut Prepared,
    ) -> Result<()> {
        let Ready { mut session, reading } = ready;
        let command = line.map(|line| self.shown(line));
        let look = Box::pin(preview(&mut *session, &reading, plans, command.as_deref()));
        let bounded = async { attempts.bounded(look, None).await.map_err(Failure::from) };
        let preview = self.interruptible(Phase::Wait, bounded).await?;
        close(session).await;
        prepared.output = if json { preview.json()? + "\n" } else { preview.text() };
        Ok(())
    }

    /// The command for people. Arguments that the user has written may hold secrets; a format's own hold none.
    fn shown(&self, line: &Line) -> String {
        let arguments = line.arguments().join(" ");
        match (arguments.is_empty(), self.config.migrate_command.is_some()) {
            (true, _) => line.name().to_owned(),
            (false, true) => format!("{} …", line.name()),
            (false, false) => format!("{} {arguments}", line.name()),
        }
    }
}

async fn preview(
    session: &mut dyn Session,
    reading: &Reading,
    plans: &Plans<'_>,
    command: Option<&str>,
) -> Result<Preview, Trouble> {
    if let Some(command) = command {
        return Ok(Preview::by_command(plans, reading, command)?);
    }
    let plan = plans.plan(reading)?;
    if plan.is_undecided() && is_held(session, reading, plans).await.map_err(Trouble::NotYet)? {
        let being_applied: Vec<&str> = plan.failed().map(|unfinished| unfinished.id.as_str()).collect();
        let being_applied = being_applied.join(", ");
        return Err(Failure::message(
            Exit::Pending,
            format!("another process is applying migration {being_applied}: what is left after it cannot be told yet"),
        )
        .hint("ask again when it is done; `castoff status` says when that is")
        .into());
    }
    let preview = Preview::by_castoff(plans, &plan, reading, session).await?;
    warn_of_drift(&plan, plans);
    Ok(preview)
}
