//! The sound of a file, without the parts that readers fail at: tags and pictures before it, and headers with wrong sizes.
//!
//! A recorder writes the sizes of RIFF, RF64, Wave64, AIFF and CAF when it ends. Files of one that was killed have sizes of
//! 0, of 0xFFFFFFFF or of an earlier time, and files beyond 4 GiB have the remainder. [`Source::open`] finds the sound by
//! the chunks that are there and puts a plain header before it, with the sizes that hold.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

/// Most tags before the sound.
const MOST_TAGS: usize = 64;
/// Most chunks before the sound.
const MOST_CHUNKS: usize = 4096;
/// Longest description of the samples.
const LONGEST_FORMAT: u64 = 1 << 16;
/// Shortest rest of a file that is sound rather than the remains of a tag.
const SHORTEST_REST: u64 = 1024;
/// Most channels of WAV and AIFF.
const MOST_CHANNELS: u16 = 32;
/// Header of a plain WAV or AIFF file without its description: the form, and the headers of two chunks.
const PLAIN: u64 = 12 + 8 + 8;

/// Second half of the identifiers of Wave64's chunks; that of the file itself is another.
const W64_CHUNK: [u8; 12] = [0xF3, 0xAC, 0xD3, 0x11, 0x8C, 0xD1, 0x00, 0xC0, 0x4F, 0x8E, 0xDB, 0x8A];
const W64_FILE: [u8; 12] = [0x2E, 0x91, 0xCF, 0x11, 0xA5, 0xD6, 0x28, 0xDB, 0x04, 0xC1, 0x00, 0x00];

/// Version and flags of CAF.
const CAF_VERSION: [u8; 4] = [0, 1, 0, 0];

/// The bytes of a sound file for a reader: a header of our own, if there is one, and a part of the file.
pub(super) struct Source {
    head: Vec<u8>,
    file: File,
    /// The part of the file.
    start: u64,
    end: u64,
    /// Position in the header and the part.
    position: u64,
}

impl Source {
    /// The sound of an open file.
    pub(super) fn open(mut file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let start = after_tags(&mut file, length)?;
        let (head, start, end) = match Layout::of(&mut file, start)? {
            Some(layout) => layout.sound(&mut file, start, length)?.unwrap_or((Vec::new(), start, length)),
            None => flac(&mut file, start, length)?.unwrap_or((Vec::new(), start, length)),
        };
        let mut source = Self { head, file, start, end, position: 0 };
        source.seek(SeekFrom::Start(0))?;
        Ok(source)
    }

    fn length(&self) -> u64 {
        self.head.len() as u64 + (self.end - self.start)
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.head.get(self.position as usize..) {
            Some(mut head) if !head.is_empty() => head.read(buffer)?,
            _ => {
                let most = (self.length() - self.position).min(buffer.len() as u64) as usize;
                self.file.read(&mut buffer[..most])?
            }
        };
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.length().checked_add_signed(by),
        };
        let position = position.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?.min(self.length());
        let within = position.saturating_sub(self.head.len() as u64);
        self.file.seek(SeekFrom::Start(self.start + within))?;
        self.position = position;
        Ok(position)
    }
}

impl MediaSource for Source {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length())
    }
}

/// Up to `N` bytes at a position; fewer at the end of the file.
fn bytes_at<const N: usize>(file: &mut File, position: u64) -> io::Result<([u8; N], usize)> {
    let (mut bytes, mut count) = ([0; N], 0);
    match file.seek(SeekFrom::Start(position)) {
        Ok(_) => {}
        // A size of 64 bits leads beyond the positions of the file system.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok((bytes, 0)),
        Err(error) => return Err(error),
    }
    while count < N {
        match file.read(&mut bytes[count..])? {
            0 => break,
            read => count += read,
        }
    }
    Ok((bytes, count))
}

/// Exactly `N` bytes at a position, if the file has them.
fn exactly<const N: usize>(file: &mut File, position: u64) -> io::Result<Option<[u8; N]>> {
    bytes_at(file, position).map(|(bytes, count)| (count == N).then_some(bytes))
}

