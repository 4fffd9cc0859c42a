//! `--share`: the picture for other programs.

#[cfg(feature = "ui")]
use std::cell::RefCell;

use crate::output::share::{Share, Shares, State};
#[cfg(feature = "ui")]
use crate::ui::ShareLink;

/// The picture for other programs: flags of a command.
#[derive(clap::Args)]
pub(super) struct ShareFlags {
    /// Share the picture with other programs, as the camera of v4l2loopback at this device; may be repeated.
    #[arg(long, value_name = "v4l2:/dev/videoN")]
    pub(super) share: Vec<Share>,
}

/// Changes of shares since the last look.
#[derive(Default)]
pub(super) struct ShareNews(Vec<State>);

impl ShareNews {
    /// A line on each share whose state changed, other than to waiting.
    pub(super) fn of(&mut self, shares: &Shares) -> impl Iterator<Item = String> {
        let states: Vec<(String, State)> = shares.states().map(|(share, state)| (share.to_string(), state)).collect();
        let before = std::mem::replace(&mut self.0, states.iter().map(|(_, state)| state.clone()).collect());
        states.into_iter().enumerate().filter_map(move |(at, (share, state))| {
            let is_new = before.get(at).is_none_or(|before| *before != state);
            match &state {
                State::Waiting => None,
                State::On(..) => is_new.then(|| format!("{share}: {state}")),
                State::Failed(_) => is_new.then(|| format!("warning: {share}: {state}")),
            }
        })
    }
}

/// The shares of a window.
#[cfg(feature = "ui")]
pub(super) struct ShareHandle {
    shares: Shares,
    news: RefCell<ShareNews>,
}

#[cfg(feature = "ui")]
impl ShareHandle {
    pub(super) fn new(shares: Shares) -> Self {
        Self { shares, news: RefCell::default() }
    }
}

#[cfg(feature = "ui")]
impl ShareLink for ShareHandle {
    fn set_stage(&self, is_held: bool, is_black: bool) {
        self.shares.set_stage(is_held, is_black);
    }

    fn lines(&self) -> Vec<String> {
        self.shares.states().map(|(share, state)| format!("{share}: {state}")).collect()
    }

    fn news(&self) -> Option<String> {
        let news: Vec<String> = self.news.borrow_mut().of(&self.shares).collect();
        (!news.is_empty()).then(|| news.join("; "))
    }
}
