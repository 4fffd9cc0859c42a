//! Perceptually uniform colour maps.

#![expect(clippy::unreadable_literal, reason = "0xRRGGBB is read in pairs")]

use crate::program::source::ColourMap;

/// A map's colours at 0, 1/32, 2/32, … 1, as 0xRRGGBB.
type Table = [u32; 33];

// Inferno, viridis, magma and plasma are by Nathaniel Smith, Stéfan van der Walt and Eric Firing. Cividis is by Jamie
// Nuñez, Christopher Anderton and Ryan Renslow. All are dedicated to the public domain (CC0). Straight lines between
// these points keep within 2 of 255 of each of the 256 published colours. Plasma keeps within 3, and cividis, which has
// a corner, within 6.

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

#[rustfmt::skip]
const PLASMA: Table = [
    0x0d0887, 0x220690, 0x310596, 0x3f049c, 0x4c02a1, 0x5901a5, 0x6600a7, 0x7201a8, 0x7e03a8,
    0x8909a6, 0x9511a2, 0x9f1a9c, 0xa92396, 0xb22c8e, 0xbb3587, 0xc33e80, 0xcb4778, 0xd25071,
    0xd9596a, 0xe06263, 0xe66c5c, 0xeb7555, 0xf07f4f, 0xf48a48, 0xf89441, 0xfb9f3a, 0xfdab33,
    0xfeb72d, 0xfdc328, 0xfcd025, 0xf9dd25, 0xf5eb27, 0xf0f921,
];

#[rustfmt::skip]
const CIVIDIS: Table = [
    0x00224e, 0x00285b, 0x002e6a, 0x043371, 0x1a386f, 0x273e6e, 0x32436d, 0x3b496c, 0x434e6c,
    0x4b546c, 0x52596d, 0x5a5f6e, 0x61656f, 0x686a71, 0x6f7073, 0x757676, 0x7c7b78, 0x848179,
    0x8b8778, 0x938d78, 0x9b9376, 0xa39a75, 0xaba072, 0xb3a670, 0xbbad6c, 0xc3b469, 0xccba64,
    0xd4c15f, 0xddc958, 0xe6d051, 0xefd748, 0xf8df3c, 0xfee838,
];

impl ColourMap {
    /// The sRGB colour at `t`, from 0, the coldest, to 1, the hottest. Values outside are clamped; NaN is the coldest.
    pub fn colour(self, t: f32) -> [u8; 3] {
        // `max` before `min`: it turns NaN into 0.
        #[expect(clippy::manual_clamp, reason = "clamp would keep NaN")]
        let t = t.max(0.0).min(1.0);
        match self {
            Self::Inferno => between(&INFERNO, t),
            Self::Viridis => between(&VIRIDIS, t),
            Self::Magma => between(&MAGMA, t),
            Self::Plasma => between(&PLASMA, t),
            Self::Cividis => between(&CIVIDIS, t),
            Self::Grey => [byte(t * 255.0); 3],
        }
    }
}

/// The nearest byte; numbers below 0 give 0, above 255 give 255. `f32::round` would be a call for each pixel.
#[inline]
pub fn byte(x: f32) -> u8 {
    (x + 0.5) as u8
}

fn between(table: &Table, t: f32) -> [u8; 3] {
    let place = t * (table.len() - 1) as f32;
    let low = (place as usize).min(table.len() - 2);
    let part = place - low as f32;
    let channel = |rgb: u32, shift: u32| f32::from((rgb >> shift) as u8);
    [16, 8, 0].map(|shift| {
        let (a, b) = (channel(table[low], shift), channel(table[low + 1], shift));
        byte(a + (b - a) * part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::Choice;

    /// Published colours by index, 0 to 255. Most lie between the points of the tables.
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
        const PLASMA: Anchors = [
            (0, [13, 8, 135]),
            (21, [58, 4, 154]),
            (64, [126, 3, 168]),
            (100, [174, 40, 146]),
            (128, [204, 71, 120]),
            (170, [237, 121, 83]),
            (191, [248, 148, 65]),
            (230, [252, 206, 37]),
            (255, [240, 249, 33]),
        ];
        const CIVIDIS: Anchors = [
            (0, [0, 34, 78]),
            (21, [0, 49, 112]),
            (64, [67, 78, 108]),
            (100, [101, 104, 112]),
            (128, [125, 124, 120]),
            (170, [165, 156, 116]),
            (191, [187, 173, 109]),
            (230, [229, 207, 82]),
            (255, [254, 232, 56]),
        ];
        for (map, anchors, most) in [
            (ColourMap::Inferno, INFERNO, 2),
            (ColourMap::Viridis, VIRIDIS, 2),
            (ColourMap::Magma, MAGMA, 2),
            (ColourMap::Plasma, PLASMA, 3),
            (ColourMap::Cividis, CIVIDIS, 6),
        ] {
            for (number, wanted) in anchors {
                let got = map.colour(f32::from(number) / 255.0);
                let close = got.iter().zip(wanted).all(|(&a, b)| a.abs_diff(b) <= most);
                assert!(close, "{map:?} {number}: {got:?} instead of {wanted:?}");
            }
        }
    }

    #[test]
    fn hotter_is_brighter() {
        let light = |[r, g, b]: [u8; 3]| 2126 * u32::from(r) + 7152 * u32::from(g) + 722 * u32::from(b);
        for map in ColourMap::ALL {
            // A step of 1/64 is larger than what rounding to 255 levels hides.
            for step in 1..=64u8 {
                let (cold, hot) = (f32::from(step - 1) / 64.0, f32::from(step) / 64.0);
                assert!(light(map.colour(cold)) < light(map.colour(hot)), "{map:?} at {hot}");
            }
        }
    }

    #[test]
    fn outside_is_the_nearer_end() {
        for map in ColourMap::ALL {
            for t in [-1.0, f32::NAN, f32::NEG_INFINITY] {
                assert_eq!(map.colour(t), map.colour(0.0), "{map:?} at {t}");
            }
            assert_eq!(map.colour(f32::INFINITY), map.colour(1.0), "{map:?}");
        }
    }

    #[test]
    fn the_nearest_byte_is_that_of_round() {
        for x in (-2000..70_000).map(|x| x as f32 / 256.0) {
            assert_eq!(byte(x), x.round() as u8, "{x}");
        }
        assert_eq!((byte(f32::NAN), byte(f32::INFINITY), byte(f32::NEG_INFINITY)), (0, 255, 0));
    }
}
