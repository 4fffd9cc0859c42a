//! `bendrack attend`: attention maps, views from places, and neurons as arrays for other programs.

mod arrays;
mod subject;
mod timeline;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bendrack_nodes::compile::plan::DENOISING_STEPS;
use bendrack_nodes::patch::Patch;
use indicatif::HumanBytes;
use serde_json::{Value as Json, json};

use super::files::Files;
use super::interrupt::Interrupt;
use super::model::ModelFlags;
use super::{Failure, read_patch, size};
use crate::disk;
use crate::engine::model::{FRAME_RATE, TOKEN_PIXELS};
use crate::engine::{Engine, ModelShape, Taps};
use crate::files;
use crate::media::Map;
use crate::provenance::patch_sha256;
use crate::terminal;
use crate::wan::error::message;
use arrays::{Array, Format, Number};
use subject::{Axes, Subject, probe_name};
use timeline::Timeline;

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
    /// Words outside the prompt, separated by commas. They change no picture.
    #[arg(long, value_delimiter = ',')]
    concepts: Vec<String>,
    /// Place of the picture, from which self-attention is measured: 0 to 1 from the left and from the top.
    #[arg(long = "from", value_name = "X,Y", value_parser = place)]
    places: Vec<[f64; 2]>,
    /// Measure the mean activity of every feed-forward neuron, too.
    #[arg(long)]
    neurons: bool,
    /// Axes to average, separated by commas; the axis stays, with length 1.
    #[arg(long, value_enum, value_delimiter = ',')]
    fuse: Vec<Axis>,
    /// Order of the axes.
    #[arg(long, value_enum, default_value = "words")]
    layout: Layout,
    /// Format of the arrays.
    #[arg(long, value_enum, default_value = "npy")]
    format: Format,
    /// Write numbers of 32 bits instead of 16.
    #[arg(long)]
    full: bool,
    /// Also write a video of the maps: a row for each word, concept or place, a column for each denoising step.
    #[arg(long, value_name = "FILE")]
    timeline: Option<PathBuf>,
    /// Length in seconds [default: 3].
    #[arg(long, value_parser = clap::value_parser!(f64))]
    seconds: Option<f64>,
    /// Seed, instead of the patch's own.
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    model: ModelFlags,
    /// Denoising steps of a chunk, instead of those of the patch or of the model.
    #[arg(long, value_parser = clap::value_parser!(u64).range(DENOISING_STEPS.0..=DENOISING_STEPS.1))]
    steps: Option<u64>,
    /// Width and height of the model's picture, multiples of 16 [default: 128x128 for mini, else 832x480].
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Option<(usize, usize)>,
    /// Print nothing but errors.
    #[arg(short, long)]
    quiet: bool,
}

