//! Engines between two chunks that are stored, and go on in another engine.

use std::path::Path;
use std::sync::Arc;

use bendrack::engine::{Engine, Frame, Model, Phase, Session};
use bendrack::take::Performance;
use bendrack::wan::stored::Tensors;
use bendrack_nodes::patch::Patch;

use crate::rig;

/// The pictures and the taps of the next chunks of a session.
fn next(session: &mut Session, calls: usize) -> Vec<(u64, Vec<u8>, Vec<u8>, String)> {
    let mut performance = Performance::default();
    let mut frames = Vec::new();
    for _ in 0..calls {
        frames.extend(performance.step(session).expect("a step"));
    }
    let of = |frame: Frame| {
        let numbers = format!("{:?} {:?} {:?}", frame.taps, frame.measurements, frame.messages);
        (frame.number, frame.picture.rgb.clone(), frame.screen.rgb.clone(), numbers)
    };
    frames.into_iter().map(of).collect()
}

fn begun(patch: &Patch) -> Session {
    let plan = Arc::new(rig::plan(patch));
    let engine = Model::mini().and_then(|mini| Engine::new(mini, plan, (48, 32))).expect("an engine");
    Session::new(engine, patch.clone().into())
}

/// All patches of the project: what follows a checkpoint is what would have followed anyway, bit for bit.
#[test]
fn every_patch_goes_on_from_a_checkpoint() {
    let mut count = 0;
    for entry in std::fs::read_dir("patches").expect("the patches").map(|entry| entry.expect("an entry").path()) {
        if entry.extension() != Some("json".as_ref()) {
            continue;
        }
        count += 1;
        goes_on(&entry);
    }
    assert!(count > 20, "{count} patches");
}

fn goes_on(path: &Path) {
    let patch = Patch::from_slice(&std::fs::read(path).expect("a patch")).expect("a valid patch");
    let mut session = begun(&patch);
    // More chunks than the KV cache holds, so that it has wrapped around.
    let calls = session.engine().model().shape().map_or(5, |shape| shape.steps + 1);
    next(&mut session, 7 * calls);
    while session.engine().phase() != Phase::Between {
        next(&mut session, 1);
    }
    let mut tensors = Tensors::default();
    let stored = session.store(&mut tensors).expect("stored");
    let bytes = postcard::to_stdvec(&stored).expect("plain data");
    let wanted = next(&mut session, 2 * calls);

    let mut other = begun(&patch);
    // It has a past of its own, which it forgets.
    next(&mut other, calls + 2);
    other.restore(postcard::from_bytes(&bytes).expect("read"), &mut tensors).expect("restored");
    assert_eq!(tensors.iter().count(), 0, "{}: every tensor is used", path.display());
    let found = next(&mut other, 2 * calls);
    assert!(wanted.len() >= 12, "{}", path.display());
    for (wanted, found) in wanted.iter().zip(&found) {
        assert_eq!(wanted.0, found.0, "{}", path.display());
        assert_eq!(wanted.3, found.3, "{}: picture {}", path.display(), wanted.0);
        assert!(wanted == found, "{}: picture {} differs", path.display(), wanted.0);
    }
    assert_eq!(wanted.len(), found.len(), "{}", path.display());
    assert_eq!(session.checksum(), other.checksum(), "{}", path.display());
}
