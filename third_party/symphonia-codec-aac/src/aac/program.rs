//! bendrack: the program config element, by which a stream describes channels that have no number of
//! their own, such as 5.1 with side channels (ISO/IEC 14496-3, 4.5.1.2).

use symphonia_core::audio::{Channels, Position};
use symphonia_core::errors::{Result, decode_error, unsupported_error};
use symphonia_core::io::{BitReaderLtr, ReadBitsLtr};

use symphonia_common::mpeg::audio::{
    AudioObjectType, AudioSpecificConfig, Mpeg4AudioSampleRate, get_mpeg4_audio_sample_rate_by_index,
};

/// The channels of a program.
pub struct Program {
    /// Their positions, or their number.
    pub channels: Channels,
    /// The plane of each channel, in the order of the elements of the stream.
    pub planes: Vec<usize>,
}

impl Program {
    /// Reads the element, after its identifier.
    pub fn read<B: ReadBitsLtr>(bs: &mut B) -> Result<Self> {
        // Tag, object type, sample rate.
        bs.ignore_bits(4 + 2 + 4)?;
        let front = bs.read_bits_leq32(4)?;
        let side = bs.read_bits_leq32(4)?;
        let back = bs.read_bits_leq32(4)?;
        let lfe = bs.read_bits_leq32(2)?;
        let data = bs.read_bits_leq32(3)?;
        let coupling = bs.read_bits_leq32(4)?;
        // Mixes to mono, to stereo, and by a matrix.
        for bits in [4, 4, 3] {
            if bs.read_bool()? {
                bs.ignore_bits(bits)?;
            }
        }
        let mut bits = Vec::new();
        let mut elements = |bs: &mut B, count: u32, centre: u8, pairs: &[u8]| -> Result<()> {
            let mut pairs = pairs.iter();
            for _ in 0..count {
                if bs.read_bool()? {
                    let pair = pairs.next().copied().unwrap_or(u8::MAX);
                    bits.extend([pair, pair.saturating_add(1)]);
                } else {
                    bits.push(centre);
                }
                bs.ignore_bits(4)?;
            }
            Ok(())
        };
        // Bits of positions: left, right, centre, low frequencies, rear, left and right of centre, rear centre, sides.
        elements(bs, front, 2, &[0, 6])?;
        // Encoders put the low frequencies of 5.1 at the side, as one channel.
        elements(bs, side, 3, &[9])?;
        elements(bs, back, 8, &[4])?;
        for _ in 0..lfe {
            bs.ignore_bits(4)?;
            bits.push(3);
        }
        bs.ignore_bits(data * 4 + coupling * 5)?;

        let mut sorted = bits.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if bits.is_empty() || bits.len() > 64 {
            return unsupported_error("aac: program without channels, or with too many");
        }
        if sorted.len() < bits.len() || sorted.contains(&u8::MAX) {
            // Positions without a name, or the same twice.
            return Ok(Self {
                channels: Channels::Discrete(bits.len() as u16),
                planes: (0..bits.len()).collect(),
            });
        }
        let positions = bits.iter().fold(0, |positions, bit| positions | 1_u64 << bit);
        let planes = bits.iter().map(|bit| sorted.partition_point(|other| other < bit)).collect();
        Ok(Self { channels: Channels::Positioned(Position::from_bits_truncate(positions)), planes })
    }

    /// Reads the rest of an element within a stream: a comment of whole bytes.
    pub fn skip<B: ReadBitsLtr>(bs: &mut B, realign: impl Fn(&mut B)) -> Result<()> {
        Self::read(bs)?;
        realign(bs);
        let comment = bs.read_bits_leq32(8)?;
        bs.ignore_bits(comment * 8)
            .or_else(|_| decode_error("aac: the comment of a program is cut short"))
    }
}

/// Reads the configuration of a stream with a program config element.
pub fn read_config(buf: &[u8]) -> Result<(AudioSpecificConfig, Program)> {
    let mut bs = BitReaderLtr::new(buf);
    let object_type = bs.read_bits_leq32(5)?;
    let rate = match get_mpeg4_audio_sample_rate_by_index(bs.read_bits_leq32(4)?) {
        Mpeg4AudioSampleRate::SampleRate(rate) => rate,
        Mpeg4AudioSampleRate::Escape => bs.read_bits_leq32(24)?,
        Mpeg4AudioSampleRate::Invalid => return decode_error("aac: invalid sample rate"),
    };
    let channels = bs.read_bits_leq32(4)?;
    let short_frame = bs.read_bool()?;
    let depends_on_core = bs.read_bool()?;
    let extension = bs.read_bool()?;
    if object_type != 2 || rate == 0 || channels != 0 || short_frame || depends_on_core || extension {
        return unsupported_error("aac: aac too complex");
    }
    let program = Program::read(&mut bs)?;
    let mut asc = AudioSpecificConfig::default();
    asc.object_type = AudioObjectType::Lc;
    asc.sample_rate = rate;
    asc.channels = Some(program.channels.clone());
    asc.samples = 1024;
    Ok((asc, program))
}