impl Attend {
    pub(super) fn run(self) -> Result<(), Failure> {
        if let Some(path) = &self.timeline {
            let inputs = self.patch.iter().fold(Files::default(), |files, patch| files.input("the patch", patch));
            inputs.video("--timeline", path)?.check()?;
        }
        let interrupt = Interrupt::watch()?;
        let patch = self.patch()?;
        let mut engine = self.engine(&patch)?;
        let subjects = self.subjects(&mut engine)?;
        if self.timeline.is_some() && subjects.iter().all(|subject| *subject == Subject::Neurons) {
            let why = "--timeline shows words, concepts and places, not neurons; add --words, or leave it out";
            return Err(Failure::Usage(why.to_owned()));
        }
        let axes = self.axes(&engine)?;
        let mut arrays = self.arrays(&subjects, axes)?;
        if !self.quiet {
            let bytes = HumanBytes(arrays.iter().map(Array::bytes).sum());
            let (count, folder) = (arrays.len(), self.output.display());
            terminal::print_error(format_args!("{folder}: {count} arrays, {bytes}"));
        }
        let probes = subjects.iter().enumerate().flat_map(|(number, subject)| subject.probes(number, axes));
        engine.set_probes(probes.collect());
        let mut timeline = self.timeline.as_deref().map(Timeline::open).transpose()?;
        let mut done = 0;
        let mut problem = None;
        while done < axes.frames && !interrupt.is_asked() && problem.is_none() {
            match engine.step(&[]) {
                Err(error) => problem = Some(message(&error)),
                Ok(frames) => {
                    for frame in frames {
                        if let Some(timeline) = timeline.as_mut().filter(|_| (frame.latent as usize) < axes.frames) {
                            let pushed = timeline.push(&frame, &subjects, axes);
                            problem = problem.or(pushed.err().map(|error| error.to_string()));
                        }
                        // The first picture of each latent frame brings its maps.
                        if frame.latent as usize == done && done < axes.frames && problem.is_none() {
                            let written = self.write(&mut arrays, &subjects, axes, done, &frame.probes);
                            problem = written.err().map(|error| error.to_string());
                            done += usize::from(problem.is_none());
                        }
                    }
                }
            }
        }
        if let Some(Err(error)) = timeline.map(Timeline::finish) {
            problem = problem.or(Some(error));
        }
        // An array of all frames keeps its length: what is missing is not a number.
        if self.layout == Layout::Kiss {
            for frame in done..axes.frames {
                let written = self.write(&mut arrays, &subjects, axes, frame, &Taps::default());
                problem = problem.or(written.err().map(|error| error.to_string()));
            }
        }
        let index = self.index(&engine, &patch, &subjects, Axes { frames: done, ..axes })?;
        let is_beyond = arrays.iter().any(Array::is_beyond);
        for array in arrays {
            let entries = if self.layout == Layout::Words { done } else { array.shape[0] };
            array.finish(entries).map_err(|error| Failure::Failed(error.to_string()))?;
        }
        if is_beyond && !self.quiet {
            terminal::print_error(format_args!(
                "warning: numbers beyond 65,504 do not fit 16 bits and are infinite; --full writes 32 bits"
            ));
        }
        let path = self.output.join("index.json");
        disk::replace(&path, format!("{index:#}\n").as_bytes())
            .map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))?;
        if let Some(problem) = problem {
            return Err(Failure::Failed(format!("{problem}; {done} of {} latent frames are kept", axes.frames)));
        }
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

    fn engine(&self, patch: &Patch) -> Result<Engine, Failure> {
        let path = self.patch.as_deref().unwrap_or(Path::new("--prompt"));
        let plan = Arc::new(super::render::compile(patch, path, self.quiet)?);
        let failed = |error: candle_core::Error| Failure::Failed(message(&error));
        let mut model = self.model.open().map_err(failed)?;
        model.denoising.steps = self.steps.map(|steps| steps as usize);
        let size = self.size.unwrap_or(model.size);
        let mut engine = Engine::new(model, plan, size).map_err(failed)?;
        engine.set_zoom(1);
        Ok(engine)
    }

    /// The subjects: words, each once, and what else is asked for. Words that the prompt lacks are an error, which lists those that it has.
    fn subjects(&self, engine: &mut Engine) -> Result<Vec<Subject>, Failure> {
        // One call ticks the patch, which has the prompt.
        engine.step(&[]).map_err(|error| Failure::Failed(message(&error)))?;
        let prompt = engine.program().prompt.clone();
        let mut text = engine.model().text.clone();
        let prompt = text.encode(&prompt).map_err(|error| Failure::Failed(message(&error)))?;
        engine.restart();
        let known: Vec<String> = prompt.tokens.words().into_iter().map(|word| word.text).collect();
        let mut seen = BTreeSet::new();
        let asks_for_others = !self.concepts.is_empty() || !self.places.is_empty() || self.neurons;
        let wanted = match self.words.as_slice() {
            [] if asks_for_others && self.layout == Layout::Words => Vec::new(),
            [] => known.clone(),
            words => words.to_vec(),
        };
        let words: Vec<String> = wanted.into_iter().filter(|word| seen.insert(word.to_lowercase())).collect();
        if let Some(word) = words.iter().find(|word| prompt.tokens.positions(word).is_empty()) {
            let known = known.join(", ");
            return Err(Failure::Failed(format!(
                "the prompt has no word {word:?} in its first chunk; it has {known}. --concepts measures words outside the prompt"
            )));
        }
        for concept in &self.concepts {
            let encoded = text.encode(concept).map_err(|error| Failure::Failed(message(&error)))?;
            if encoded.tokens.words().is_empty() {
                return Err(Failure::Usage(format!(
                    "--concepts: {concept:?} has no word; give words, separated by commas"
                )));
            }
        }
        let words = words.into_iter().map(Subject::Word);
        let concepts = self.concepts.iter().cloned().map(Subject::Concept);
        let places = self.places.iter().copied().map(Subject::Place);
        let neurons = self.neurons.then_some(Subject::Neurons);
        let subjects: Vec<Subject> = words.chain(concepts).chain(places).chain(neurons).collect();
        if subjects.is_empty() {
            return Err(Failure::Failed("the prompt has no words; give --prompt".to_owned()));
        }
        match subjects.iter().find(|subject| self.layout == Layout::Kiss && !subject.is_word()) {
            Some(other) => {
                let kind = other.kind();
                Err(Failure::Usage(format!("--layout kiss has words only, no {kind}; leave --layout out")))
            }
            None => Ok(subjects),
        }
    }

    fn axes(&self, engine: &Engine) -> Result<Axes, Failure> {
        let shape = engine.model().shape();
        let Some(shape) = shape else {
            return Err(Failure::Failed(
                "the settings of denoising are out of range; change engine.shift and engine.steps of the patch"
                    .to_owned(),
            ));
        };
        let seconds = self.seconds.unwrap_or(SECONDS);
        if !(seconds > 0.0 && seconds <= 1e6) {
            return Err(Failure::Usage("--seconds: give a number of seconds above 0".to_owned()));
        }
        // The first latent frame is one picture, each later one is four.
        let pictures = (seconds * FRAME_RATE).round().max(1.0) as usize;
        let frames = engine.timeline().latents(pictures);
        let of = |axis, length| if self.fuse.contains(&axis) { 1 } else { length };
        let (width, height) = engine.size();
        let shape = ModelShape {
            steps: of(Axis::Steps, shape.steps),
            layers: of(Axis::Layers, shape.layers),
            heads: of(Axis::Heads, shape.heads),
            ..shape
        };
        Ok(Axes::new(shape, frames, (height / TOKEN_PIXELS, width / TOKEN_PIXELS)))
    }

    /// The arrays, in a new or empty folder.
    fn arrays(&self, subjects: &[Subject], axes: Axes) -> Result<Vec<Array>, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("{}: {error}", self.output.display()));
        fs::create_dir_all(&self.output).map_err(|error| failed(&error))?;
        if fs::read_dir(&self.output).map_err(|error| failed(&error))?.next().is_some() {
            return Err(Failure::Usage(format!(
                "{}: the folder is not empty; give another one",
                self.output.display()
            )));
        }
        let create = |(name, shape): (String, Vec<usize>)| {
            Array::create(&self.output.join(name), &shape, self.number(), self.format)
                .map_err(|error| Failure::Failed(error.to_string()))
        };
        match self.layout {
            Layout::Words => {
                let of = |(number, subject): (usize, &Subject)| (self.file(subject, number), subject.shape(axes));
                subjects.iter().enumerate().map(of).map(create).collect()
            }
            Layout::Kiss => {
                let Axes { frames, steps, layers, heads, rows, columns, .. } = axes;
                let shape = vec![layers, heads, frames * rows * columns, subjects.len()];
                (0..steps).map(|step| create((self.step_file(step), shape.clone()))).collect()
            }
        }
    }

    /// The file of a subject.
    fn file(&self, subject: &Subject, number: usize) -> String {
        format!("{}.{}", subject.file_stem(number), self.format.ending())
    }

    /// The file of a denoising step.
    fn step_file(&self, step: usize) -> String {
        format!("step_{step:02}.{}", self.format.ending())
    }

    /// Writes the maps of a latent frame. What was not measured is not a number: a word that the prompt of the chunk lacks.
    fn write(
        &self,
        arrays: &mut [Array],
        subjects: &[Subject],
        axes: Axes,
        frame: usize,
        probes: &Taps,
    ) -> files::Result<()> {
        let empty = Map::default();
        let map = |number, size: usize, cell| {
            let found = probes.get(&*probe_name(number, cell));
            found.filter(|map| map.values.len() == size).unwrap_or(&empty)
        };
        let value = |map: &Map, position: usize| map.values.get(position).copied().unwrap_or(f32::NAN);
        if self.layout == Layout::Words {
            for (number, (subject, array)) in subjects.iter().zip(arrays).enumerate() {
                let size = subject.size(axes);
                let values = subject.cells(axes).flat_map(|cell| {
                    let map = map(number, size, cell);
                    (0..size).map(move |position| value(map, position))
                });
                let count = subject.cells(axes).count() * size;
                array.write(frame * count, values)?;
            }
            return Ok(());
        }
        let Axes { frames, heads, rows, columns, .. } = axes;
        let size = rows * columns;
        for cell in subjects[0].cells(axes) {
            let maps: Vec<&Map> = (0..subjects.len()).map(|number| map(number, size, cell)).collect();
            let index = ((cell.layer * heads + cell.head) * frames + frame) * size * subjects.len();
            let values = (0..size).flat_map(|position| maps.iter().map(move |map| value(map, position)));
            arrays[cell.step].write(index, values)?;
        }
        Ok(())
    }

    /// The index of the arrays.
    fn index(&self, engine: &Engine, patch: &Patch, subjects: &[Subject], axes: Axes) -> Result<Json, Failure> {
        let failed = |error: candle_core::Error| Failure::Failed(message(&error));
        let model = engine.model();
        let schedule = model.schedule().map_err(failed)?;
        let Axes { frames, steps, rows, columns, .. } = axes;
        let arrays: Vec<Json> = match self.layout {
            Layout::Words => {
                let of = |(number, subject): (usize, &Subject)| {
                    let mut entry = json!({
                        "file": self.file(subject, number),
                        "kind": subject.kind(),
                        "axes": subject.axis_names(),
                        "shape": subject.shape(axes),
                    });
                    match subject {
                        Subject::Word(word) | Subject::Concept(word) => entry["word"] = json!(word),
                        Subject::Place(place) => entry["place"] = json!(place),
                        Subject::Neurons => {}
                    }
                    entry
                };
                subjects.iter().enumerate().map(of).collect()
            }
            Layout::Kiss => {
                let words: Vec<String> = subjects.iter().map(Subject::to_string).collect();
                let axes = ["layer", "head", "frame x row x column", "word"];
                let of = |step| json!({ "file": self.step_file(step), "step": step, "axes": axes, "words": words });
                (0..steps).map(of).collect()
            }
        };
        let (width, height) = engine.size();
        Ok(json!({
            "bendrack-attention": 1,
            "bendrack": env!("CARGO_PKG_VERSION"),
            "measures": {
                "word": "cross-attention of each position to the tokens of a word, after the softmax, after the bends",
                "concept": "share that a word outside the prompt would have in cross-attention, before the bends of the map",
                "place": "self-attention of a place to each position, summed over the visible latent frames",
                "neurons": "mean absolute activation of each feed-forward neuron, after the bends",
            },
            "fused": self.fuse.iter().map(|axis| format!("{axis:?}").to_lowercase()).collect::<Vec<_>>(),
            "dtype": self.number().name(),
            "latent_frames": frames,
            "grid": [rows, columns],
            "timesteps": schedule.timesteps().map_err(failed)?,
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

/// A place: two numbers from 0 to 1.
fn place(text: &str) -> Result<[f64; 2], String> {
    let number = |part: &str| part.trim().parse().ok().filter(|number: &f64| (0.0..=1.0).contains(number));
    let place = text.split_once(',').and_then(|(x, y)| Some([number(x)?, number(y)?]));
    place.ok_or_else(|| "give two numbers from 0 to 1, such as 0.5,0.25".to_owned())
}
