//! Outputs of the sound follower, compared with their formulas.

use bendrack_nodes::node::sound::{BANDS, HOPS_PER_SEC, Hop, centre, edges, share};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::patching::*;

/// Hops of a latent frame.
const HOPS: usize = 25;
const LEVELS: [&str; 4] = ["level", "bass", "mid", "treble"];

/// A hop with these amplitudes (root of the mean square) in some bands.
fn hop(bands: &[(usize, f32)]) -> Hop {
    let mut hop = Hop::default();
    for (band, amplitude) in bands {
        hop.bands[*band] = *amplitude;
    }
    hop
}

/// A hop with the same amplitude in each band.
fn all(amplitude: f32) -> Hop {
    Hop { bands: [amplitude; BANDS] }
}

/// Silence, with `hop` at each multiple of `every`.
fn clicks(hop: Hop, every: usize, count: usize) -> Vec<Hop> {
    (0..count).map(|n| if n % every == 0 { hop } else { Hop::default() }).collect()
}

/// A follower without attack, of these hops, 25 in a frame.
fn follower(params: &Json, sound: Vec<Hop>) -> Bench<'static> {
    Bench::new("audio.in", json!({ "attack": 0.0, "release": 0.0 })).with(params).hear(sound, HOPS)
}

#[test]
fn bands_are_those_of_the_norm() {
    // ISO 266, as printed on equalisers; each differs by less than two hundredths from the exact value.
    let named = [
        20.0, 25.0, 31.5, 40.0, 50.0, 63.0, 80.0, 100.0, 125.0, 160.0, 200.0, 250.0, 315.0, 400.0, 500.0, 630.0, 800.0,
        1000.0, 1250.0, 1600.0, 2000.0, 2500.0, 3150.0, 4000.0, 5000.0, 6300.0, 8000.0, 10_000.0, 12_500.0, 16_000.0,
        20_000.0,
    ];
    assert_eq!(named.len(), BANDS);
    for (band, named) in named.into_iter().enumerate() {
        assert!((centre(band) / named - 1.0).abs() < 0.02, "{band}");
        assert!((edges(band).start * edges(band).end - centre(band).powi(2)).abs() < 1e-6 * centre(band).powi(2));
        assert!(band == 0 || (edges(band).start / edges(band - 1).end - 1.0).abs() < 1e-12);
    }
}

#[test]
fn hops_are_shared_out_each_once() {
    for (hops, frames) in [(0, 3), (1, 3), (2, 3), (75, 3), (76, 3), (1000, 7), (5, 1)] {
        let sound: Vec<Hop> = (0..hops).map(|n| all(n as f32)).collect();
        let shares: Vec<&[Hop]> = (0..frames).map(|frame| share(&sound, frame, frames)).collect();
        assert_eq!(shares.concat(), sound);
        let even = shares.iter().all(|share| share.len() == hops / frames || share.len() == hops / frames + 1);
        assert!(even, "{hops} over {frames}");
    }
}

#[test]
fn levels_are_amplitudes_after_gain_and_at_most_one() {
    // Bands of 63 Hz, 1 kHz and 8 kHz, well within their ranges.
    let (low, middle, high) = (0.2_f64, 0.05_f64, 0.01_f64);
    let sound = vec![hop(&[(5, low as f32), (17, middle as f32), (26, high as f32)]); 2 * HOPS];
    for gain in [-24.0, 0.0, 6.0, 40.0] {
        let full = 2.0_f64.sqrt() * 10.0_f64.powf(gain / 20.0);
        let all = (low * low + middle * middle + high * high).sqrt();
        for (output, amplitude) in LEVELS.into_iter().zip([all, low, middle, high]) {
            let given = follower(&json!({ "gain": gain }), sound.clone()).gives(output, 2);
            assert!(given.iter().all(|level| (level - (full * amplitude).min(1.0)).abs() < 1e-7), "{output} {gain}");
        }
    }
    // A sine at full scale is 1.
    let sine = vec![hop(&[(17, std::f32::consts::FRAC_1_SQRT_2)]); HOPS];
    assert!((follower(&json!({}), sine).gives("level", 1)[0] - 1.0).abs() < 1e-6);
}

