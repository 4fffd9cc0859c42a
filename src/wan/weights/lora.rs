//! The changes of a LoRA: low-rank ones, with magnitudes (DoRA) or without, and whole differences.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{D, DType, Result, Tensor, bail};

use super::entry::Entry;
use super::{abbreviated, fp8, layout};
use crate::wan::error::About;

/// A change of one tensor.
#[derive(Clone)]
pub(super) enum Delta {
    /// A low-rank change.
    LowRank(Box<LowRank>),
    /// `W' = W + D`, of a tensor of any shape.
    Whole(Entry),
}

/// A low-rank change of a weight `[out, in]`: `W' = W + scale · B A`.
#[derive(Clone)]
pub(super) struct LowRank {
    /// `[rank, in]`
    down: Entry,
    /// `[out, rank]`
    up: Entry,
    scale: f64,
    /// The length of each row of W', `[out]` or `[out, 1]` (DoRA).
    magnitude: Option<Entry>,
}

impl Delta {
    /// A tensor in f32, changed.
    pub(super) fn add_to(&self, weight: &Tensor) -> Result<Tensor> {
        let read = |entry: &Entry| entry.tensor(DType::F32, weight.device());
        match self {
            Self::Whole(difference) => weight + read(difference)?,
            Self::LowRank(change) => {
                let LowRank { down, up, scale, magnitude } = &**change;
                let changed = (weight + (read(up)?.matmul(&read(down)?)? * *scale)?)?;
                let Some(magnitude) = magnitude else { return Ok(changed) };
                let length = (changed.sqr()?.sum_keepdim(D::Minus1)?.sqrt()? + SMALLEST_LENGTH)?;
                changed.broadcast_mul(&(read(magnitude)?.reshape(length.shape())? / length)?)
            }
        }
    }
}

/// Added to the length of a row, which may be 0.
const SMALLEST_LENGTH: f64 = 1e-12;

/// The tensors of a LoRA that change one module.
#[derive(Default)]
struct Module {
    down: Option<Entry>,
    up: Option<Entry>,
    alpha: Option<Entry>,
    magnitude: Option<Entry>,
    /// Differences of its weight, bias and modulation.
    weight: Option<Entry>,
    bias: Option<Entry>,
    modulation: Option<Entry>,
}

/// A tensor of a module.
type Slot = fn(&mut Module) -> &mut Option<Entry>;

/// The ends of names, with their tensors: names of PEFT, then of the older scripts of the community.
const SLOTS: [(&str, Slot); 16] = [
    (".lora_A.weight", |module| &mut module.down),
    (".lora_A.default.weight", |module| &mut module.down),
    (".lora_down.weight", |module| &mut module.down),
    (".lora.down.weight", |module| &mut module.down),
    (".lora_B.weight", |module| &mut module.up),
    (".lora_B.default.weight", |module| &mut module.up),
    (".lora_up.weight", |module| &mut module.up),
    (".lora.up.weight", |module| &mut module.up),
    (".alpha", |module| &mut module.alpha),
    (".dora_scale", |module| &mut module.magnitude),
    (".lora_magnitude_vector", |module| &mut module.magnitude),
    (".lora_magnitude_vector.weight", |module| &mut module.magnitude),
    (".lora_magnitude_vector.default.weight", |module| &mut module.magnitude),
    (".diff", |module| &mut module.weight),
    (".diff_b", |module| &mut module.bias),
    (".diff_m", |module| &mut module.modulation),
];
const PREFIXES: [&str; 2] = ["base_model.model.", "transformer."];
/// Written before module names whose dots became underscores.
const FLAT_PREFIX: &str = "lora_unet_";

/// The number of modules that a LoRA changes, and the rank of the first; none if it is no LoRA.
pub(super) fn modules(entries: &BTreeMap<String, Entry>) -> Option<(usize, usize)> {
    let is_down = |name: &str| [".lora_A.", ".lora_down.", ".lora.down."].iter().any(|part| name.contains(part));
    let is_whole = |name: &str| [".diff", ".diff_b", ".diff_m"].iter().any(|end| name.ends_with(end));
    let changes = entries.keys().filter(|name| is_down(name) || is_whole(name));
    let modules: BTreeSet<&str> = changes.filter_map(|name| Some(slot(name)?.0)).collect();
    let rank = entries.iter().find(|(name, _)| is_down(name)).and_then(|(_, entry)| entry.dims.first());
    (!modules.is_empty()).then_some((modules.len(), rank.copied().unwrap_or(0)))
}

/// The module of a tensor of a LoRA, and the tensor's place in it.
fn slot(name: &str) -> Option<(&str, Slot)> {
    SLOTS.iter().find_map(|(suffix, slot)| Some((name.strip_suffix(suffix)?, *slot)))
}

