//! `bendrack attend`: attention maps of words as arrays for numpy.

mod arrays;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bendrack_nodes::patch::Patch;
use bendrack_nodes::program::region::Region;
use bendrack_nodes::program::set::Set;
use bendrack_nodes::program::target::{Passes, Selection, Target, words};
use bendrack_nodes::program::{Fuse, Measure, Tap};
use indicatif::HumanBytes;
use serde_json::{Value as Json, json};

use super::interrupt::Interrupt;
use super::{Failure, models, read_patch, size};
use crate::disk;
use crate::engine::model::{FRAME_RATE, LATENT_FRAMES};
use crate::engine::{Engine, ModelShape, Taps};
use crate::media::Map;
use crate::provenance::patch_sha256;
use crate::terminal;
use crate::wan::error::message;
use arrays::{Npy, Number};

/// Default length of the video, in seconds.
const SECONDS: f64 = 3.0;

/// An axis that can be averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
enum Axis {
    /// Denoising steps.
    Steps,
    /// Layers.
    Layers,
    /// Attention heads.
    Heads,
}

/// The order of axes in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Layout {
    /// A file for each word: frame, step, layer, head, row, column.
    Words,
    /// A file for each step: layer, head, position of all frames, word. The layout of the *Attention of a Kiss* tool.
    Kiss,
}

#[derive(clap::Args)]
pub(super) struct Attend {
    /// Patch file. Without one, --prompt is the whole patch.
    #[arg(required_unless_present = "prompt")]
    patch: Option<PathBuf>,
    /// Prompt, in place of a patch.
    #[arg(long, value_name = "TEXT", conflicts_with = "patch")]
    prompt: Option<String>,
    /// Folder for the arrays and their index. It must be empty, or not exist.
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
    /// Words, separated by commas [default: all words of the prompt].
    #[arg(long, value_delimiter = ',')]
    words: Vec<String>,
    /// Axes to average, separated by commas; the axis stays, with length 1.
    #[arg(long, value_enum, value_delimiter = ',')]
    fuse: Vec<Axis>,
    /// Order of the axes.
    #[arg(long, value_enum, default_value = "words")]
    layout: Layout,
    /// Write numbers of 32 bits instead of 16.
    #[arg(long)]
    full: bool,
    /// Length in seconds [default: 3].
    #[arg(long, value_parser = clap::value_parser!(f64))]
    seconds: Option<f64>,
    /// Seed, instead of the patch's own.
    #[arg(long)]
    seed: Option<u64>,
    /// Model: mini, a name from `bendrack models`, or the path of a folder.
    #[arg(long, default_value = "mini")]
    model: String,
    /// Denoising steps of a chunk, instead of those of the model.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100))]
    steps: Option<u64>,
    /// Width and height of the model's picture, multiples of 16 [default: 128x128 for mini, else 832x480].
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Option<(usize, usize)>,
    /// Print nothing but errors.
    #[arg(short, long)]
    quiet: bool,
}

/// The lengths of the axes.
#[derive(Clone, Copy, Debug)]
struct Axes {
    frames: usize,
    steps: usize,
    layers: usize,
    heads: usize,
    rows: usize,
    columns: usize,
}

