//! A progress bar under the lines, where a person watches.
//!
//! It is the last line of the terminal while it is shown: every line of the log takes it away, is written, and puts it
//! back. No thread draws it, since none may be left when castoff becomes the application: whoever shows it redraws it.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Format, Level, SETTINGS, render};

/// The one that is shown.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// The same for a panic, which may have come while the other was held.
static IS_SHOWN: AtomicBool = AtomicBool::new(false);

/// To the beginning of the line, and all of it away (ECMA-48, CR and EL).
const ERASE_LINE: &[u8] = b"\r\x1b[2K";

/// A bar that is shown until this is dropped.
#[derive(Debug)]
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Shows that `done` of `all` are done; `None` where nobody watches: not on a terminal, on one that is dumb, where
    /// lines are JSON, or where lines of this severity are not wanted.
    pub(crate) fn show(done: usize, all: usize) -> Option<Self> {
        let settings = SETTINGS.get().copied().unwrap_or_default();
        let wanted = settings.format == Format::Text && settings.level >= Level::Info;
        if !wanted || !std::io::stderr().is_terminal() {
            return None;
        }
        // It hides itself where TERM is dumb or missing.
        let target = ProgressDrawTarget::stderr();
        if target.is_hidden() {
            return None;
        }
        let [done, all] = [done, all].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        let bar = ProgressBar::with_draw_target(Some(all), target).with_position(done);
        if let Ok(style) = ProgressStyle::with_template(template()) {
            bar.set_style(style.progress_chars("=> "));
        }
        IS_SHOWN.store(true, Ordering::Release);
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
        Some(Self(bar))
    }

    /// Draws it with this text beside it.
    pub(crate) fn say(&self, text: &str) {
        self.0.set_message(render::escaped(text));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        SHOWN.lock().unwrap_or_else(PoisonError::into_inner).take();
        IS_SHOWN.store(false, Ordering::Release);
    }
}

/// `NO_COLOR` counts where it is not empty (<https://no-color.org>).
fn template() -> &'static str {
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        "[{bar:12}] {pos}/{len} {wide_msg}"
    } else {
        "[{bar:12.cyan}] {pos}/{len} {wide_msg}"
    }
}

/// Writes to the terminal what is to stay there: above the bar, if there is one.
pub(super) fn above(write: impl FnOnce()) {
    if std::thread::panicking() {
        // The bar may be in the middle of anything, and its lock be held.
        if IS_SHOWN.load(Ordering::Acquire) {
            super::write_all(ERASE_LINE);
        }
        return write();
    }
    match &*SHOWN.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}
