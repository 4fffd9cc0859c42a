//! Arrays of numbers in files for numpy, written latent frame by latent frame.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use half::f16;

use crate::files::{Error, Result};
use crate::output::video::part::unwritable;

/// Bytes of a header. The format asks for a multiple of 64.
const HEADER: usize = 192;

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

/// An array in an .npy file (numpy's format, version 1.0), in the order of C.
pub(super) struct Npy {
    path: PathBuf,
    file: File,
    number: Number,
    pub(super) shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Npy {
    /// Begins an array. No other file is replaced.
    pub(super) fn create(path: &Path, shape: &[usize], number: Number) -> Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.map_err(|error| unwritable(path, &error))?;
        let mut array = Self { path: path.to_owned(), file, number, shape: shape.to_vec(), bytes: Vec::new() };
        array.write_header()?;
        let length = (HEADER + shape.iter().product::<usize>() * number.bytes()) as u64;
        array.file.set_len(length).map_err(|error| unwritable(path, &error))?;
        Ok(array)
    }

    /// Writes numbers from an index on, counted through the whole array.
    pub(super) fn write(&mut self, index: usize, values: impl Iterator<Item = f32>) -> Result<()> {
        self.bytes.clear();
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
            let length = (HEADER + self.shape.iter().product::<usize>() * self.number.bytes()) as u64;
            self.file.set_len(length).map_err(|error| unwritable(&self.path, &error))?;
        }
        self.file.sync_all().map_err(|error| unwritable(&self.path, &error))
    }

    fn write_header(&mut self) -> Result<()> {
        let shape: Vec<String> = self.shape.iter().map(|length| format!("{length},")).collect();
        let descr = if self.number == Number::F16 { "<f2" } else { "<f4" };
        let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}", shape.join(" "));
        let room = HEADER - 10;
        if text.len() >= room {
            return Err(Error::new(&self.path, "the array has too many axes"));
        }
        let header = [
            &b"\x93NUMPY\x01\x00"[..],
            &(room as u16).to_le_bytes(),
            format!("{text:<width$}\n", width = room - 1).as_bytes(),
        ]
        .concat();
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
            let mut array = Npy::create(&path, &[3, 2, 2], number).expect("begun");
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
            assert!(Npy::create(&path, &[1], number).is_err(), "it is not replaced");
        }
    }
}
