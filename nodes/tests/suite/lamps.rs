//! Levels of lamps and LEDs.

use bendrack_nodes::patch::Patch;
use bendrack_nodes::program::cells::{Cells, Pixels, Tones};
use bendrack_nodes::program::light::{self, Channels, Lit};
use bendrack_nodes::tick::Memory;
use serde_json::{Value as Json, json};

use crate::outputs::with;
use crate::patching::*;

/// Levels of a patch's frames in parts of a latent frame: device, universe, channel, levels.
fn levels(patch: &Patch, frames: usize, part: f64, picture: &[u8], mask: &[f32]) -> Vec<(String, u16, u32, Vec<u8>)> {
    let program = run(&compile(patch), &mut Memory::default(), 0, frames);
    let pixels = |cells: &Cells| match cells.tones {
        Tones::Rgb => Pixels::Rgb(picture.to_vec()),
        Tones::Grey | Tones::Raw => Pixels::Grey(mask.to_vec()),
    };
    let lane = |lane| light::channels(&program.lights, lane, part, pixels);
    let of = |it: Channels| (it.device.to_string(), it.universe, it.channel, it.levels);
    (0..frames).flat_map(lane).map(of).collect()
}

#[test]
fn lamps_get_their_levels_at_their_channels() {
    let of = |kind: &str, params: Json| levels(&patch(&[("it", kind, params)], &[]), 1, 1.0, &[], &[]).remove(0);
    for (params, wanted) in [
        (json!({ "value": 0.5 }), ("", 1, 1, vec![128])),
        (json!({ "value": 7, "universe": 0, "channel": 512, "device": "wall" }), ("wall", 0, 512, vec![255])),
        (json!({ "value": 0.5, "fine": true, "channel": 7 }), ("", 1, 7, vec![0x80, 0])),
        (json!({ "value": 1, "fine": true }), ("", 1, 1, vec![255, 255])),
    ] {
        let (device, universe, channel, levels) = of("light.channel", params.clone());
        assert_eq!((&*device, universe, channel, levels), wanted, "{params}");
    }
    let colour = json!({ "red": 1.0, "green": 0.6, "blue": 0.2 });
    for (order, wanted) in [
        ("rgb", vec![255, 153, 51]),
        ("grb", vec![153, 255, 51]),
        ("bgr", vec![51, 153, 255]),
        ("rbg", vec![255, 51, 153]),
        ("gbr", vec![153, 51, 255]),
        ("brg", vec![51, 255, 153]),
        ("rgbw", vec![204, 102, 0, 51]),
        ("grbw", vec![102, 204, 0, 51]),
        ("white", vec![167]),
    ] {
        assert_eq!(of("light.colour", with(colour.clone(), "order", json!(order))).3, wanted, "{order}");
    }
    assert_eq!(of("light.colour", with(colour, "brightness", json!(0.5))).3, [128, 77, 26]);
}

#[test]
fn a_lamp_fades_over_a_latent_frame_or_jumps() {
    let faded = |smooth: bool, part| -> Vec<u8> {
        let nodes = [
            ("wave", "modulate.lfo", json!({ "rate": 1.0, "shape": "square", "depth": 1.0, "polarity": "unipolar" })),
            ("it", "light.channel", json!({ "smooth": smooth })),
        ];
        let nodes = nodes.map(|(id, kind, params)| (id, kind, params));
        levels(&patch(&nodes, &[("wave.out", "it.value")]), 4, part, &[], &[]).into_iter().flat_map(|it| it.3).collect()
    };
    let ends = faded(true, 1.0);
    assert!(ends.contains(&0) && ends.contains(&255), "{ends:?}");
    assert_eq!(faded(false, 0.25), ends);
    let quarter = faded(true, 0.25);
    assert_eq!(quarter[0], ends[0], "the first frame has nothing to fade from");
    for (before, (now, quarter)) in ends.iter().zip(ends[1..].iter().zip(&quarter[1..])) {
        let wanted = f64::from(*before) + 0.25 * (f64::from(*now) - f64::from(*before));
        assert!((f64::from(*quarter) - wanted).abs() <= 0.51, "{quarter} is not {wanted}");
    }
}

#[test]
fn leds_follow_their_wiring_mask_and_brightness() {
    // Six LEDs in two rows; the red of each is its place.
    let picture: Vec<u8> = (0..6).flat_map(|place| [10 * place, 0, 0]).collect();
    let nodes =
        |params| [("wan", "model.wan", json!({})), ("tap", "tap.neurons", json!({})), ("it", "light.matrix", params)];
    let cables = [("wan.picture", "it.picture"), ("tap.map", "it.mask")];
    let reds = |params: Json, cables: &[(&str, &str)]| -> Vec<u8> {
        let params = with(with(params, "columns", json!(3)), "rows", json!(2));
        let lit = levels(&patch(&nodes(params), cables), 1, 1.0, &picture, &[1.0, 1.0, 0.5, 0.0, 1.0, 1.0]).remove(0);
        lit.3.chunks(3).map(|led| led[0]).collect()
    };
    for (wiring, wanted) in [
        ("rows", [0, 10, 20, 30, 40, 50]),
        ("rows_serpentine", [0, 10, 20, 50, 40, 30]),
        ("columns", [0, 30, 10, 40, 20, 50]),
        ("columns_serpentine", [0, 30, 40, 10, 20, 50]),
    ] {
        assert_eq!(reds(json!({ "wiring": wiring }), &cables[..1]), wanted, "{wiring}");
    }
    assert_eq!(reds(json!({}), &cables), [0, 10, 10, 0, 40, 50], "masked");
    assert_eq!(reds(json!({ "brightness": 0.5 }), &cables[..1]), [0, 5, 10, 15, 20, 25]);
    assert_eq!(reds(json!({ "gamma": 2.0 }), &cables[..1])[5], 10, "50² / 255");
    assert!(levels(&patch(&nodes(json!({})), &[]), 1, 1.0, &picture, &[]).is_empty(), "nothing is connected");
    let large = patch(&nodes(json!({ "columns": 1024, "rows": 256 })), &cables[..1]);
    let program = run(&compile(&large), &mut Memory::default(), 0, 1);
    let Lit::Leds(leds) = &program.lights[0].lanes[0].of else { panic!("LEDs") };
    assert_eq!((leds.cells.width, leds.cells.height), (1024, 32));
    assert!(program.to_string().contains("light channel 1 of universe 1: 1024 × 32 cells in rgb"), "{program}");
}
