//! Pictures one after the other, for another program to read from a pipe.

use std::io::{self, Write};

use bendrack_nodes::program::byte;

use crate::media::Picture;

/// The format of a stream of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FrameFormat {
    /// YUV4MPEG2: full colour (4:4:4), BT.601, limited range, with size and frame rate in its head.
    Y4m,
    /// RGB without a header, a byte per colour (rgb24), for ffmpeg's `-f rawvideo`.
    Rawvideo,
    /// No pictures.
    None,
}

/// A stream of pictures of one size.
pub struct Frames<W> {
    format: FrameFormat,
    out: W,
    size: Option<(usize, usize)>,
    bytes: Vec<u8>,
}

impl<W: Write> Frames<W> {
    /// A stream of 16 pictures per second.
    pub const fn new(format: FrameFormat, out: W) -> Self {
        Self { format, out, size: None, bytes: Vec::new() }
    }

    /// Writes a picture.
    ///
    /// # Errors
    ///
    /// Fails if the reader is gone, or if the size differs from that of the first picture.
    pub fn push(&mut self, picture: &Picture) -> io::Result<()> {
        let size = (picture.width, picture.height);
        let is_first = self.size.is_none();
        if *self.size.get_or_insert(size) != size {
            return Err(io::Error::other(
                "the size of the pictures changes, which the format cannot hold; start again",
            ));
        }
        match self.format {
            FrameFormat::None => Ok(()),
            FrameFormat::Rawvideo => self.out.write_all(&picture.rgb),
            FrameFormat::Y4m => {
                if is_first {
                    writeln!(self.out, "YUV4MPEG2 W{} H{} F16:1 Ip A1:1 C444", size.0, size.1)?;
                }
                self.out.write_all(b"FRAME\n")?;
                yuv(picture, &mut self.bytes);
                self.out.write_all(&self.bytes)
            }
        }
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    ///
    /// Fails if the reader is gone.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The planes Y, Cb and Cr of a picture. Source: ITU-R BT.601, with 8 bits.
fn yuv(picture: &Picture, planes: &mut Vec<u8>) {
    const WEIGHTS: [[f32; 4]; 3] =
        [[16.0, 65.481, 128.553, 24.966], [128.0, -37.797, -74.203, 112.0], [128.0, 112.0, -93.786, -18.214]];
    planes.clear();
    for [offset, red, green, blue] in WEIGHTS {
        planes.extend(picture.rgb.chunks_exact(3).map(|rgb| {
            let [r, g, b] = [0, 1, 2].map(|channel| f32::from(rgb[channel]) / 255.0);
            byte(offset + red * r + green * g + blue * b)
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_one_head_and_the_colours_of_bt_601() {
        let picture = Picture { width: 2, height: 2, rgb: vec![255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 0, 255] };
        let written = |format| {
            let mut out = Vec::new();
            let mut frames = Frames::new(format, &mut out);
            frames.push(&picture).and_then(|()| frames.push(&picture)).expect("written");
            assert!(frames.push(&Picture { width: 1, height: 1, rgb: vec![0; 3] }).is_err(), "another size");
            out
        };
        let head = b"YUV4MPEG2 W2 H2 F16:1 Ip A1:1 C444\n";
        let y4m = written(FrameFormat::Y4m);
        assert!(y4m.starts_with(head));
        let frame = &y4m[head.len()..][..6 + 12];
        assert_eq!(&frame[..6], b"FRAME\n");
        assert_eq!(&frame[6..], [235, 16, 81, 41, 128, 128, 90, 240, 128, 128, 240, 110]);
        assert_eq!(y4m.len(), head.len() + 2 * 18);
        assert_eq!(written(FrameFormat::Rawvideo), [picture.rgb.clone(), picture.rgb.clone()].concat());
        assert!(written(FrameFormat::None).is_empty());
    }
}