/// The end of the tags at the beginning of a file: ID3v2 and APEv2, and the zeros that pad them. A tag that claims more than
/// the file has is damaged, and ends the search.
fn after_tags(file: &mut File, length: u64) -> io::Result<u64> {
    let mut position = 0;
    for _ in 0..MOST_TAGS {
        let Some(head) = exactly::<32>(file, position)? else { break };
        let size = match head {
            [b'I', b'D', b'3', version, revision, flags, a, b, c, d, ..] if version != 0xFF && revision != 0xFF => {
                let footer = if flags & 0x10 == 0 { 0 } else { 10 };
                // Seven bits a byte. Some programs write eight.
                let size = [a, b, c, d].into_iter().fold(0_u64, |size, byte| {
                    let bits = if (a | b | c | d) & 0x80 == 0 { 7 } else { 8 };
                    size << bits | u64::from(byte)
                });
                10 + size + footer
            }
            _ if head.starts_with(b"APETAGEX") => {
                32 + u64::from(u32::from_le_bytes([head[12], head[13], head[14], head[15]]))
            }
            _ => break,
        };
        match position.checked_add(size) {
            Some(end) if end < length => position = after_zeros(file, end)?,
            _ => break,
        }
    }
    Ok(position)
}

/// The first byte from a position on that is not zero; the end of the file if there is none.
fn after_zeros(file: &mut File, mut position: u64) -> io::Result<u64> {
    loop {
        let (bytes, count) = bytes_at::<4096>(file, position)?;
        match bytes[..count].iter().position(|byte| *byte != 0) {
            Some(zeros) => return Ok(position + zeros as u64),
            None if count == 0 => return Ok(position),
            None => position += count as u64,
        }
    }
}

/// The header of FLAC without pictures and other descriptions, and the part of the file with the frames; none for other
/// files, and for one whose blocks are damaged.
fn flac(file: &mut File, start: u64, length: u64) -> io::Result<Option<(Vec<u8>, u64, u64)>> {
    /// Length of the block that describes the stream.
    const STREAM_INFO: u64 = 34;
    let Some(head) = exactly::<42>(file, start)? else { return Ok(None) };
    if !head.starts_with(b"fLaC") || head[4] & 0x7F != 0 || head[5..8] != [0, 0, STREAM_INFO as u8] {
        return Ok(None);
    }
    let (mut position, mut is_last) = (start + head.len() as u64, head[4] & 0x80 != 0);
    for _ in 0..MOST_CHUNKS {
        if is_last {
            let mut head = head.to_vec();
            head[4] = 0x80;
            return Ok((position < length).then_some((head, position, length)));
        }
        let Some([kind, size @ ..]) = exactly::<4>(file, position)? else { break };
        is_last = kind & 0x80 != 0;
        position += 4 + u64::from(u32::from_be_bytes([0, size[0], size[1], size[2]]));
    }
    Ok(None)
}

/// The kinds of files made of chunks.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    /// RIFF, RF64 or BW64.
    Riff,
    /// Sony Wave64.
    W64,
    /// AIFF or AIFC, the name of the form.
    Aiff([u8; 4]),
    /// Core Audio Format.
    Caf,
}

/// A chunk of a file.
struct Chunk {
    name: [u8; 4],
    /// The first byte of its contents.
    start: u64,
    /// Its size, as written.
    size: u64,
}

impl Chunk {
    /// True if it is short enough for a description, and all of it is in the file.
    fn is_short(&self, length: u64) -> bool {
        self.size <= LONGEST_FORMAT && self.start + self.size <= length
    }

