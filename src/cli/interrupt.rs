//! The end of a command by a signal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::Failure;

/// The first Ctrl+C or SIGTERM asks for the end. The second one ends the program at once.
#[derive(Clone)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Watches the signals from now on. A file that meets the limit on file sizes becomes an error instead of a signal. A
    /// terminal that closes ends the program at once, unless nohup prevents it.
    pub(super) fn watch() -> Result<Self, Failure> {
        Self::of(&[SIGINT, SIGTERM])
    }

    /// Watches the signals, and the end of the terminal too.
    pub(super) fn watch_terminal() -> Result<Self, Failure> {
        #[cfg(unix)]
        return Self::of(&[SIGINT, SIGTERM, signal_hook::consts::SIGHUP]);
        #[cfg(not(unix))]
        Self::watch()
    }

    fn of(signals: &[i32]) -> Result<Self, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        let watch = || -> std::io::Result<()> {
            for &signal in signals {
                flag::register_conditional_shutdown(signal, 128 + signal, asked.clone())?;
                flag::register(signal, asked.clone())?;
            }
            #[cfg(unix)]
            flag::register(signal_hook::consts::SIGXFSZ, Arc::default())?;
            Ok(())
        };
        watch().map_err(|error| Failure::Failed(format!("signals cannot be received: {error}")))?;
        Ok(Self(asked))
    }

    /// True once the end is asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag that is true once the end is asked for.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }
}
