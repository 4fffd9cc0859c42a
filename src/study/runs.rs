//! The runs of a study, in the same order on every machine.

use std::collections::BTreeSet;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::diagnostics::{Code, Severity};
use bendrack_nodes::patch::Patch;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::reference::without_bends;
use super::{Error, Part, Result, Samples, Setting, Study};
use crate::hex::hex;
use crate::provenance::patch_sha256;
use crate::quality::scene::{Prompt, prompts};

/// Most runs of a study.
pub const MOST_RUNS: usize = 1_000_000;
/// Version of the measurements: results of another version are measured again.
const MEASURES: u64 = 2;
/// Distance of the seed of the yardstick from that of its sample.
const OTHER_SEED: u64 = 1_000_003;

/// The conditions that all runs share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// The name of the model. Equal weights under other names have equal results.
    pub model: String,
    /// The fingerprint of the weights.
    pub model_sha256: String,
    /// The denoising steps, if they are not those of the patch or of the model.
    pub steps: Option<usize>,
    /// The type of the model's numbers, such as `F32`.
    pub numbers: String,
    /// Width and height of the picture.
    pub size: (usize, usize),
    /// Pictures of a video.
    pub pictures: usize,
}

/// A sample: a seed, and a prompt where scenes replace that of the patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The seed.
    pub seed: u64,
    /// The prompt, in place of that of the patch.
    pub prompt: Option<String>,
}

/// A combination of points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The index of the part.
    pub part: usize,
    /// The index of the point on each axis of the part.
    pub at: Vec<usize>,
}

/// A video of a cell and a sample.
#[derive(Clone, Debug)]
pub struct Run {
    /// The cell, by its index; none for the yardstick, which is the reference with another seed.
    pub cell: Option<usize>,
    /// The sample, by its index.
    pub sample: usize,
    /// Its identity: equal runs have one.
    pub id: String,
    /// The patch.
    pub patch: Patch,
    /// The identity of the video without bends.
    pub reference: String,
}

/// A study, expanded.
#[derive(Clone, Debug)]
pub struct Runs {
    /// The samples.
    pub samples: Vec<Sample>,
    /// The cells, part by part.
    pub cells: Vec<Cell>,
    /// The runs: yardsticks and cells, sample by sample.
    pub runs: Vec<Run>,
}

impl Runs {
    /// Expands a study.
    ///
    /// # Errors
    ///
    /// Fails if a patch has no place for a prompt, or does not compile. Fails if there are too many runs.
    pub fn of(study: &Study, conditions: &Conditions) -> Result<Self> {
        let samples = samples_of(study)?;
        let cells = cells_of(study)?;
        check_axes(study, &samples, conditions)?;
        let count = cells.len().saturating_mul(samples.len());
        if count > MOST_RUNS {
            return Err(Error::at("axes", format!("{count} runs, the limit is {MOST_RUNS}; shorten an axis")));
        }
        let mut runs = Vec::new();
        for (index, sample) in samples.iter().enumerate() {
            let mut yardsticks: Vec<String> = Vec::new();
            for (cell, Cell { part, at }) in cells.iter().enumerate() {
                let part = &study.parts[*part];
                let patch =
                    part.patch_at(at).and_then(|patch| sample.set(patch)).map_err(|why| Error::at(&part.name, why))?;
                let unbent = without_bends(&patch);
                let reference = identity(&unbent, conditions);
                if !yardsticks.contains(&reference) {
                    let mut other = unbent;
                    other.engine.seed = sample.seed.wrapping_add(OTHER_SEED);
                    let id = identity(&other, conditions);
                    runs.push(Run { cell: None, sample: index, id, patch: other, reference: reference.clone() });
                    yardsticks.push(reference.clone());
                }
                runs.push(Run { cell: Some(cell), sample: index, id: identity(&patch, conditions), patch, reference });
            }
        }
        Ok(Self { samples, cells, runs })
    }

    /// The runs of a shard, `number` of `count` from 1, each identity once.
    pub fn shard(&self, (number, count): (usize, usize)) -> Vec<&Run> {
        let mut seen = BTreeSet::new();
        let unique = self.runs.iter().filter(|run| seen.insert((&run.id, &run.reference)));
        unique.enumerate().filter(|(index, _)| index % count == number - 1).map(|(_, run)| run).collect()
    }
}

