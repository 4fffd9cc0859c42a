//! The pictures and maps of the frame on screen, as textures.

use std::collections::BTreeMap;
use std::sync::Arc;

use bendrack_nodes::program::source::ColourMap;
use eframe::egui::{Color32, ColorImage, Context, TextureHandle, TextureOptions};

use crate::engine::Frame;
use crate::media::{Map, Picture};

/// The textures of the latest frame.
#[derive(Default)]
pub struct Images {
    number: Option<u64>,
    /// The filter of the pictures.
    pub filter: TextureOptions,
    /// The picture that the patch outputs.
    pub screen: Option<TextureHandle>,
    /// The picture of the model.
    pub model: Option<TextureHandle>,
    /// The estimate of a clip under way, and its picture.
    estimate: Option<(Arc<Picture>, TextureHandle)>,
    /// The coloured maps of the taps, by the id of their node.
    pub taps: BTreeMap<Arc<str>, TextureHandle>,
    /// The coloured maps of probes, by name, with the numbers of their frames.
    probes: BTreeMap<String, (Option<u64>, TextureHandle)>,
}

impl Images {
    /// Uploads a frame; with `is_held`, the pictures of an earlier one stay. False if its textures exist already.
    pub fn take(&mut self, ctx: &Context, frame: &Frame, is_held: bool) -> bool {
        if self.number == Some(frame.number) {
            return false;
        }
        self.number = Some(frame.number);
        if !is_held || self.screen.is_none() {
            upload(ctx, &mut self.screen, "screen", picture(&frame.screen), self.filter);
            upload(ctx, &mut self.model, "model", picture(&frame.picture), self.filter);
        }
        self.probes.retain(|name, _| frame.probes.contains_key(name.as_str()));
        self.taps.retain(|id, _| frame.taps.contains_key(id));
        for (id, map) in frame.taps.iter() {
            let Some(image) = colours(map) else { continue };
            if let Some(texture) = self.taps.get_mut(id) {
                texture.set(image, TextureOptions::LINEAR);
            } else {
                self.taps.insert(Arc::clone(id), ctx.load_texture(id.to_string(), image, TextureOptions::LINEAR));
            }
        }
        true
    }
}

impl Images {
    /// Uploads the estimate of a clip under way.
    pub fn take_estimate(&mut self, ctx: &Context, estimate: Option<&Arc<Picture>>) {
        let Some(new) = estimate else {
            self.estimate = None;
            return;
        };
        if self.estimate.as_ref().is_some_and(|(known, _)| Arc::ptr_eq(known, new)) {
            return;
        }
        let mut texture = self.estimate.take().map(|(_, texture)| texture);
        upload(ctx, &mut texture, "estimate", picture(new), TextureOptions::LINEAR);
        self.estimate = texture.map(|texture| (new.clone(), texture));
    }

    /// The estimate of a clip under way.
    pub fn estimate(&self) -> Option<&TextureHandle> {
        self.estimate.as_ref().map(|(_, texture)| texture)
    }

    /// The coloured map of a probe in the latest frame.
    pub fn probe(&mut self, ctx: &Context, name: &str, map: &Map) -> Option<&TextureHandle> {
        if self.probes.get(name).is_none_or(|(number, _)| *number != self.number) {
            let image = colours(map)?;
            if let Some((number, texture)) = self.probes.get_mut(name) {
                *number = self.number;
                texture.set(image, TextureOptions::LINEAR);
            } else {
                let texture = ctx.load_texture(name, image, TextureOptions::LINEAR);
                self.probes.insert(name.to_owned(), (self.number, texture));
            }
        }
        self.probes.get(name).map(|(_, texture)| texture)
    }
}

fn upload(
    ctx: &Context,
    texture: &mut Option<TextureHandle>,
    name: &str,
    image: Option<ColorImage>,
    filter: TextureOptions,
) {
    let Some(image) = image else { return };
    match texture {
        Some(texture) => texture.set(image, filter),
        None => *texture = Some(ctx.load_texture(name, image, filter)),
    }
}

/// A picture as an image; none if its size does not match its pixels.
pub fn picture(picture: &Picture) -> Option<ColorImage> {
    let is_valid = picture.width > 0 && picture.height > 0 && picture.rgb.len() == picture.width * picture.height * 3;
    is_valid.then(|| ColorImage::from_rgb([picture.width, picture.height], &picture.rgb))
}

/// A map in colours from its smallest to its largest value, with opacity by value.
fn colours(map: &Map) -> Option<ColorImage> {
    if map.width == 0 || map.height == 0 || map.values.len() != map.width * map.height {
        return None;
    }
    let (least, most) =
        map.values.iter().filter(|x| x.is_finite()).fold((f32::MAX, f32::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
    let span = (most - least).max(1e-12);
    let colour = |x: &f32| {
        let share = if x.is_finite() { (x - least) / span } else { 0.0 };
        let [r, g, b] = ColourMap::default().colour(share);
        Color32::from_rgba_unmultiplied(r, g, b, (255.0 * share.sqrt()) as u8)
    };
    Some(ColorImage::new([map.width, map.height], map.values.iter().map(colour).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_coloured_from_its_smallest_to_its_largest_value() {
        let map = Map { width: 3, height: 1, values: vec![0.2, 0.3, 0.4] };
        let image = colours(&map).unwrap();
        assert_eq!(image.pixels[0].a(), 0);
        assert_eq!(image.pixels[2].a(), 255);
        assert_eq!(image.pixels[2].to_array()[..3], ColourMap::default().colour(1.0), "the colours of the outputs");
        assert!(image.pixels[1].a() > 0 && image.pixels[1].a() < 255);
        // A constant map and a map with NaN have colours too.
        assert!(colours(&Map { width: 2, height: 1, values: vec![f32::NAN, 0.5] }).is_some());
        assert!(colours(&Map { width: 2, height: 2, values: vec![0.5] }).is_none());
    }

    #[test]
    fn a_picture_with_a_wrong_size_is_not_shown() {
        assert!(picture(&Picture { width: 2, height: 1, rgb: vec![0; 6] }).is_some());
        assert!(picture(&Picture { width: 2, height: 2, rgb: vec![0; 6] }).is_none());
    }
}
