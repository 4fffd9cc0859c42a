//! Colour maps whose steps look equally large.

#![expect(clippy::unreadable_literal, reason = "0xRRGGBB is read in pairs")]

use bendrack_nodes::program::ColourMap;

/// A map's colours at 0, 1/32, 2/32, … 1, as 0xRRGGBB.
type Table = [u32; 33];

// Inferno, viridis and magma are by Nathaniel Smith, Stéfan van der Walt and Eric Firing, dedicated to the public
// domain (CC0). Straight lines between these points keep within 2 of 255 of each of the 256 published colours.

#[rustfmt::skip]
const INFERNO: Table = [
    0x000004, 0x040312, 0x0b0724, 0x150b37, 0x210c4a, 0x2e0a5a, 0x3c0965, 0x4a0c6b, 0x57106d,
    0x63146e, 0x70196e, 0x7d1e6d, 0x89226a, 0x962766, 0xa32b61, 0xaf315c, 0xbb3755, 0xc63e4d,
    0xd14644, 0xdb4f3b, 0xe35932, 0xeb6528, 0xf1711e, 0xf67f14, 0xf98d0a, 0xfb9c06, 0xfcab0f,
    0xfbba1f, 0xf9ca32, 0xf5d949, 0xf2e865, 0xf3f586, 0xfcffa4,
];

#[rustfmt::skip]
const VIRIDIS: Table = [
    0x440154, 0x470d60, 0x48186a, 0x482374, 0x472d7b, 0x453681, 0x424086, 0x3f4989, 0x3b528b,
    0x375a8d, 0x33638d, 0x2f6a8e, 0x2c728e, 0x297a8e, 0x26818e, 0x23898e, 0x21908c, 0x1f988b,
    0x1f9f88, 0x21a685, 0x28ae80, 0x31b57b, 0x3ebc74, 0x4cc26c, 0x5dc963, 0x6ece58, 0x82d34c,
    0x96d83f, 0xabdc32, 0xc0df24, 0xd5e21a, 0xeae51a, 0xfde725,
];

#[rustfmt::skip]
const MAGMA: Table = [
    0x000004, 0x030311, 0x0a0822, 0x130d33, 0x1d1146, 0x28115a, 0x36106a, 0x430f76, 0x50127c,
    0x5d177f, 0x691c81, 0x762181, 0x822681, 0x8f2a81, 0x9c2e7f, 0xa9327d, 0xb63779, 0xc33b75,
    0xcf4170, 0xdb486a, 0xe65163, 0xee5c5e, 0xf5695c, 0xf9785d, 0xfb8761, 0xfd9668, 0xfea571,
    0xfeb47b, 0xfec387, 0xfed194, 0xfde0a2, 0xfceeb0, 0xfcfdbf,
];

/// The sRGB colour at `t`, 0 the coldest and 1 the hottest; what lies outside takes the nearer end, NaN the cold one.
pub fn colour(map: ColourMap, t: f32) -> [u8; 3] {
    // `max` before `min`: it turns NaN into 0.
    #[expect(clippy::manual_clamp, reason = "clamp would keep NaN")]
    let t = t.max(0.0).min(1.0);
    match map {
        ColourMap::Inferno => between(&INFERNO, t),
        ColourMap::Viridis => between(&VIRIDIS, t),
        ColourMap::Magma => between(&MAGMA, t),
        ColourMap::Grey => [(t * 255.0).round() as u8; 3],
    }
}

fn between(table: &Table, t: f32) -> [u8; 3] {
    let place = t * (table.len() - 1) as f32;
    let low = (place as usize).min(table.len() - 2);
    let part = place - low as f32;
    let channel = |rgb: u32, shift: u32| f32::from((rgb >> shift) as u8);
    [16, 8, 0].map(|shift| {
        let (a, b) = (channel(table[low], shift), channel(table[low + 1], shift));
        (a + (b - a) * part).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: [ColourMap; 4] = [ColourMap::Inferno, ColourMap::Viridis, ColourMap::Magma, ColourMap::Grey];

    /// Colours of the published maps, by their number of 256; most lie between the points of our tables.
    #[test]
    fn the_published_colours_come_back() {
        type Anchors = [(u8, [u8; 3]); 9];
        const INFERNO: Anchors = [
            (0, [0, 0, 4]),
            (21, [17, 10, 48]),
            (64, [87, 16, 110]),
            (100, [144, 37, 104]),
            (128, [188, 55, 84]),
            (170, [237, 105, 37]),
            (191, [249, 140, 10]),
            (230, [246, 215, 70]),
            (255, [252, 255, 164]),
        ];
        const VIRIDIS: Anchors = [
            (0, [68, 1, 84]),
            (21, [72, 31, 112]),
            (64, [59, 82, 139]),
            (100, [42, 118, 142]),
            (128, [33, 145, 140]),
            (170, [53, 183, 121]),
            (191, [92, 200, 99]),
            (230, [189, 223, 38]),
            (255, [253, 231, 37]),
        ];
        const MAGMA: Anchors = [
            (0, [0, 0, 4]),
            (21, [16, 11, 45]),
            (64, [81, 18, 124]),
            (100, [137, 40, 129]),
            (128, [183, 55, 121]),
            (170, [241, 96, 93]),
            (191, [251, 135, 97]),
            (230, [254, 207, 146]),
            (255, [252, 253, 191]),
        ];
        for (map, anchors) in MAPS.into_iter().zip([INFERNO, VIRIDIS, MAGMA]) {
            for (number, wanted) in anchors {
                let got = colour(map, f32::from(number) / 255.0);
                let close = got.iter().zip(wanted).all(|(&a, b)| a.abs_diff(b) <= 2);
                assert!(close, "{map:?} {number}: {got:?} instead of {wanted:?}");
            }
        }
    }

    #[test]
    fn hotter_is_brighter() {
        let light = |[r, g, b]: [u8; 3]| 2126 * u32::from(r) + 7152 * u32::from(g) + 722 * u32::from(b);
        for map in MAPS {
            // A step of 1/64 is larger than what rounding to 255 levels hides.
            for step in 1..=64u8 {
                let (cold, hot) = (f32::from(step - 1) / 64.0, f32::from(step) / 64.0);
                assert!(light(colour(map, cold)) < light(colour(map, hot)), "{map:?} at {hot}");
            }
        }
    }

    #[test]
    fn outside_is_the_nearer_end() {
        for map in MAPS {
            for t in [-1.0, f32::NAN, f32::NEG_INFINITY] {
                assert_eq!(colour(map, t), colour(map, 0.0), "{map:?} at {t}");
            }
            assert_eq!(colour(map, f32::INFINITY), colour(map, 1.0), "{map:?}");
        }
    }
}