    /// Its contents.
    fn bytes(&self, file: &mut File) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.size as usize];
        file.seek(SeekFrom::Start(self.start))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Layout {
    /// The kind of the file that begins at a position.
    fn of(file: &mut File, start: u64) -> io::Result<Option<Self>> {
        let (head, _) = bytes_at::<40>(file, start)?;
        Ok(match (&head[..4], &head[8..12]) {
            (b"RIFF" | b"RF64" | b"BW64", b"WAVE") => Some(Self::Riff),
            (b"FORM", b"AIFF" | b"AIFC") => Some(Self::Aiff([head[8], head[9], head[10], head[11]])),
            (b"caff", _) if head[4..8] == CAF_VERSION => Some(Self::Caf),
            (b"riff", _) if head[4..16] == W64_FILE && head[24..28] == *b"wave" => Some(Self::W64),
            _ => None,
        })
    }

    /// The position of the first chunk, from that of the file.
    const fn first(self) -> u64 {
        match self {
            Self::Riff | Self::Aiff(_) => 12,
            Self::W64 => 40,
            Self::Caf => 8,
        }
    }

    /// The chunk at a position; none if there is no whole header, or none of a chunk.
    fn chunk(self, file: &mut File, position: u64) -> io::Result<Option<Chunk>> {
        let (head, count) = bytes_at::<24>(file, position)?;
        let name = [head[0], head[1], head[2], head[3]];
        let size = [head[4], head[5], head[6], head[7]];
        let (length, size) = match self {
            Self::Riff => (8, u64::from(u32::from_le_bytes(size))),
            Self::Aiff(_) => (8, u64::from(u32::from_be_bytes(size))),
            Self::W64 => {
                let size: [u8; 8] = std::array::from_fn(|index| head[16 + index]);
                (24, u64::from_le_bytes(size).saturating_sub(24))
            }
            Self::Caf => {
                let size: [u8; 8] = std::array::from_fn(|index| head[4 + index]);
                // −1 is unknown.
                (12, u64::try_from(i64::from_be_bytes(size)).unwrap_or(u64::MAX))
            }
        };
        let is_name = name.iter().all(|byte| (b' '..=b'~').contains(byte));
        let is_whole = count >= length && is_name && (self != Self::W64 || head[4..16] == W64_CHUNK);
        Ok(is_whole.then(|| Chunk { name, start: position + length as u64, size }))
    }

    /// The position after a chunk, with its padding. Some programs leave the padding out.
    fn after(self, file: &mut File, chunk: &Chunk) -> io::Result<Option<u64>> {
        let Some(end) = chunk.start.checked_add(chunk.size) else { return Ok(None) };
        let padded = match self {
            Self::Riff | Self::Aiff(_) => end.checked_add(end & 1),
            Self::W64 => end.checked_next_multiple_of(8),
            Self::Caf => Some(end),
        };
        let Some(padded) = padded else { return Ok(None) };
        let is_unpadded = padded > end && self.chunk(file, padded)?.is_none() && self.chunk(file, end)?.is_some();
        Ok(Some(if is_unpadded { end } else { padded }))
    }

    /// The description of the samples and the part of the file with the samples, as a header and a part; none if the reader
    /// copes with the file. An error of the kind `InvalidData` is one of the file.
    fn sound(self, file: &mut File, start: u64, length: u64) -> io::Result<Option<(Vec<u8>, u64, u64)>> {
        let (mut position, mut format, mut long) = (start + self.first(), None, None);
        let mut chunks = Vec::new();
        for _ in 0..MOST_CHUNKS {
            let Some(chunk) = self.chunk(file, position)? else { break };
            match &chunk.name {
                b"fmt " | b"COMM" if chunk.is_short(length) => format = Some(chunk.bytes(file)?),
                // All of a CAF file that describes its samples.
                b"desc" | b"chan" | b"kuki"
                    if self == Self::Caf && chunk.is_short(length) && chunks.len() < LONGEST_FORMAT as usize =>
                {
                    chunks.extend(chunk.name);
                    chunks.extend(chunk.size.to_be_bytes());
                    let bytes = chunk.bytes(file)?;
                    if chunk.name == *b"desc" {
                        check_caf(&bytes)?;
                    }
                    chunks.extend(bytes);
                }
                // Sizes of 64 bits: of the file, and of its sound.
                b"ds64" => long = exactly::<16>(file, chunk.start)?,
                b"data" if self == Self::Caf => {
                    let end = self.end(file, &chunk, length)?;
                    // Other chunks may follow sound of a known size.
                    let is_known = chunk.size > 4 && chunk.start.checked_add(chunk.size) == Some(end);
                    return if is_known {
                        Ok(None)
                    } else {
                        self.plain(chunks, chunk.start.min(length), end).map(Some)
                    };
                }
                b"data" | b"SSND" => {
                    let format = format.ok_or_else(|| invalid("its header does not describe the samples"))?;
                    let long = long.map(|[.., a, b, c, d, e, f, g, h]| u64::from_le_bytes([a, b, c, d, e, f, g, h]));
                    let size = long.filter(|_| chunk.size == u64::from(u32::MAX)).unwrap_or(chunk.size);
                    let end = self.end(file, &Chunk { size, ..chunk }, length)?;
                    return self.plain(format, chunk.start.min(length), end).map(Some);
                }
                _ => {}
            }
            match self.after(file, &chunk)? {
                Some(next) if next < length => position = next,
                _ => break,
            }
        }
        Err(invalid("it ends before its sound, or its header is damaged"))
    }

    /// The end of the sound. The written size holds if it ends within the file, and nothing follows or a chunk does. If not, the
    /// sound lasts to the end of the file.
    fn end(self, file: &mut File, data: &Chunk, length: u64) -> io::Result<u64> {
        let end = match data.start.checked_add(data.size) {
            Some(end) if end <= length => end,
            _ => return Ok(length),
        };
        let Some(next) = self.after(file, data)? else { return Ok(length) };
        if length.saturating_sub(next) < SHORTEST_REST || self.leads_to_end(file, next, length)? {
            return Ok(end);
        }
        Ok(length)
    }

    /// True if chunks, one after the other, fill the file from a position on. The last may be cut short, if it begins as
    /// one of those that follow sound.
    fn leads_to_end(self, file: &mut File, mut position: u64, length: u64) -> io::Result<bool> {
        for _ in 0..MOST_CHUNKS {
            let Some(chunk) = self.chunk(file, position)? else { return Ok(false) };
            match self.after(file, &chunk)? {
                Some(next) if next < length => position = next,
                Some(next) if next <= length + 8 => return Ok(true),
                _ => {
                    let known: [&[u8; 4]; 9] =
                        [b"LIST", b"list", b"id3 ", b"ID3 ", b"bext", b"cue ", b"smpl", b"_PMX", b"iXML"];
                    return Ok(known.contains(&&chunk.name));
                }
            }
        }
        Ok(false)
    }

    /// The header for samples in a part of the file, and the part.
    fn plain(self, format: Vec<u8>, start: u64, end: u64) -> io::Result<(Vec<u8>, u64, u64)> {
        let size = end.saturating_sub(start);
        match self {
            Self::Riff | Self::W64 => {
                let (tag, format) = wave_format(format)?;
                // MPEG audio and AAC in a WAV file are streams of their own.
                if [0x50, 0x55, 0xFF, 0x1600].contains(&tag) {
                    return Ok((Vec::new(), start, end));
                }
                let whole = PLAIN + format.len() as u64 + size;
                // A size of 0xFFFFFFFF is that of a stream.
                let limited = |size: u64| if whole > u64::from(u32::MAX) { u32::MAX } else { size as u32 };
                let parts: [&[u8]; 7] = [
                    b"RIFF",
                    &limited(whole - 8).to_le_bytes(),
                    b"WAVEfmt ",
                    &(format.len() as u32).to_le_bytes(),
                    &format,
                    b"data",
                    &limited(size).to_le_bytes(),
                ];
                Ok((parts.concat(), start, end))
            }
            Self::Aiff(form) => {
                let size = size.min(u64::from(u32::MAX) - PLAIN - LONGEST_FORMAT);
                let format = aiff_format(format, form, size)?;
                let whole = PLAIN + format.len() as u64 + size;
                let parts: [&[u8]; 8] = [
                    b"FORM",
                    &((whole - 8) as u32).to_be_bytes(),
                    &form,
                    b"COMM",
                    &(format.len() as u32).to_be_bytes(),
                    &format,
                    b"SSND",
                    &(size as u32).to_be_bytes(),
                ];
                Ok((parts.concat(), start, start + size))
            }
            Self::Caf => {
                let parts: [&[u8]; 5] = [b"caff", &CAF_VERSION, &format, b"data", &size.to_be_bytes()];
                Ok((parts.concat(), start, end))
            }
        }
    }
}