impl Runs {
    /// The name of a run, for people: part, points and sample.
    pub fn name(&self, study: &Study, run: &Run) -> String {
        let Sample { seed, .. } = self.samples[run.sample];
        let Some(Cell { part, at }) = run.cell.map(|cell| &self.cells[cell]) else {
            return format!("another seed, sample {} (seed {seed})", run.sample + 1);
        };
        let part = &study.parts[*part];
        let axes = part.axes.iter().zip(part.names(at)).map(|(axis, point)| format!("{} {point}, ", axis.name));
        let title = if part.name.is_empty() { String::new() } else { format!("{}: ", part.name) };
        format!("{title}{}sample {} (seed {seed})", axes.collect::<String>(), run.sample + 1)
    }
}

impl Part {
    /// The names of the points of a cell, axis by axis.
    pub fn names<'p>(&'p self, at: &'p [usize]) -> impl Iterator<Item = &'p str> {
        self.axes.iter().zip(at).filter_map(|(axis, &point)| Some(&*axis.points.get(point)?.name))
    }

    fn patch_at(&self, at: &[usize]) -> std::result::Result<Patch, String> {
        let mut patch = self.patch.clone();
        for (axis, &point) in self.axes.iter().zip(at) {
            axis.points[point].set(&mut patch)?;
        }
        Ok(patch)
    }
}

impl Run {
    /// The patch without bends that the run is compared with.
    pub fn unbent(&self, samples: &[Sample]) -> Patch {
        let mut patch = without_bends(&self.patch);
        patch.engine.seed = samples[self.sample].seed;
        patch
    }

    /// The plan of a patch.
    ///
    /// # Errors
    ///
    /// Fails if the patch has errors.
    pub fn plan(patch: &Patch) -> Result<Plan> {
        let (plan, problems) = Plan::compile(patch, LIBRARY);
        let errors = || problems.iter().filter(|problem| problem.severity == Severity::Error);
        match plan {
            Some(plan) if errors().next().is_none() => Ok(plan),
            _ => Err(Error::at("patch", errors().map(ToString::to_string).collect::<Vec<_>>().join("; "))),
        }
    }

    /// An error if a value of an axis is not used as it stands: the patch has a problem that its part lacks.
    ///
    /// # Errors
    ///
    /// Fails for an error in the patch, for a number outside its range, and for a parameter that the node lacks.
    pub fn check(&self, part: &Part) -> Result<()> {
        Self::plan(&self.patch)?;
        let unused = |patch: &Patch| -> BTreeSet<String> {
            let problems = Plan::compile(patch, LIBRARY).1.into_iter();
            let kinds = [Code::OutOfRange, Code::UnknownParameter];
            problems.filter(|problem| kinds.contains(&problem.code)).map(|problem| problem.to_string()).collect()
        };
        let known = unused(&part.patch);
        match unused(&self.patch).into_iter().find(|problem| !known.contains(problem)) {
            Some(problem) => Err(Error::at("patch", problem)),
            None => Ok(()),
        }
    }
}

impl Sample {
    /// Sets seed and prompt in a patch.
    fn set(&self, mut patch: Patch) -> std::result::Result<Patch, String> {
        patch.engine.seed = self.seed;
        if let Some(prompt) = &self.prompt {
            let place = prompt_of(&patch)?;
            place.set(&mut patch, &json!(prompt))?;
        }
        Ok(patch)
    }

    /// The held-out scene of the sample's prompt, with the prompt of a patch where the sample has none.
    pub fn scene(&self, patch: &Patch) -> Option<Prompt> {
        let own = || {
            let prompt = prompt_of(patch).ok()?;
            Some(prompt.value(patch)?.as_str()?.to_owned())
        };
        let caption = self.prompt.clone().or_else(own)?;
        prompts().ok()?.into_iter().find(|prompt| prompt.caption == caption)
    }
}

