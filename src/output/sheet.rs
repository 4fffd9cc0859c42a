//! Contact sheets: one picture of many.

use crate::media::Picture;
use crate::output::scale::paste;

/// Pixels to the right of each picture and below it.
const GAP: usize = 2;

/// One picture of rows of pictures, from the top, on a ground of this colour; none without pictures.
///
/// A column is as wide as its widest picture, a row as high as its highest.
pub fn sheet(rows: &[Vec<&Picture>], ground: [u8; 3]) -> Option<Picture> {
    let columns = rows.iter().map(Vec::len).max().filter(|&columns| columns > 0)?;
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|picture| picture.width).max();
    let lefts = edges((0..columns).map(|column| width(column).unwrap_or(0)));
    let tops = edges(rows.iter().map(|row| row.iter().map(|picture| picture.height).max().unwrap_or(0)));
    let mut sheet = Picture::filled(lefts[columns], tops[rows.len()], ground);
    for (row, top) in rows.iter().zip(&tops) {
        for (picture, left) in row.iter().zip(&lefts) {
            paste(&mut sheet, picture, *left, *top);
        }
    }
    Some(sheet)
}

/// Starts of items of these lengths, and the end of the last.
fn edges(lengths: impl Iterator<Item = usize>) -> Vec<usize> {
    let ends = lengths.scan(0, |end, length| {
        *end += length + GAP;
        Some(*end)
    });
    std::iter::once(0).chain(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_has_its_place() {
        let picture = |level: u8| Picture::filled(4, 2, [level; 3]);
        let (a, b, c) = (picture(1), picture(2), picture(3));
        let sheet = sheet(&[vec![&a], vec![&b, &c]], [9; 3]).expect("a sheet");
        assert_eq!((sheet.width, sheet.height), (12, 8));
        let at = |x: usize, y: usize| sheet.rgb[3 * (y * sheet.width + x)];
        assert_eq!([at(0, 0), at(6, 0), at(3, 5), at(6, 4), at(9, 5), at(11, 5)], [1, 9, 2, 3, 3, 9]);
        assert!(super::sheet(&[], [0; 3]).is_none());
    }

    #[test]
    fn columns_and_rows_are_as_large_as_what_they_hold() {
        let (label, picture) = (Picture::filled(7, 1, [1; 3]), Picture::filled(3, 5, [2; 3]));
        let sheet = sheet(&[vec![&label, &picture], vec![&picture, &label, &label]], [0; 3]).expect("a sheet");
        assert_eq!((sheet.width, sheet.height), (3 * 9, 2 * 7));
        let at = |x: usize, y: usize| sheet.rgb[3 * (y * sheet.width + x)];
        assert_eq!([at(6, 0), at(9, 4), at(2, 11), at(15, 7), at(24, 7)], [1, 2, 2, 1, 1]);
    }
}