#[test]
fn a_crossover_within_a_band_shares_its_power_by_pitch() {
    let sound = vec![hop(&[(12, 0.25)]); HOPS];
    for hz in [200.0, 285.0, 300.0, 316.0, 340.0, 354.0, 400.0] {
        let ends = edges(12);
        let below = ((f64::ln(hz) - ends.start.ln()) / (ends.end.ln() - ends.start.ln())).clamp(0.0, 1.0);
        let expected = [below, 1.0 - below].map(|part| (2.0 * part).sqrt() * 0.25);
        for (params, outputs) in [
            (json!({ "low": hz, "high": 5000.0 }), ["bass", "mid"]),
            (json!({ "low": 20.0, "high": hz }), ["mid", "treble"]),
            // Crossed frequencies leave no mid band.
            (json!({ "low": hz, "high": 20.0 }), ["bass", "treble"]),
        ] {
            let bench = follower(&params, sound.clone());
            assert_near(&outputs.map(|output| bench.gives(output, 1)[0]), &expected);
        }
    }
}

#[test]
fn levels_come_nine_tenths_of_the_way_in_their_times() {
    let (loud, frames) = (0.25 * 2.0_f64.sqrt(), 8);
    let sound: Vec<Hop> =
        (0..frames * HOPS).map(|n| if n < 4 * HOPS { hop(&[(17, 0.25)]) } else { Hop::default() }).collect();
    for (attack, release) in [(0.0, 0.0), (0.01, 0.25), (1.0, 0.5), (0.3, 20.0), (60.0, 60.0)] {
        let gone = |secs: f64, whole: f64| if whole == 0.0 { 1.0 } else { 1.0 - 10.0_f64.powf(-secs / whole) };
        let top = loud * gone(1.0, attack);
        // A level that rises is highest at the frame's end, one that falls after the frame's first hop.
        let expected = numbers(frames, |n| {
            if n < 4.0 { loud * gone(0.25 * (n + 1.0), attack) } else { top * (1.0 - gone(0.25 * n - 0.99, release)) }
        });
        let params = json!({ "attack": attack, "release": release });
        for output in ["level", "mid"] {
            assert_near(&follower(&params, sound.clone()).gives(output, frames), &expected);
        }
        // Where no sound comes any more, a level falls by the length of the frame, whatever that is.
        let top = top.min(loud * gone(1.0, attack));
        let expected = numbers(3, |n| top * (1.0 - gone(0.2 * (n + 1.0), release)));
        let cut = follower(&params, sound[..4 * HOPS].to_vec()).dt(0.2);
        assert_near(&cut.gives("level", 7)[4..], &expected);
    }
    assert_near(&follower(&json!({}), vec![]).gives("level", 3), &[0.0; 3]);
}

#[test]
fn a_short_blow_is_as_high_as_it_was_in_its_frame() {
    let mut sound = vec![Hop::default(); 3 * HOPS];
    sound[HOPS + 2] = hop(&[(5, 0.5)]);
    let given = follower(&json!({ "release": 0.25 }), sound).gives("bass", 3);
    // It falls over 22 hops to the end of its frame, and one more.
    assert_near(&given, &[0.0, 0.5 * 2.0_f64.sqrt(), 0.5 * 2.0_f64.sqrt() * 10.0_f64.powf(-0.23 / 0.25)]);
}

