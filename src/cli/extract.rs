//! `bendrack extract`: the patch in a picture or video.

use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::files::{Content, Files};
use super::record::output;
use super::{Failure, print_json};
use crate::output::video::part::{Part, unwritable};
use crate::provenance::{self, Opened, sidecar};

#[derive(clap::Args)]
pub(super) struct Extract {
    /// A PNG or MP4 that bendrack rendered, or the .bend.json beside one.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write the patch to this file instead of printing it. An existing file is not replaced.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print the render record as JSON: model, hashes of weights and patch, seed, size, number of pictures, version.
    #[arg(long)]
    provenance: bool,
}

impl Extract {
    pub(super) fn run(self) -> Result<(), Failure> {
        let files = Files::default().input("the input file", &self.file);
        if let Some(path) = &self.output {
            files.output("-o", path, Content::Patch).check()?;
        }
        let found = provenance::read(&self.file).map_err(|error| output(&error))?;
        let Opened { patch, render, .. } = found.open(&self.file).map_err(|problem| {
            let (file, why) = (self.file.display(), problem.message);
            Failure::Failed(if found.in_media {
                format!("{file}: the patch in it cannot be read: {why}")
            } else if !["", "/format"].contains(&&*problem.pointer) {
                format!("{file}: {why}")
            } else if std::str::from_utf8(&found.text).is_ok() {
                format!("{file}: {why}; look for a PNG or MP4 that bendrack rendered, or for the .bend.json beside it")
            } else {
                format!("{file}: the file has no patch; {}", sidecar::advice(&self.file))
            })
        })?;
        let text = match (self.provenance, render) {
            (false, _) => patch.to_json(),
            (true, Some(render)) => {
                let mut json = json!(render);
                json["patch_sha256"] = provenance::patch_sha256(&patch).into();
                format!("{json:#}\n")
            }
            (true, None) => {
                let message = format!(
                    "{}: this is a saved patch without a render record; look for the .bend.json of a video",
                    self.file.display()
                );
                return Err(Failure::Failed(message));
            }
        };
        match &self.output {
            None => print_json(&text),
            Some(path) => {
                let mut part = Part::create(path).map_err(|error| output(&error))?;
                let written = part.write_all(text.as_bytes()).map_err(|error| unwritable(path, &error));
                written.and_then(|()| part.keep()).map_err(|error| output(&error))
            }
        }
    }
}