impl Attend {
    pub(super) fn run(self) -> Result<(), Failure> {
        let interrupt = Interrupt::watch()?;
        let mut engine = self.engine()?;
        let (patch, words) = (self.patch()?, self.words(&mut engine)?);
        let axes = self.axes(&engine)?;
        let mut arrays = self.arrays(&words, axes)?;
        if !self.quiet {
            let bytes: usize = arrays.iter().map(|array| array.shape.iter().product::<usize>()).sum();
            let bytes = HumanBytes((bytes * self.number().bytes()) as u64);
            let (count, folder) = (arrays.len(), self.output.display());
            terminal::print_error(format_args!("{folder}: {count} arrays, {bytes}"));
        }
        engine.set_probes(probes(&words, axes).into());
        let mut done = 0;
        while done < axes.frames && !interrupt.is_asked() {
            let frames = engine.step(&[]).map_err(|error| Failure::Failed(message(&error)))?;
            for frame in frames {
                // The first picture of each latent frame brings its maps.
                if frame.latent as usize == done && done < axes.frames {
                    self.write(&mut arrays, &words, axes, done, &frame.probes)?;
                    done += 1;
                }
            }
        }
        let index = self.index(&engine, &patch, &words, Axes { frames: done, ..axes })?;
        for array in arrays {
            let entries = if self.layout == Layout::Words { done } else { array.shape[0] };
            array.finish(entries).map_err(|error| Failure::Failed(error.to_string()))?;
        }
        let path = self.output.join("index.json");
        disk::replace(&path, format!("{index:#}\n").as_bytes())
            .map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))?;
        if done < axes.frames {
            return Err(Failure::Failed(format!("interrupted; {done} of {} latent frames are kept", axes.frames)));
        }
        Ok(())
    }

    fn number(&self) -> Number {
        if self.full { Number::F32 } else { Number::F16 }
    }

    /// The patch: that of the file, or the prompt alone.
    fn patch(&self) -> Result<Patch, Failure> {
        let mut patch = match (&self.patch, &self.prompt) {
            (Some(path), _) => read_patch(path)?,
            (None, prompt) => {
                let text = json!({
                    "format": "bendrack-patch", "version": 1,
                    "nodes": { "wan": { "type": "model.wan", "params": { "prompt": prompt } } },
                });
                Patch::from_json(&text.to_string()).map_err(|error| Failure::Failed(error.to_string()))?
            }
        };
        if let Some(seed) = self.seed {
            patch.engine.seed = seed;
        }
        Ok(patch)
    }

    fn engine(&self) -> Result<Engine, Failure> {
        let patch = self.patch()?;
        let path = self.patch.as_deref().unwrap_or(Path::new("--prompt"));
        let plan = Arc::new(super::render::compile(&patch, path, self.quiet)?);
        let failed = |error: candle_core::Error| Failure::Failed(message(&error));
        let mut model = models::open(&self.model).map_err(failed)?;
        model.steps = self.steps.map(|steps| steps as usize);
        let size = self.size.unwrap_or(model.size);
        let mut engine = Engine::new(model, plan, size).map_err(failed)?;
        engine.set_zoom(1);
        Ok(engine)
    }

    /// The words, each once. Words that the prompt lacks are an error, which lists those that it has.
    fn words(&self, engine: &mut Engine) -> Result<Vec<String>, Failure> {
        // One call ticks the patch, which has the prompt.
        engine.step(&[]).map_err(|error| Failure::Failed(message(&error)))?;
        let prompt = engine.program().prompt.clone();
        let mut text = engine.model().text.clone();
        let prompt = text.encode(&prompt).map_err(|error| Failure::Failed(message(&error)))?;
        engine.restart();
        let known: Vec<String> = prompt.tokens.words().into_iter().map(|word| word.text).collect();
        let mut seen = BTreeSet::new();
        let wanted = if self.words.is_empty() { known.clone() } else { self.words.clone() };
        let wanted: Vec<String> = wanted.into_iter().filter(|word| seen.insert(word.to_lowercase())).collect();
        match wanted.iter().find(|word| prompt.tokens.positions(word).is_empty()) {
            _ if wanted.is_empty() => Err(Failure::Failed("the prompt has no words; give --prompt".to_owned())),
            None => Ok(wanted),
            Some(word) => Err(Failure::Failed(format!(
                "the prompt has no word {word:?} in its first chunk; it has {}",
                known.join(", ")
            ))),
        }
    }

    fn axes(&self, engine: &Engine) -> Result<Axes, Failure> {
        let shape = engine.model().shape();
        let Some(ModelShape { layers, steps, heads, .. }) = shape else {
            return Err(Failure::Failed("the model makes whole clips; choose one that streams".to_owned()));
        };
        let seconds = self.seconds.unwrap_or(SECONDS);
        if !(seconds > 0.0 && seconds <= 1e6) {
            return Err(Failure::Usage("--seconds: give a number of seconds above 0".to_owned()));
        }
        // The first latent frame is one picture, each later one is four.
        let pictures = (seconds * FRAME_RATE).round().max(1.0) as usize;
        let frames = (pictures - 1).div_ceil(LATENT_FRAMES) + 1;
        let of = |axis, length| if self.fuse.contains(&axis) { 1 } else { length };
        let (width, height) = engine.size();
        let token = crate::engine::model::TOKEN_PIXELS;
        Ok(Axes {
            frames,
            steps: of(Axis::Steps, steps),
            layers: of(Axis::Layers, layers),
            heads: of(Axis::Heads, heads),
            rows: height / token,
            columns: width / token,
        })
    }

    /// The arrays, in a new or empty folder.
    fn arrays(&self, words: &[String], axes: Axes) -> Result<Vec<Npy>, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("{}: {error}", self.output.display()));
        fs::create_dir_all(&self.output).map_err(|error| failed(&error))?;
        if fs::read_dir(&self.output).map_err(|error| failed(&error))?.next().is_some() {
            return Err(Failure::Usage(format!(
                "{}: the folder is not empty; give another one",
                self.output.display()
            )));
        }
        let Axes { frames, steps, layers, heads, rows, columns } = axes;
        let create = |(name, shape): (String, Vec<usize>)| {
            Npy::create(&self.output.join(name), &shape, self.number())
                .map_err(|error| Failure::Failed(error.to_string()))
        };
        match self.layout {
            Layout::Words => {
                let shape = vec![frames, steps, layers, heads, rows, columns];
                let names = (0..words.len()).map(|index| file_of(words, index));
                names.map(|name| create((name, shape.clone()))).collect()
            }
            Layout::Kiss => {
                let shape = vec![layers, heads, frames * rows * columns, words.len()];
                (0..steps).map(|step| create((format!("step_{step:02}.npy"), shape.clone()))).collect()
            }
        }
    }

    /// Writes the maps of a latent frame.
    fn write(
        &self,
        arrays: &mut [Npy],
        words: &[String],
        axes: Axes,
        frame: usize,
        probes: &Taps,
    ) -> Result<(), Failure> {
        let Axes { frames, steps, layers, heads, rows, columns } = axes;
        let (positions, empty) = (rows * columns, Map::default());
        let map = |word, step, layer, head| {
            let found = probes.get(&*name_of(word, step, layer, head));
            found.filter(|map| map.values.len() == positions).unwrap_or(&empty)
        };
        let value = |map: &Map, position: usize| map.values.get(position).copied().unwrap_or(f32::NAN);
        let mut written = Ok(());
        for (step, layer, head) in cells(axes) {
            if self.layout == Layout::Words {
                for (word, array) in arrays.iter_mut().enumerate() {
                    let map = map(word, step, layer, head);
                    let index = (((frame * steps + step) * layers + layer) * heads + head) * positions;
                    written = written.and(array.write(index, (0..positions).map(|position| value(map, position))));
                }
            } else {
                let maps: Vec<&Map> = (0..words.len()).map(|word| map(word, step, layer, head)).collect();
                let index = ((layer * heads + head) * frames + frame) * positions * words.len();
                let values = (0..positions).flat_map(|position| maps.iter().map(move |map| value(map, position)));
                written = written.and(arrays[step].write(index, values));
            }
        }
        written.map_err(|error| Failure::Failed(error.to_string()))
    }

    /// The index of the arrays.
    fn index(&self, engine: &Engine, patch: &Patch, words: &[String], axes: Axes) -> Result<Json, Failure> {
        let failed = |error: candle_core::Error| Failure::Failed(message(&error));
        let model = engine.model();
        let schedule = model.schedule().map_err(failed)?;
        let Axes { frames, steps, layers, heads, rows, columns } = axes;
        let arrays: Vec<Json> = match self.layout {
            Layout::Words => {
                let shape = [frames, steps, layers, heads, rows, columns];
                let of = |(index, word)| json!({ "file": file_of(words, index), "word": word, "shape": shape });
                words.iter().enumerate().map(of).collect()
            }
            Layout::Kiss => {
                let of = |step| json!({ "file": format!("step_{step:02}.npy"), "step": step, "words": words });
                (0..steps).map(of).collect()
            }
        };
        let axes = match self.layout {
            Layout::Words => ["frame", "step", "layer", "head", "row", "column"].as_slice(),
            Layout::Kiss => &["layer", "head", "frame x row x column", "word"],
        };
        let (width, height) = engine.size();
        Ok(json!({
            "bendrack-attention": 1,
            "bendrack": env!("CARGO_PKG_VERSION"),
            "measure": "cross-attention of each position to the tokens of a word, after the softmax, after the bends",
            "axes": axes,
            "fused": self.fuse.iter().map(|axis| format!("{axis:?}").to_lowercase()).collect::<Vec<_>>(),
            "dtype": self.number().name(),
            "latent_frames": frames,
            "grid": [rows, columns],
            "timesteps": schedule.map(|schedule| schedule.timesteps().to_vec()),
            "prompt": engine.program().prompt,
            "seed": patch.engine.seed,
            "size": [width, height],
            "model": model.short_name(),
            "family": model.family.name(),
            "model_sha256": model.sha256().map_err(failed)?,
            "patch_sha256": patch_sha256(patch),
            "arrays": arrays,
        }))
    }
}