/// The error of a damaged file.
fn invalid(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// The number at a place of a description of samples.
fn number(format: &[u8], at: usize) -> io::Result<u16> {
    let bytes = format.get(at..at + 2).ok_or_else(|| invalid("the description of its samples is too short"))?;
    Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
}

/// The format tag of WAV, and the description in the form that the reader knows: without extensions that say nothing, with
/// samples of whole bytes and as many places as channels.
fn wave_format(mut format: Vec<u8>) -> io::Result<(u16, Vec<u8>)> {
    const EXTENSIBLE: u16 = 0xFFFE;
    const GUID: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];
    let mut tag = number(&format, 0)?;
    let (channels, align, bits) = (number(&format, 2)?, number(&format, 12)?, number(&format, 14)?);
    if !(1..=MOST_CHANNELS).contains(&channels) || bits > 64 {
        return Err(invalid(&format!("its header asks for {channels} channels of {bits} bits")));
    }
    if tag == EXTENSIBLE && format.get(26..40) == Some(&GUID) {
        let kind = number(&format, 24)?;
        if !(1..=3).contains(&kind) {
            tag = kind;
            format[..2].copy_from_slice(&tag.to_le_bytes());
        }
    }
    match tag {
        // Samples of 12 or 20 bits lie in whole bytes.
        1 => {
            format.truncate(16);
            let bytes = if align.is_multiple_of(channels) && align > 0 { align / channels } else { bits.div_ceil(8) };
            format[14..16].copy_from_slice(&(8 * bytes.min(8)).to_le_bytes());
        }
        3 => format.truncate(16),
        6 | 7 => {
            format.truncate(16);
            format.extend([0, 0]);
        }
        EXTENSIBLE if format.len() >= 40 => {
            format.truncate(40);
            format[16..18].copy_from_slice(&22_u16.to_le_bytes());
            let valid = number(&format, 18)?;
            if valid == 0 || valid > bits {
                format[18..20].copy_from_slice(&bits.to_le_bytes());
            }
            let mask = u32::from_le_bytes([format[20], format[21], format[22], format[23]]);
            if mask.count_ones() != u32::from(channels) {
                format[20..24].copy_from_slice(&(((1_u64 << channels) - 1) as u32).to_le_bytes());
            }
        }
        _ => {}
    }
    Ok((tag, format))
}

