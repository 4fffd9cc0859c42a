//! A device of v4l2loopback: a virtual camera for the programs that read it.
//!
//! Source: the header `linux/videodev2.h`. The pictures are YUYV, which browsers and conference programs read without conversion.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::link::Link;
use super::{REPEAT, State};
use crate::media::Picture;
use crate::output::scale::fitted;

const QUERY: libc::Ioctl = libc::_IOR::<Capability>(b'V' as u32, 0);
const SET_FORMAT: libc::Ioctl = libc::_IOWR::<Format>(b'V' as u32, 5);
const SET_RATE: libc::Ioctl = libc::_IOWR::<Stream>(b'V' as u32, 22);

/// V4L2_BUF_TYPE_VIDEO_OUTPUT.
const OUTPUT: u32 = 2;
/// V4L2_CAP_VIDEO_OUTPUT.
const CAN_OUTPUT: u32 = 2;
/// V4L2_CAP_DEVICE_CAPS: the field `device` is filled.
const HAS_DEVICE: u32 = 1 << 31;
/// V4L2_PIX_FMT_YUYV.
const YUYV: u32 = u32::from_le_bytes(*b"YUYV");
/// V4L2_FIELD_NONE: whole pictures.
const WHOLE: u32 = 1;
/// V4L2_COLORSPACE_SMPTE170M: BT.601, limited range.
const BT_601: u32 = 1;
/// Largest side of a picture that a device may ask for.
const LARGEST: u32 = 16_384;
/// Pictures a second.
const RATE: u32 = 16;

/// `struct v4l2_capability`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Capability {
    names: [u8; 80],
    version: u32,
    all: u32,
    device: u32,
    reserved: [u32; 3],
}

/// `struct v4l2_format` of a picture.
#[repr(C)]
#[derive(Clone, Copy)]
struct Format {
    kind: u32,
    /// The union in C has pointers.
    align: [usize; 0],
    width: u32,
    height: u32,
    pixels: u32,
    field: u32,
    row_bytes: u32,
    bytes: u32,
    colours: u32,
    rest: [u8; 172],
}

/// `struct v4l2_streamparm` of an output.
#[repr(C)]
#[derive(Clone, Copy)]
struct Stream {
    kind: u32,
    capability: u32,
    mode: u32,
    /// Seconds of a picture, as a fraction.
    time: [u32; 2],
    rest: [u8; 184],
}

/// Writes the pictures of a share to a device until the end of the share.
///
/// # Errors
///
/// Fails if the device is missing, is none for pictures, or refuses them.
pub(super) fn run(path: &Path, link: &Link) -> Result<(), String> {
    let mut device = Device::open(path)?;
    while let Some(picture) = link.next(REPEAT) {
        device.write(&picture)?;
        link.set_state(State::On(device.width, device.height));
    }
    Ok(())
}

/// A device that is open for pictures.
struct Device {
    path: PathBuf,
    file: File,
    /// Size of the pictures for which the format was set.
    asked: Option<(usize, usize)>,
    width: usize,
    height: usize,
    row_bytes: usize,
    bytes: Vec<u8>,
}

impl Device {
    fn open(path: &Path) -> Result<Self, String> {
        let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path);
        let file = file.map_err(|error| fault(path, &error))?;
        // SAFETY: all zeros are a value of this struct of numbers.
        let mut can: Capability = unsafe { std::mem::zeroed() };
        // SAFETY: QUERY has the size of `Capability`, to which the kernel writes.
        let answer = unsafe { libc::ioctl(file.as_raw_fd(), QUERY, &raw mut can) };
        if answer < 0 {
            return Err(format!("{} is no video device; {}", path.display(), advice(path)));
        }
        let of_device = if can.all & HAS_DEVICE == 0 { can.all } else { can.device };
        if of_device & CAN_OUTPUT == 0 {
            return Err(format!("{} is a camera and takes no pictures; {}", path.display(), advice(path)));
        }
        let path = path.to_owned();
        Ok(Self { path, file, asked: None, width: 0, height: 0, row_bytes: 0, bytes: Vec::new() })
    }

    /// Writes a picture, fitted to the format of the device.
    fn write(&mut self, picture: &Picture) -> Result<(), String> {
        let size = (picture.width, picture.height);
        if self.asked != Some(size) {
            self.set_format(size)?;
            self.asked = Some(size);
        }
        yuyv(&fitted(picture, self.width, self.height), self.row_bytes, &mut self.bytes);
        match self.file.write(&self.bytes) {
            Ok(_) => Ok(()),
            // The device is busy with a reader; the next picture follows soon.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(()),
            Err(error) => Err(fault(&self.path, &error)),
        }
    }

    /// Asks for pictures of this size. The device keeps its former size while programs read it.
    fn set_format(&mut self, (width, height): (usize, usize)) -> Result<(), String> {
        // Two pixels share their colour.
        let (width, height) = (width.next_multiple_of(2) as u32, height as u32);
        let mut format = Format {
            kind: OUTPUT,
            align: [],
            width,
            height,
            pixels: YUYV,
            field: WHOLE,
            row_bytes: 2 * width,
            bytes: 2 * width * height,
            colours: BT_601,
            rest: [0; 172],
        };
        // SAFETY: SET_FORMAT has the size of `Format`, which the kernel reads and writes.
        if unsafe { libc::ioctl(self.file.as_raw_fd(), SET_FORMAT, &raw mut format) } < 0 {
            let error = io::Error::last_os_error();
            let keeps = self.width > 0 && error.kind() == ErrorKind::ResourceBusy;
            return if keeps { Ok(()) } else { Err(fault(&self.path, &error)) };
        }
        let is_size = |side: u32| (1..=LARGEST).contains(&side);
        if format.pixels != YUYV || !is_size(format.width) || !is_size(format.height) || !format.width.is_multiple_of(2)
        {
            let path = self.path.display();
            return Err(format!("{path} takes no YUYV pictures of {width}×{height}; load v4l2loopback again"));
        }
        (self.width, self.height) = (format.width as usize, format.height as usize);
        // A device may align its rows.
        self.row_bytes = (format.row_bytes.min(4 * LARGEST) as usize).max(2 * self.width);
        let mut stream = Stream { kind: OUTPUT, capability: 0, mode: 0, time: [1, RATE], rest: [0; 184] };
        // SAFETY: SET_RATE has the size of `Stream`, which the kernel reads and writes. A device without a rate refuses it.
        unsafe { libc::ioctl(self.file.as_raw_fd(), SET_RATE, &raw mut stream) };
        Ok(())
    }
}

