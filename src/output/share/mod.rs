//! The picture for other programs on this machine, while it is shown: virtual cameras.
//!
//! Each share has a thread of its own, which takes the latest picture. The show never waits for it, and no fault of a share ends the show.

mod link;
#[cfg(target_os = "linux")]
mod v4l2;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::media::Picture;
use link::Link;

/// Time between two attempts to open a share.
const RETRY: Duration = Duration::from_secs(2);
/// Time after which the last picture is repeated, for programs that begin to read while it is held.
const REPEAT: Duration = Duration::from_millis(250);
/// Longest wait for a share at its end.
const CLOSING: Duration = Duration::from_secs(1);

/// A destination of the picture, as `--share` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Share {
    /// A device of v4l2loopback: `v4l2:/dev/video10`.
    V4l2(PathBuf),
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, place) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "v4l2" if !cfg!(target_os = "linux") => {
                Err("v4l2 exists on Linux only; capture the output window instead (docs/sharing.md)".to_owned())
            }
            "v4l2" if place.is_empty() => Err("name the device too, such as v4l2:/dev/video10".to_owned()),
            "v4l2" => Ok(Self::V4l2(place.into())),
            "syphon" | "spout" | "ndi" => Err(format!(
                "bendrack has no {kind}; capture the output window instead, or pipe --frames-out to ffmpeg (docs/sharing.md)"
            )),
            _ => Err("a share is v4l2:/dev/videoN, such as v4l2:/dev/video10".to_owned()),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4l2(path) => write!(f, "v4l2:{}", path.display()),
        }
    }
}