/// Checks the description of CAF: the reader multiplies its numbers.
fn check_caf(format: &[u8]) -> io::Result<()> {
    let number = |at: usize| {
        let bytes = format.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
        bytes.ok_or_else(|| invalid("the description of its samples is too short"))
    };
    let (bytes, frames, channels, bits) = (number(16)?, number(20)?, number(24)?, number(28)?);
    if bytes > 1 << 16 || frames > 1 << 16 || !(1..=256).contains(&channels) || bits > 64 {
        return Err(invalid(&format!("its header asks for {channels} channels of {bits} bits")));
    }
    Ok(())
}

/// The description of AIFF for samples of so many bytes: the number of frames may be one that was never written.
fn aiff_format(mut format: Vec<u8>, form: [u8; 4], size: u64) -> io::Result<Vec<u8>> {
    let (channels, bits) = (number(&format, 0)?.swap_bytes(), number(&format, 6)?.swap_bytes());
    if !(1..=MOST_CHANNELS).contains(&channels) || !(1..=64).contains(&bits) {
        return Err(invalid(&format!("its header asks for {channels} channels of {bits} bits")));
    }
    if form == *b"AIFF" {
        let frames = size.saturating_sub(8) / (u64::from(channels) * u64::from(bits.div_ceil(8)));
        format[2..6].copy_from_slice(&(frames as u32).to_be_bytes());
    }
    Ok(format)
}
