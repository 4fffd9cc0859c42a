//! Arrays of numbers in files, written latent frame by latent frame.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use half::f16;
use serde_json::json;

use crate::files::{Error, Result};
use crate::output::video::part::unwritable;

/// Bytes of a header. The format of numpy asks for a multiple of 64, that of safetensors for one of 8.
const HEADER: usize = 256;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// numpy's .npy, version 1.0.
    Npy,
    /// safetensors, with one tensor of the name `map`.
    Safetensors,
}

impl Format {
    /// The ending of file names.
    pub(super) const fn ending(self) -> &'static str {
        match self {
            Self::Npy => "npy",
            Self::Safetensors => "safetensors",
        }
    }
}

/// The type of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// 16 bits.
    F16,
    /// 32 bits.
    F32,
}

impl Number {
    /// Bytes of a number.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
        }
    }

    /// The name in numpy.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::F16 => "float16",
            Self::F32 => "float32",
        }
    }

    fn put(self, values: impl Iterator<Item = f32>, into: &mut Vec<u8>) {
        match self {
            Self::F16 => values.for_each(|value| into.extend(f16::from_f32(value).to_le_bytes())),
            Self::F32 => values.for_each(|value| into.extend(value.to_le_bytes())),
        }
    }
}

/// An array in a file, in the order of C.
pub(super) struct Array {
    path: PathBuf,
    file: File,
    number: Number,
    format: Format,
    pub(super) shape: Vec<usize>,
    bytes: Vec<u8>,
    is_beyond: bool,
}