/// The changes by the name of the tensor. The scale of a low-rank change is `alpha / rank`.
///
/// Without a given `alpha`, that of the file counts; without that, `alpha = rank`.
pub(super) fn deltas(
    lora: &BTreeMap<String, Entry>,
    base: &BTreeMap<String, Entry>,
    alpha: Option<f64>,
) -> Result<BTreeMap<String, Vec<Delta>>> {
    let mut modules: BTreeMap<String, Module> = BTreeMap::new();
    let mut strange = BTreeSet::new();
    let flat: BTreeMap<String, &str> = base
        .keys()
        .filter_map(|name| Some(name.rsplit_once('.')?.0))
        .map(|name| (name.replace('.', "_"), name))
        .collect();
    for (name, entry) in lora {
        let Some((module, slot)) = slot(name) else {
            strange.insert(name.clone());
            continue;
        };
        let module = modules.entry(module_name(module, &flat)).or_default();
        if slot(module).replace(entry.clone()).is_some() {
            bail!("{name} changes a module that another tensor changes too")
        }
    }
    if !strange.is_empty() {
        bail!("these tensors are no changes of weights: {}", abbreviated(&strange))
    }
    let missing = |(name, module): (&String, &Module)| -> bool {
        module.parts().any(|part| !base.contains_key(&format!("{name}.{part}")))
    };
    let unknown: BTreeSet<String> =
        modules.iter().filter(|module| missing(*module)).map(|(name, _)| name.clone()).collect();
    if !unknown.is_empty() {
        bail!("it changes modules that do not exist: {}", abbreviated(&unknown))
    }
    let mut deltas: BTreeMap<String, Vec<Delta>> = BTreeMap::new();
    for (name, module) in modules {
        for (part, delta) in module.deltas(&|part| dims(base, &name, part), alpha).about(&name)? {
            deltas.entry(format!("{name}.{part}")).or_default().push(delta);
        }
    }
    Ok(deltas)
}

/// The shape of a tensor of a module.
fn dims<'b>(base: &'b BTreeMap<String, Entry>, module: &str, part: &str) -> &'b [usize] {
    base.get(&format!("{module}.{part}")).map_or(&[], |entry| &entry.dims)
}

/// The original name of a module that a LoRA changes.
fn module_name(name: &str, flat: &BTreeMap<String, &str>) -> String {
    if let Some(original) = name.strip_prefix(FLAT_PREFIX).and_then(|name| flat.get(name)) {
        return (*original).to_owned();
    }
    let mut name = layout::strip(name).into_owned();
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        name = layout::strip(rest).into_owned();
    }
    layout::transformer_module(&name)
}

impl Module {
    /// The names of the tensors that it changes.
    fn parts(&self) -> impl Iterator<Item = &'static str> {
        let is_low_rank = self.down.is_some() || self.up.is_some() || self.magnitude.is_some() || self.alpha.is_some();
        let is_weight = is_low_rank || self.weight.is_some();
        let parts = [(is_weight, "weight"), (self.bias.is_some(), "bias"), (self.modulation.is_some(), "modulation")];
        parts.into_iter().filter_map(|(is_changed, part)| is_changed.then_some(part))
    }

    /// The changes of tensors with these shapes.
    fn deltas<'b>(self, dims: &dyn Fn(&str) -> &'b [usize], alpha: Option<f64>) -> Result<Vec<(&'static str, Delta)>> {
        let mut deltas = Vec::new();
        let Self { down, up, alpha: own, magnitude, weight, bias, modulation } = self;
        if down.is_some() || up.is_some() || weight.is_none() && (magnitude.is_some() || own.is_some()) {
            deltas.push(("weight", low_rank((down, up), magnitude, (alpha, own), dims("weight"))?));
        }
        for (part, difference) in [("weight", weight), ("bias", bias), ("modulation", modulation)] {
            let Some(difference) = difference else { continue };
            if difference.dims != dims(part) {
                bail!("a difference of shape {:?} does not fit the {part} of shape {:?}", difference.dims, dims(part))
            }
            deltas.push((part, Delta::Whole(difference)));
        }
        Ok(deltas)
    }
}

/// The low-rank change of a weight of this shape. The given alpha goes before that of the file.
fn low_rank(
    (down, up): (Option<Entry>, Option<Entry>),
    magnitude: Option<Entry>,
    (given, own): (Option<f64>, Option<Entry>),
    weight: &[usize],
) -> Result<Delta> {
    let (Some(down), Some(up)) = (down, up) else { bail!("one of the two factors is missing") };
    let (&[out, inputs], &[rank, down_in], &[up_out, up_rank]) = (weight, &down.dims[..], &up.dims[..]) else {
        bail!("{:?} and {:?} cannot change a weight of shape {weight:?}", up.dims, down.dims)
    };
    if rank == 0 || rank != up_rank || inputs != down_in || out != up_out {
        bail!("{:?} times {:?} does not fit the weight's shape {weight:?}", up.dims, down.dims)
    }
    if let Some(magnitude) = &magnitude
        && !matches!(magnitude.dims[..], [rows] | [rows, 1] if rows == out)
    {
        bail!("magnitudes of shape {:?} do not fit the {out} rows of the weight", magnitude.dims)
    }
    let alpha = match (given, &own) {
        (Some(alpha), _) => alpha,
        (None, Some(entry)) => fp8::scalar(entry).about("alpha")?.into(),
        (None, None) => rank as f64,
    };
    if !alpha.is_finite() {
        bail!("alpha is {alpha}")
    }
    Ok(Delta::LowRank(Box::new(LowRank { down, up, scale: alpha / rank as f64, magnitude })))
}