/// An error of a device, with the next step.
fn fault(path: &Path, error: &io::Error) -> String {
    let path_text = path.display();
    match error.kind() {
        ErrorKind::NotFound => format!("{path_text}: there is no such device; {}", advice(path)),
        ErrorKind::PermissionDenied => {
            format!("{path_text}: no rights; run `sudo usermod -aG video $USER`, then log in again")
        }
        ErrorKind::ResourceBusy => {
            format!("{path_text}: another program writes to it; end it, or load v4l2loopback again")
        }
        _ => format!("{path_text}: {error}; {}", advice(path)),
    }
}

/// The command that makes a device.
fn advice(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = name.strip_prefix("video").and_then(|number| number.parse::<u8>().ok()).unwrap_or(10);
    format!(
        "make one with `sudo modprobe v4l2loopback video_nr={number} exclusive_caps=1`, of the package v4l2loopback-dkms"
    )
}

/// The picture as YUYV: two pixels share their colour. The width is even. Source: ITU-R BT.601, with 8 bits.
fn yuyv(picture: &Picture, row_bytes: usize, bytes: &mut Vec<u8>) {
    /// Parts of 65,536; two pixels are added in the rows of the colours.
    const Y: [i32; 3] = [16_829, 33_039, 6_416];
    const CB: [i32; 3] = [-4_857, -9_535, 14_392];
    const CR: [i32; 3] = [14_392, -12_052, -2_340];
    bytes.clear();
    bytes.resize(row_bytes * picture.height, 0);
    let rows = picture.rgb.chunks_exact(3 * picture.width).zip(bytes.chunks_exact_mut(row_bytes));
    for (from, to) in rows {
        for (pair, out) in from.chunks_exact(6).zip(to.chunks_exact_mut(4)) {
            let rgb: [i32; 6] = std::array::from_fn(|at| i32::from(pair[at]));
            let sum = |weights: [i32; 3], rgb: &[i32]| weights.iter().zip(rgb).map(|(w, x)| w * x).sum::<i32>();
            let both = [rgb[0] + rgb[3], rgb[1] + rgb[4], rgb[2] + rgb[5]];
            out[0] = (16 + ((sum(Y, &rgb[..3]) + 32_768) >> 16)) as u8;
            out[1] = (128 + ((sum(CB, &both) + 32_768) >> 16)) as u8;
            out[2] = (16 + ((sum(Y, &rgb[3..]) + 32_768) >> 16)) as u8;
            out[3] = (128 + ((sum(CR, &both) + 32_768) >> 16)) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_numbers_of_the_kernel() {
        // Printed by a C program with linux/videodev2.h, on x86-64.
        if cfg!(target_arch = "x86_64") {
            assert_eq!(
                [QUERY, SET_FORMAT, SET_RATE].map(|request| request as u32),
                [0x8068_5600, 0xc0d0_5605, 0xc0cc_5616]
            );
            assert_eq!(std::mem::offset_of!(Format, width), 8);
        }
    }

    #[test]
    fn pictures_have_the_colours_of_bt_601_and_the_rows_of_the_device() {
        let picture = Picture {
            width: 2,
            height: 3,
            rgb: vec![255, 255, 255, 0, 0, 0, 255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255],
        };
        let mut bytes = Vec::new();
        yuyv(&picture, 6, &mut bytes);
        // White and black, red twice, blue twice; two bytes after each row.
        let wanted = [[235, 128, 16, 128, 0, 0], [81, 90, 81, 240, 0, 0], [41, 240, 41, 110, 0, 0]];
        assert_eq!(bytes, wanted.concat());
    }

    #[test]
    fn faults_name_the_device_and_the_next_step() {
        let of = |kind: ErrorKind| fault(Path::new("/dev/video7"), &kind.into());
        assert!(of(ErrorKind::NotFound).contains("/dev/video7") && of(ErrorKind::NotFound).contains("video_nr=7"));
        assert!(of(ErrorKind::PermissionDenied).contains("usermod -aG video"));
        assert!(of(ErrorKind::ResourceBusy).contains("another program"));
    }
}
