//! Opus for symphonia, which reads its containers (Ogg, WebM, MP4) and has no decoder of it.

use opus_rs::multistream::{ChannelMappingTable, MultistreamDecoder};
use symphonia::core::audio::{
    AsGenericAudioBufferRef, AudioBuffer, AudioMut, AudioSpec, Channels, GenericAudioBufferRef, Position,
};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions, FinalizeResult};
use symphonia::core::codecs::registry::{RegisterableAudioDecoder, SupportedAudioCodec};
use symphonia::core::errors::{Result, decode_error, unsupported_error};
use symphonia::core::packet::PacketRef;

use super::RATE;

/// Longest packet, 120 ms, in samples.
const LONGEST_PACKET: usize = 5760;
/// The channels of an Opus stream by their number, in the order of their positions: RFC 7845, section 5.1.1.2.
const ORDERS: [&[usize]; 8] = [
    &[0],
    &[0, 1],
    &[0, 2, 1],
    &[0, 1, 2, 3],
    &[0, 2, 1, 3, 4],
    &[0, 2, 1, 5, 3, 4],
    &[0, 2, 1, 6, 5, 3, 4],
    &[0, 2, 1, 7, 5, 6, 3, 4],
];

/// Decoder of Opus at 48 kHz.
pub(super) struct OpusDecoder {
    params: AudioCodecParameters,
    head: Head,
    decoder: MultistreamDecoder,
    /// Samples of the encoder's delay that are still to be left out.
    skip: usize,
    samples: Vec<f32>,
    buffer: AudioBuffer<f32>,
}

/// The identification header of a stream: RFC 7845, section 5.1.
#[derive(Clone, Debug, PartialEq)]
struct Head {
    channels: usize,
    skip: usize,
    /// Factor of the samples.
    gain: f32,
    table: ChannelMappingTable,
}

impl Head {
    /// Reads a header. That of MP4 has the version 0, and its numbers are big-endian.
    fn read(bytes: &[u8]) -> Option<Self> {
        let [version, channels, skip_0, skip_1, _, _, _, _, gain_0, gain_1, family, rest @ ..] =
            bytes.strip_prefix(b"OpusHead")?
        else {
            return None;
        };
        let (skip, gain) = ([*skip_0, *skip_1], [*gain_0, *gain_1]);
        let (skip, gain) = match version {
            0 => (u16::from_be_bytes(skip), i16::from_be_bytes(gain)),
            _ => (u16::from_le_bytes(skip), i16::from_le_bytes(gain)),
        };
        let channels = usize::from(*channels);
        let table = match family {
            0 if (1..=2).contains(&channels) => ChannelMappingTable {
                channels: channels as u8,
                stream_count: 1,
                coupled_count: channels as u8 - 1,
                mapping: (0..channels as u8).collect(),
            },
            1 => {
                let table = ChannelMappingTable::parse(*family, channels as u8, rest)?;
                let order = ORDERS.get(channels.checked_sub(1)?)?;
                let mapping =
                    order.iter().map(|&index| table.mapping.get(index).copied()).collect::<Option<Vec<u8>>>()?;
                ChannelMappingTable { mapping, ..table }
            }
            _ => return None,
        };
        let streams = u16::from(table.stream_count);
        let decoded = streams + u16::from(table.coupled_count);
        let is_known = |channel: &u8| *channel == u8::MAX || u16::from(*channel) < decoded;
        if streams == 0
            || table.coupled_count > table.stream_count
            || decoded > 255
            || !table.mapping.iter().all(is_known)
        {
            return None;
        }
        let gain = 10.0_f32.powf(f32::from(gain) / (20.0 * 256.0));
        Some(Self { channels, skip: usize::from(skip), gain, table })
    }

    /// The positions of the channels.
    fn positions(&self) -> Position {
        let front = Position::FRONT_LEFT | Position::FRONT_RIGHT;
        let (rear, sides) = (Position::REAR_LEFT | Position::REAR_RIGHT, Position::SIDE_LEFT | Position::SIDE_RIGHT);
        match self.channels {
            1 => Position::FRONT_LEFT,
            2 => front,
            3 => front | Position::FRONT_CENTER,
            4 => front | rear,
            5 => front | Position::FRONT_CENTER | rear,
            6 => front | Position::FRONT_CENTER | rear | Position::LFE1,
            7 => front | Position::FRONT_CENTER | sides | Position::REAR_CENTER | Position::LFE1,
            _ => front | Position::FRONT_CENTER | sides | rear | Position::LFE1,
        }
    }

    fn decoder(&self) -> Result<MultistreamDecoder> {
        MultistreamDecoder::new(RATE as i32, self.table.clone())
            .or_else(|_| unsupported_error("opus: the channels are not supported"))
    }
}

impl OpusDecoder {
    fn new(params: &AudioCodecParameters) -> Result<Self> {
        if params.codec != CODEC_ID_OPUS {
            return unsupported_error("opus: another codec");
        }
        let Some(head) = params.extra_data.as_deref().and_then(Head::read) else {
            return unsupported_error("opus: the header is missing, or its channels are not supported");
        };
        let channels = Channels::Positioned(head.positions());
        let mut params = params.clone();
        params.with_channels(channels.clone()).with_sample_rate(RATE);
        Ok(Self {
            params,
            decoder: head.decoder()?,
            skip: head.skip,
            samples: vec![0.0; LONGEST_PACKET * head.channels],
            buffer: AudioBuffer::new(AudioSpec::new(RATE, channels), LONGEST_PACKET),
            head,
        })
    }

    fn decode(&mut self, packet: &[u8]) -> Result<()> {
        self.buffer.clear();
        let Ok(count) = self.decoder.decode(packet, LONGEST_PACKET, &mut self.samples) else {
            return decode_error("opus: the packet is damaged");
        };
        let skipped = self.skip.min(count);
        self.skip -= skipped;
        self.buffer.render_uninit(Some(count - skipped));
        for (channel, plane) in self.buffer.iter_planes_mut().enumerate() {
            let samples = self.samples[channel..].iter().step_by(self.head.channels).skip(skipped);
            for (to, from) in plane.iter_mut().zip(samples) {
                *to = from * self.head.gain;
            }
        }
        Ok(())
    }
}

impl AudioDecoder for OpusDecoder {
    fn reset(&mut self) {
        if let Ok(decoder) = self.head.decoder() {
            self.decoder = decoder;
        }
    }

    fn codec_info(&self) -> &CodecInfo {
        &CODECS[0].info
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.params
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.decode(packet.data)?;
        Ok(self.buffer.as_generic_audio_buffer_ref())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.buffer.as_generic_audio_buffer_ref()
    }
}

const CODECS: &[SupportedAudioCodec] = &[SupportedAudioCodec {
    id: CODEC_ID_OPUS,
    info: CodecInfo { short_name: "opus", long_name: "Opus", profiles: &[] },
}];

impl RegisterableAudioDecoder for OpusDecoder {
    fn try_registry_new(params: &AudioCodecParameters, _: &AudioDecoderOptions) -> Result<Box<dyn AudioDecoder>> {
        Ok(Box::new(Self::new(params)?))
    }

    fn supported_codecs() -> &'static [SupportedAudioCodec] {
        CODECS
    }
}
