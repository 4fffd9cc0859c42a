//! A take for the engine of a window, if it was played on the same model, size and processor.

use std::path::Path;
use std::sync::Arc;

use crate::cli::replay::{reason, recorded_sound};
use crate::engine::{Replay, Video};
use crate::provenance::Render;
use crate::take::{Header, Take, processor};

/// Reads a take for a window with the render record `here`.
pub(super) fn read(path: &Path, here: Option<&Render>) -> Result<Replay, String> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let here = here.ok_or("The model is loading: play the take once the first picture is shown")?;
    let take = Take::read(path).map_err(|error| error.to_string())?;
    refuse(&take.header, here).map_err(|why| format!("{name}: {why}"))?;
    if take.pictures() == 0 {
        return Err(format!("{name}: the take has no pictures; select another"));
    }
    let sound = take.header.sound.as_ref().map(recorded_sound).transpose();
    let sound = sound.map_err(|why| format!("{name}: {why}; put the file back there"))?;
    let (pictures, differs) = (take.pictures(), reason(&take.header));
    let Take { header, patch, plan, entries, .. } = take;
    let video = Video { patch, plan, sound: sound.map(Arc::new), zoom: header.zoom(), exact: header.exact };
    Ok(Replay { name, pictures, video, entries: entries.into(), differs })
}

/// An error if the engine of the window would make other pictures.
fn refuse(header: &Header, here: &Render) -> Result<(), String> {
    let Header { model, size: [width, height], .. } = header;
    if header.model_sha256 != here.model_sha256 {
        let other = &here.model;
        return Err(format!(
            "it was played on {model}, and this window runs {other}; render it, or start bendrack with --model {model}"
        ));
    }
    if header.size != here.size {
        let [wide, high] = here.size;
        return Err(format!(
            "it was played at {width}x{height}, and this window runs at {wide}x{high}; render it, or start bendrack with --size \
             {width}x{height}"
        ));
    }
    if header.processor != processor() {
        let (there, here) = (&header.processor, processor());
        return Err(format!("it was played on {there}, and this is {here}; render it with “Ignore differences”"));
    }
    Ok(())
}
