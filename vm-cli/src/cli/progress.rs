//! A spinner for whatever may take over a second.
//!
//! It is drawn on standard error, on a terminal only, and leaves nothing behind.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows that `what` goes on while `work` runs.
pub(super) fn during<T>(what: impl Into<String>, work: impl FnOnce() -> T) -> T {
    let spinner = ProgressBar::new_spinner();
    let spinner = match ProgressStyle::with_template("{spinner} {msg}  {elapsed}") {
        Ok(style) => spinner.with_style(style),
        Err(_) => spinner,
    };
    spinner.set_message(what.into());
    spinner.enable_steady_tick(Duration::from_millis(100));
    let result = work();
    spinner.finish_and_clear();
    result
}
