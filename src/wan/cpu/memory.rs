//! Memory for results and for work.

use std::ops::{Deref, DerefMut};

/// Bytes of a huge page, and of the smallest result that asks for them.
const HUGE_PAGE: usize = 2 << 20;
const WORTH_HUGE_PAGES: usize = 2 * HUGE_PAGE;

/// `len` zeros for a kernel to overwrite.
///
/// Large blocks come fresh from the system, one fault per page at the first touch. With pages of 4 KiB these faults cost
/// more than an elementwise pass itself; with huge pages they vanish.
pub fn zeros(len: usize) -> Vec<f32> {
    let mut data = vec![0.0; len];
    if size_of_val(&data[..]) >= WORTH_HUGE_PAGES {
        advise_huge_pages(&mut data);
    }
    data
}

/// Asks for huge pages inside of `data`; a system without them uses small ones.
#[cfg(target_os = "linux")]
fn advise_huge_pages(data: &mut [f32]) {
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(data);
    let before = bytes.as_ptr().align_offset(HUGE_PAGE);
    let inside = &mut bytes[before..];
    let whole = inside.len() / HUGE_PAGE * HUGE_PAGE;
    // SAFETY: the range lies inside of `data`, starts at a page boundary, and the advice changes no content.
    unsafe { libc::madvise(inside.as_mut_ptr().cast(), whole, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn advise_huge_pages(_: &mut [f32]) {}

/// One line of the processor's cache.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Working memory that begins at a cache line, so that whole vectors in it are never split between two.
pub struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

impl Aligned {
    pub fn zeros(len: usize) -> Self {
        Self { lines: vec![Line([0.0; 16]); len.div_ceil(16)], len }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}