impl Array {
    /// Begins an array. No other file is replaced.
    pub(super) fn create(path: &Path, shape: &[usize], number: Number, format: Format) -> Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.map_err(|error| unwritable(path, &error))?;
        let (path, shape) = (path.to_owned(), shape.to_vec());
        let mut array = Self { path, file, number, format, shape, bytes: Vec::new(), is_beyond: false };
        array.write_header()?;
        array.set_length()?;
        Ok(array)
    }

    /// Bytes of the numbers.
    pub(super) fn bytes(&self) -> u64 {
        (self.shape.iter().product::<usize>() * self.number.bytes()) as u64
    }

    /// True if a number was too large for the type of the array.
    pub(super) const fn is_beyond(&self) -> bool {
        self.is_beyond
    }

    fn set_length(&self) -> Result<()> {
        self.file.set_len(HEADER as u64 + self.bytes()).map_err(|error| unwritable(&self.path, &error))
    }

    /// Writes numbers from an index on, counted through the whole array.
    pub(super) fn write(&mut self, index: usize, values: impl Iterator<Item = f32>) -> Result<()> {
        self.bytes.clear();
        let is_beyond = &mut self.is_beyond;
        let largest = if self.number == Number::F16 { f32::from(f16::MAX) } else { f32::INFINITY };
        let values = values.inspect(|value| *is_beyond |= value.is_finite() && value.abs() > largest);
        self.number.put(values, &mut self.bytes);
        let start = SeekFrom::Start((HEADER + index * self.number.bytes()) as u64);
        let written = self.file.seek(start).and_then(|_| self.file.write_all(&self.bytes));
        written.map_err(|error| unwritable(&self.path, &error))
    }

    /// Ends the array. An axis that got fewer entries than planned is shortened; it must be the first one.
    pub(super) fn finish(mut self, entries: usize) -> Result<()> {
        if self.shape.first() != Some(&entries) {
            if let Some(first) = self.shape.first_mut() {
                *first = entries;
            }
            self.write_header()?;
            self.set_length()?;
        }
        self.file.sync_all().map_err(|error| unwritable(&self.path, &error))
    }

    fn write_header(&mut self) -> Result<()> {
        let (start, text) = match self.format {
            Format::Npy => {
                let shape: Vec<String> = self.shape.iter().map(|length| format!("{length},")).collect();
                let descr = if self.number == Number::F16 { "<f2" } else { "<f4" };
                let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}", shape.join(" "));
                ([&b"\x93NUMPY\x01\x00"[..], &((HEADER - 10) as u16).to_le_bytes()].concat(), text)
            }
            Format::Safetensors => {
                let dtype = if self.number == Number::F16 { "F16" } else { "F32" };
                let tensor = json!({ "dtype": dtype, "shape": self.shape, "data_offsets": [0, self.bytes()] });
                (((HEADER - 8) as u64).to_le_bytes().to_vec(), json!({ "map": tensor }).to_string())
            }
        };
        let room = HEADER - start.len();
        if text.len() >= room {
            return Err(Error::new(&self.path, "the array has too many axes"));
        }
        // Both formats allow spaces at the end; that of numpy ends in a line feed.
        let end = if self.format == Format::Npy { "\n" } else { " " };
        let header = [&start[..], format!("{text:<width$}{end}", width = room - 1).as_bytes()].concat();
        let written: io::Result<()> = self.file.seek(SeekFrom::Start(0)).and_then(|_| self.file.write_all(&header));
        written.map_err(|error| unwritable(&self.path, &error))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_array_has_its_header_and_its_numbers() {
        let folder = tempfile::tempdir().expect("a folder");
        for (number, name) in [(Number::F16, "<f2"), (Number::F32, "<f4")] {
            let path = folder.path().join(format!("{}.npy", number.name()));
            let mut array = Array::create(&path, &[3, 2, 2], number, Format::Npy).expect("begun");
            array.write(4, [5.0, 6.0, 7.0, 8.0].into_iter()).expect("written");
            array.write(0, [1.0, 2.0, 3.0, 4.0].into_iter()).expect("written");
            array.finish(2).expect("ended");
            let bytes = fs::read(&path).expect("a file");
            assert_eq!((&bytes[..8], bytes.len()), (&b"\x93NUMPY\x01\x00"[..], HEADER + 8 * number.bytes()));
            let header = String::from_utf8_lossy(&bytes[10..HEADER]).into_owned();
            assert!(header.contains(name) && header.contains("'shape': (2, 2, 2,), }"), "{header}");
            assert!(header.ends_with('\n') && usize::from(bytes[8]) + 10 == HEADER);
            let values: Vec<f32> = match number {
                Number::F16 => {
                    bytes[HEADER..].chunks(2).map(|it| f16::from_le_bytes([it[0], it[1]]).to_f32()).collect()
                }
                Number::F32 => {
                    bytes[HEADER..].chunks(4).map(|it| f32::from_le_bytes([it[0], it[1], it[2], it[3]])).collect()
                }
            };
            assert_eq!(values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
            assert!(Array::create(&path, &[1], number, Format::Npy).is_err(), "it is not replaced");
        }
    }

    #[test]
    fn a_safetensors_file_is_read_by_its_crate() {
        let folder = tempfile::tempdir().expect("a folder");
        for (number, dtype) in [(Number::F16, safetensors::Dtype::F16), (Number::F32, safetensors::Dtype::F32)] {
            let path = folder.path().join(format!("{}.safetensors", number.name()));
            let mut array = Array::create(&path, &[3, 2], number, Format::Safetensors).expect("begun");
            array.write(0, [1.0, 2.0, 3.0, 4.0].into_iter()).expect("written");
            array.finish(2).expect("ended");
            let bytes = fs::read(&path).expect("a file");
            let file = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
            let map = file.tensor("map").expect("the tensor");
            assert_eq!((map.dtype(), map.shape()), (dtype, &[2, 2][..]));
            let last = &map.data()[3 * number.bytes()..];
            let last = match number {
                Number::F16 => f16::from_le_bytes([last[0], last[1]]).to_f32(),
                Number::F32 => f32::from_le_bytes([last[0], last[1], last[2], last[3]]),
            };
            assert!((last - 4.0).abs() < f32::EPSILON);
        }
    }
}