#[test]
fn brightness_is_the_mean_of_the_pitch_and_stays_in_silence() {
    let sound = [vec![hop(&[(0, 0.5)]); HOPS], vec![hop(&[(30, 0.001)]); HOPS], vec![Hop::default(); HOPS]].concat();
    assert_near(&follower(&json!({}), sound).gives("brightness", 4), &[0.0, 1.0, 1.0, 1.0]);
    // Mean over the frame, weighted by amplitude: 10 hops at 6, then 15 hops at 18 and 24.
    let sound = [vec![hop(&[(6, 0.3)]); 10], vec![hop(&[(18, 0.1), (24, 0.2)]); 15]].concat();
    let mean = (10.0 * 0.3 * 6.0 + 15.0 * (0.1 * 18.0 + 0.2 * 24.0)) / (10.0 * 0.3 + 15.0 * 0.3) / 30.0;
    for gain in [-20.0, 0.0, 40.0] {
        let given = follower(&json!({ "gain": gain }), sound.clone()).gives("brightness", 2);
        assert!(given.iter().all(|place| (place - mean).abs() < 1e-7), "{given:?} {mean}");
    }
    assert_near(&follower(&json!({}), vec![all(1e-5); HOPS]).gives("brightness", 1), &[0.0]);
    assert_near(&follower(&json!({ "gain": 48.0 }), vec![all(1e-5); HOPS]).gives("brightness", 1), &[0.5]);
}

/// How many of the multiples of `every` are hops of each frame.
fn multiples(every: usize, frames: usize) -> Vec<u16> {
    let until = |hop: usize| hop.div_ceil(every);
    (0..frames).map(|n| (until((n + 1) * HOPS) - until(n * HOPS)) as u16).collect()
}

#[test]
fn every_click_of_a_train_is_an_onset_in_its_frame() {
    for every in [5, 7, 10, 25, 40, 110] {
        for click in [all(0.5), all(0.02), hop(&[(4, 0.5), (5, 0.7), (6, 0.4), (7, 0.2)])] {
            let bench = follower(&json!({ "wait": 0.05 }), clicks(click, every, 12 * HOPS));
            assert_eq!(bench.fires("onset", 12), multiples(every, 12), "every {every}");
        }
    }
}

#[test]
fn onsets_wait_for_one_another() {
    let fires = |wait: f64, every| follower(&json!({ "wait": wait }), clicks(all(0.5), every, 300)).fires("onset", 12);
    for (wait, every, onsets) in
        [(0.1, 10, 10), (0.11, 10, 20), (0.3, 10, 30), (0.07, 7, 7), (0.29, 10, 30), (0.0, 3, 3), (3.0, 10, 300)]
    {
        assert_eq!(fires(wait, every), multiples(onsets, 12), "{wait} {every}");
    }
}

#[test]
fn what_does_not_begin_is_no_onset() {
    for sensitivity in [0.0, 0.5, 1.0] {
        let fires = |sound: Vec<Hop>| follower(&json!({ "sensitivity": sensitivity }), sound).fires("onset", 12);
        assert_eq!(fires(vec![]), [0; 12]);
        assert_eq!(fires(vec![Hop::default(); 300]), [0; 12]);
        assert_eq!(fires(vec![all(1e-5); 300]), [0; 12], "too soft to be anything");
        let tone: Vec<u16> = (0..12).map(|frame| u16::from(frame == 0)).collect();
        assert_eq!(fires(vec![all(0.3); 300]), tone, "a steady sound begins once");
        let fading: Vec<Hop> = (0..300).map(|n| all(0.9 * 0.98_f32.powi(n))).collect();
        assert_eq!(fires(fading), tone, "what fades does not begin again");
    }
}

#[test]
fn onsets_are_the_same_at_any_gain() {
    let blow = |n: usize| if n.is_multiple_of(30) { all(0.2) } else { hop(&[(12, 0.02), (17, 0.03)]) };
    for gain in [-12.0, 0.0, 24.0, 48.0] {
        let bench = follower(&json!({ "gain": gain }), (0..300).map(blow).collect());
        assert_eq!(bench.fires("onset", 12), multiples(30, 12), "{gain}");
    }
    // Gain lifts a soft sound above the threshold.
    let soft = |gain: f64| follower(&json!({ "gain": gain }), clicks(all(4e-4), 50, 300)).fires("onset", 12);
    assert_eq!((soft(0.0), soft(24.0)), (vec![0; 12], multiples(50, 12)));
}