/// The setting that holds the prompt of a patch: that of the node that has a field for it and no cable to it.
fn prompt_of(patch: &Patch) -> std::result::Result<Setting, String> {
    let has_prompt = |kind: &str| {
        let def = LIBRARY.iter().find(|def| def.name == kind);
        def.is_some_and(|def| def.family() == "model" && def.input("prompt").is_some())
    };
    let mut models = patch.nodes.iter().filter(|(_, node)| has_prompt(&node.kind));
    let Some((id, _)) = models.next() else {
        return Err("the patch has no model at its top level; scenes replace the prompt of the model".into());
    };
    let setting: Setting = format!("{id}.prompt").parse()?;
    if patch.cables.iter().any(|cable| cable.to.node == *id && cable.to.port == "prompt") {
        return Err(format!("a cable brings the prompt of {id}; remove it, as scenes replace the prompt"));
    }
    Ok(setting)
}

/// The samples of a study.
///
/// # Errors
///
/// Fails if there are fewer scenes.
pub fn samples_of(study: &Study) -> Result<Vec<Sample>> {
    match &study.samples {
        Samples::Seeds(seeds) => Ok(seeds.iter().map(|&seed| Sample { seed, prompt: None }).collect()),
        Samples::Scenes(count) => {
            let all = prompts().map_err(|error| Error::at("samples.scenes", error))?;
            if *count > all.len() as u64 {
                return Err(Error::at("samples.scenes", format!("{count} scenes, and {} are there", all.len())));
            }
            let sample = |scene: Prompt| Sample { seed: scene.seed, prompt: Some(scene.caption) };
            Ok(all.into_iter().take(*count as usize).map(sample).collect())
        }
    }
}

/// The cells of a study, part by part.
///
/// # Errors
///
/// Fails if there are too many.
pub fn cells_of(study: &Study) -> Result<Vec<Cell>> {
    let parts = study.parts.iter().enumerate().map(|(index, part)| cells(index, part));
    Ok(parts.collect::<Result<Vec<_>>>()?.concat())
}

/// An error for an axis without an effect, as something else sets the same.
fn check_axes(study: &Study, samples: &[Sample], conditions: &Conditions) -> Result<()> {
    for part in &study.parts {
        let sets = |setting: &str| {
            let mut points = part.axes.iter().flat_map(|axis| &axis.points);
            points.any(|point| point.values.iter().any(|(own, _)| own.to_string() == setting))
        };
        if conditions.steps.is_some() && sets("engine.steps") {
            return Err(Error::at(&part.name, "--steps replaces engine.steps of an axis; leave --steps out"));
        }
        if samples.iter().any(|sample| sample.prompt.is_some()) {
            let prompt = prompt_of(&part.patch).map_err(|why| Error::at(&part.name, why))?.to_string();
            if sets(&prompt) {
                let why = format!("scenes replace {prompt} of an axis; use seeds as samples");
                return Err(Error::at(&part.name, why));
            }
        }
    }
    Ok(())
}

/// The cells of a part: the last axis changes first.
fn cells(index: usize, part: &Part) -> Result<Vec<Cell>> {
    let count = part.axes.iter().try_fold(1_usize, |count, axis| count.checked_mul(axis.points.len()));
    let Some(count) = count.filter(|count| *count <= MOST_RUNS) else {
        return Err(Error::at(&part.name, format!("more than {MOST_RUNS} cells; shorten an axis")));
    };
    let cell = |mut number: usize| {
        let mut at = vec![0; part.axes.len()];
        for (point, axis) in at.iter_mut().zip(&part.axes).rev() {
            *point = number % axis.points.len();
            number /= axis.points.len();
        }
        Cell { part: index, at }
    };
    Ok((0..count).map(cell).collect())
}

/// The identity of a video: of everything that it depends on.
fn identity(patch: &Patch, conditions: &Conditions) -> String {
    let mut patch = patch.clone();
    patch.meta = bendrack_nodes::patch::Meta::default();
    let Conditions { model_sha256, steps, numbers, size, pictures, model: _ } = conditions;
    let parts = json!([
        MEASURES,
        env!("CARGO_PKG_VERSION"),
        patch_sha256(&patch),
        model_sha256,
        steps,
        numbers,
        size,
        pictures
    ]);
    hex(&Sha256::digest(parts.to_string()))[..32].to_owned()
}
