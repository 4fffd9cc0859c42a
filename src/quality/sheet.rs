//! A picture of many frames, to be looked at.

use crate::output::Picture;

/// Pixels between frames.
const GAP: usize = 2;

/// Rows of pictures of the same size on one, from the top; nothing if there are none.
pub fn sheet(rows: &[Vec<&Picture>]) -> Option<Picture> {
    let first = rows.iter().flatten().next()?;
    let columns = rows.iter().map(Vec::len).max()?;
    let mut sheet = Picture::dark(columns * (first.width + GAP), rows.len() * (first.height + GAP));
    for (row, pictures) in rows.iter().enumerate() {
        for (column, picture) in pictures.iter().enumerate() {
            paste(&mut sheet, picture, (row * (first.height + GAP), column * (first.width + GAP)));
        }
    }
    Some(sheet)
}

/// Puts a picture on another that has room for it.
fn paste(sheet: &mut Picture, picture: &Picture, (top, left): (usize, usize)) {
    for (y, pixels) in picture.rgb.chunks_exact(3 * picture.width).enumerate() {
        let at = 3 * ((top + y) * sheet.width + left);
        sheet.rgb[at..at + pixels.len()].copy_from_slice(pixels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_has_its_place() {
        let picture = |level: u8| Picture::filled(4, 2, [level; 3]);
        let (a, b, c) = (picture(1), picture(2), picture(3));
        let sheet = sheet(&[vec![&a], vec![&b, &c]]).expect("a sheet");
        assert_eq!((sheet.width, sheet.height), (12, 8));
        let at = |x: usize, y: usize| sheet.rgb[3 * (y * sheet.width + x)];
        assert_eq!([at(0, 0), at(6, 0), at(3, 5), at(6, 4), at(9, 5), at(11, 5)], [1, 0, 2, 3, 3, 0]);
        assert!(super::sheet(&[]).is_none());
    }
}
