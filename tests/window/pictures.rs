//! The picture of the README, with the real engine: `make pictures`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bendrack::engine::{Engine, EngineHandle, Model};
use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;

use crate::driver::*;

/// Video before the picture is taken: the colour has left the tulip then.
const PLAYED: Duration = Duration::from_secs(6);

/// Margin of a window under test, in pixels.
const MARGIN: u32 = 8;

#[test]
#[ignore = "draws docs/rack.png, and needs a graphics driver: make pictures"]
fn the_rack_of_the_readme() {
    let plan = Plan::compile(&first_bend(), LIBRARY).0.unwrap();
    let load = move || Engine::new(Model::mini()?, Arc::new(plan), (128, 128));
    let rack = EngineHandle::start(load, |_| {});
    let mut window = window_on(Box::new(rack), first_bend(), Some("patches/first_bend.json".into()), None, true);
    let begun = Instant::now();
    while begun.elapsed() < PLAYED {
        window.run_steps(1);
        std::thread::sleep(Duration::from_millis(15));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rack.png");
    let picture = window.render().unwrap();
    let (width, height) = picture.dimensions();
    let rack = image::imageops::crop_imm(&picture, MARGIN, MARGIN, width - 2 * MARGIN, height - 2 * MARGIN);
    rack.to_image().save(path).unwrap();
}