/// The state of a share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It waits for the first picture.
    #[default]
    Waiting,
    /// It has the picture, in this width and height.
    On(usize, usize),
    /// It has no picture, for this reason. The next attempt follows.
    Failed(String),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => f.write_str("waits for the first picture"),
            Self::On(width, height) => write!(f, "shared, {width}×{height}"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// All shares of a program.
#[derive(Clone, Default)]
pub struct Shares(Arc<Inner>);

#[derive(Default)]
struct Inner {
    running: Vec<Running>,
    stage: Mutex<Stage>,
}

struct Running {
    share: Share,
    link: Arc<Link>,
    thread: Option<JoinHandle<()>>,
}

/// The state of the stage, which acts on shares as on the output window.
#[derive(Default)]
struct Stage {
    is_held: bool,
    is_black: bool,
    /// The picture of the show, or the one that is held.
    picture: Option<Arc<Picture>>,
}

impl Shares {
    /// Opens shares, each on a thread of its own.
    pub fn start(shares: Vec<Share>) -> Self {
        let start = |share: Share| {
            let link = Arc::new(Link::default());
            let (of_thread, link_of_thread) = (share.clone(), link.clone());
            let thread = std::thread::spawn(move || serve(&of_thread, &link_of_thread));
            Running { share, link, thread: Some(thread) }
        };
        Self(Arc::new(Inner { running: shares.into_iter().map(start).collect(), stage: Mutex::default() }))
    }

    /// Shares a picture that is shown now. Never waits for a share.
    pub fn push(&self, picture: &Arc<Picture>) {
        let mut stage = self.0.stage();
        if !self.0.running.is_empty() && !stage.is_held {
            stage.picture = Some(picture.clone());
            self.0.offer(&stage);
        }
    }

    /// Holds the picture, or shares black, as the output window does.
    pub fn set_stage(&self, is_held: bool, is_black: bool) {
        let mut stage = self.0.stage();
        if (stage.is_held, stage.is_black) != (is_held, is_black) {
            (stage.is_held, stage.is_black) = (is_held, is_black);
            self.0.offer(&stage);
        }
    }

    /// The shares with their states.
    pub fn states(&self) -> impl Iterator<Item = (&Share, State)> {
        self.0.running.iter().map(|running| (&running.share, running.link.state()))
    }
}

impl Inner {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn offer(&self, stage: &Stage) {
        let Some(picture) = &stage.picture else { return };
        let picture =
            if stage.is_black { Arc::new(Picture::black(picture.width, picture.height)) } else { picture.clone() };
        self.running.iter().for_each(|running| running.link.offer(picture.clone()));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.running.iter().for_each(|running| running.link.stop());
        let begin = Instant::now();
        for thread in self.running.iter_mut().filter_map(|running| running.thread.take()) {
            // A driver may hold its thread; the program ends without it.
            while !thread.is_finished() && begin.elapsed() < CLOSING {
                std::thread::sleep(Duration::from_millis(2));
            }
            if thread.is_finished() {
                // A panic of the thread is already printed.
                let _ = thread.join();
            }
        }
    }
}

/// Serves a share until its end. After a fault, another attempt follows.
fn serve(share: &Share, link: &Link) {
    let run = || match share {
        #[cfg(target_os = "linux")]
        Share::V4l2(path) => v4l2::run(path, link),
        #[cfg(not(target_os = "linux"))]
        Share::V4l2(_) => Err("v4l2 exists on Linux only".to_owned()),
    };
    while let Err(why) = run() {
        link.set_state(State::Failed(why));
        if !link.rest(RETRY) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares without threads, whose link is read here.
    fn shares() -> Shares {
        let running = Running { share: Share::V4l2("/dev/video10".into()), link: Arc::default(), thread: None };
        Shares(Arc::new(Inner { running: vec![running], stage: Mutex::default() }))
    }

    #[test]
    fn a_share_is_read_as_it_is_written_and_a_wrong_one_is_explained() {
        let wrong = |text: &str| text.parse::<Share>().expect_err(text);
        if cfg!(target_os = "linux") {
            let share: Share = "v4l2:/dev/video10".parse().expect("a share");
            assert_eq!(share, Share::V4l2("/dev/video10".into()));
            assert_eq!(share.to_string(), "v4l2:/dev/video10");
            assert!(wrong("v4l2").contains("v4l2:/dev/video10"));
        }
        assert!(wrong("ndi:stage").contains("no ndi") && wrong("spout").contains("--frames-out"));
        assert!(wrong("/dev/video10").contains("a share is v4l2:"));
    }

    #[test]
    fn freeze_and_blackout_act_on_what_is_shared() {
        let shares = shares();
        let push = |level: u8| shares.push(&Arc::new(Picture::filled(2, 2, [level; 3])));
        let level = || shares.0.running[0].link.next(Duration::from_millis(1)).expect("a picture").rgb[0];
        shares.set_stage(false, true);
        push(1);
        assert_eq!(level(), 0, "black from the first picture on");
        shares.set_stage(false, false);
        assert_eq!(level(), 1, "the picture is back before the next one");
        shares.set_stage(true, false);
        push(2);
        assert_eq!(level(), 1, "the picture is held");
        shares.set_stage(true, true);
        assert_eq!(level(), 0);
        shares.set_stage(true, false);
        assert_eq!(level(), 1, "after the blackout, the held picture");
        shares.set_stage(false, false);
        push(3);
        assert_eq!(level(), 3);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_share_without_its_device_names_the_next_step_and_ends_at_once() {
        let shares = Shares::start(vec![Share::V4l2("/dev/video-none".into()), Share::V4l2("/dev/null".into())]);
        let begin = Instant::now();
        let states = loop {
            let states: Vec<String> = shares.states().map(|(_, state)| state.to_string()).collect();
            if shares.states().all(|(_, state)| matches!(state, State::Failed(_))) {
                break states;
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "{states:?}");
            std::thread::sleep(Duration::from_millis(2));
        };
        assert!(
            states[0].contains("/dev/video-none") && states[0].contains("sudo modprobe v4l2loopback"),
            "{states:?}"
        );
        assert!(states[1].contains("no video device"), "{states:?}");
        drop(shares);
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}