#[test]
fn sensitivity_sets_the_least_onset() {
    // After a steady second, one band of 31 grows louder by so many dB.
    let grows = |decibels: f32| -> Vec<Hop> {
        let louder = 10.0_f32.powf(decibels / 20.0);
        (0..200).map(|n| hop(&[(12, 0.01), (20, if n < 150 { 0.01 } else { 0.01 * louder })])).collect()
    };
    for (sensitivity, decibels, onsets) in
        [(0.5, 20.0, 0), (0.9, 20.0, 1), (1.0, 6.0, 1), (1.0, 3.0, 0), (0.0, 37.0, 0), (0.7, 37.0, 1)]
    {
        let fires = follower(&json!({ "sensitivity": sensitivity }), grows(decibels)).fires("onset", 8);
        assert_eq!(fires[6], onsets, "{sensitivity} {decibels}");
    }
}

#[test]
fn a_rush_has_its_own_measure() {
    // Bands that fluctuate by some decibels are usual after a second; a loud attack is not.
    let tremble = |n: usize, band: usize| ((n * 31 + band) as f32 * 12.9898).sin() * 43_758.547 % 1.0;
    let rush = |n: usize| -> Hop {
        let mut hop = all(0.0);
        let loud = if n % 100 == 50 { 0.5 } else { 0.03 };
        for (band, amplitude) in hop.bands.iter_mut().enumerate() {
            *amplitude = loud * 10.0_f32.powf(3.0 * tremble(n, band) / 20.0);
        }
        hop
    };
    let fires = follower(&json!({}), (0..1000).map(rush).collect()).fires("onset", 40);
    let blows: Vec<u16> = (4..40).map(|frame| u16::from(frame % 4 == 2)).collect();
    assert_eq!(fires[4..], blows);
}

proptest! {
    #[test]
    fn any_sound_gives_numbers_from_0_to_1(
        gain in -120.0..120.0, low in 1.0..100_000.0, high in 1.0..100_000.0, attack in 0.0..60.0,
        release in 0.0..60.0, sensitivity in 0.0..1.0, wait in 0.0..60.0,
        sound in prop::collection::vec(prop::array::uniform31(any::<f32>()), 0..60), hops in 0..20_usize,
    ) {
        let params = json!({
            "gain": gain, "low": low, "high": high, "attack": attack, "release": release,
            "sensitivity": sensitivity, "wait": wait,
        });
        let mut sound: Vec<Hop> = sound.into_iter().map(|bands| Hop { bands }).collect();
        sound.resize(6 * hops, Hop::default());
        let bench = Bench::new("audio.in", params).hear(sound, hops);
        let memories = bench.memories(&[1; 6]);
        for memory in &memories {
            for output in ["level", "bass", "mid", "treble"] {
                let number = memory.output("it", output).expect("a number");
                prop_assert!((0.0..=1.0).contains(&number), "{} {}", output, number);
            }
            let brightness = memory.output("it", "brightness").unwrap_or_default();
            prop_assert!((0.0..=1.0).contains(&brightness), "{}", brightness);
        }
        // What is split into calls is the same.
        let split = bench.memories(&[2, 1, 3]);
        prop_assert!(split[0] == memories[1] && split[1] == memories[2] && split[2] == memories[5]);
    }
}

#[test]
fn a_hop_is_a_hundredth_of_a_second() {
    assert_eq!(HOPS_PER_SEC, 100);
    assert_eq!((DT_SECS * HOPS_PER_SEC as f64) as usize, HOPS);
}