/// Every step, layer and head.
fn cells(axes: Axes) -> impl Iterator<Item = (usize, usize, usize)> {
    let Axes { steps, layers, heads, .. } = axes;
    (0..steps).flat_map(move |step| (0..layers).flat_map(move |layer| (0..heads).map(move |head| (step, layer, head))))
}

/// The name of a probe.
fn name_of(word: usize, step: usize, layer: usize, head: usize) -> String {
    format!("{word}.{step}.{layer}.{head}")
}

/// The file of a word: its letters and digits, and its number.
fn file_of(words: &[String], index: usize) -> String {
    let letters: String = words[index].chars().map(|it| if it.is_alphanumeric() { it } else { '_' }).collect();
    format!("{index:02}_{}.npy", letters.chars().take(40).collect::<String>())
}

/// A probe for each word, step, layer and head. An axis of length 1 is measured as a whole.
fn probes(list: &[String], axes: Axes) -> Vec<Tap> {
    let part = |length: usize, at: usize| if length == 1 { Set::ALL } else { Set::range(at, at) };
    let mut taps = Vec::new();
    for (word, text) in list.iter().enumerate() {
        for (step, layer, head) in cells(axes) {
            let target = Target {
                words: words(&text.replace(',', " ")),
                steps: part(axes.steps, step),
                layers: part(axes.layers, layer),
                heads: part(axes.heads, head),
                pass: Passes::Denoise,
                ..Target::default()
            };
            taps.push(Tap {
                node: name_of(word, step, layer, head).into(),
                measure: Measure::CrossMap,
                target: Arc::new(Selection::from(target)),
                fuse: Fuse::Mean,
                threshold: 0.5,
                region: Region::default(),
            });
        }
    }
    taps
}
