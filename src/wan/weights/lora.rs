//! Low-rank changes to weights.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{DType, Result, Tensor, bail};

use super::entry::Entry;
use super::{abbreviated, fp8, layout};
use crate::wan::error::About;

/// A change of one weight `[out, in]`: `scale · B A`.
#[derive(Clone)]
pub(super) struct Delta {
    /// `[rank, in]`
    down: Entry,
    /// `[out, rank]`
    up: Entry,
    scale: f64,
}

impl Delta {
    /// `weight` `[out, in]` in f32, changed.
    pub(super) fn add_to(&self, weight: &Tensor) -> Result<Tensor> {
        let read = |entry: &Entry| entry.tensor(DType::F32, weight.device());
        weight + (read(&self.up)?.matmul(&read(&self.down)?)? * self.scale)?
    }
}

/// The tensors of a LoRA that change one module.
#[derive(Default)]
struct Module {
    down: Option<Entry>,
    up: Option<Entry>,
    alpha: Option<Entry>,
}

/// Names of PEFT, then of the older scripts of the community.
const DOWN: [&str; 4] = [".lora_A.weight", ".lora_A.default.weight", ".lora_down.weight", ".lora.down.weight"];
const UP: [&str; 4] = [".lora_B.weight", ".lora_B.default.weight", ".lora_up.weight", ".lora.up.weight"];
const ALPHA: &str = ".alpha";
const PREFIXES: [&str; 2] = ["base_model.model.", "transformer."];
/// Written before module names whose dots became underscores.
const FLAT_PREFIX: &str = "lora_unet_";

/// The changes by the name of the weight, with `alpha / rank` as their scale.
///
/// Without a given `alpha`, that of the file counts; without that, `alpha = rank`.
pub(super) fn deltas(
    lora: &BTreeMap<String, Entry>,
    base: &BTreeMap<String, Entry>,
    alpha: Option<f64>,
) -> Result<BTreeMap<String, Delta>> {
    let mut modules: BTreeMap<String, Module> = BTreeMap::new();
    let mut strange = BTreeSet::new();
    let flat: BTreeMap<String, &str> = base
        .keys()
        .filter_map(|name| name.strip_suffix(".weight"))
        .map(|name| (name.replace('.', "_"), name))
        .collect();
    for (name, entry) in lora {
        let strip = |suffixes: &[&str]| suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
        let (module, slot): (_, fn(&mut Module) -> &mut Option<Entry>) = if let Some(module) = strip(&DOWN) {
            (module, |module| &mut module.down)
        } else if let Some(module) = strip(&UP) {
            (module, |module| &mut module.up)
        } else if let Some(module) = strip(&[ALPHA]) {
            (module, |module| &mut module.alpha)
        } else {
            strange.insert(name.clone());
            continue;
        };
        let module = modules.entry(module_name(module, &flat)).or_default();
        if slot(module).replace(entry.clone()).is_some() {
            bail!("{name} changes a module that another tensor changes too")
        }
    }
    if !strange.is_empty() {
        bail!("these tensors are not low-rank changes: {}", abbreviated(&strange))
    }
    let unknown: BTreeSet<String> =
        modules.keys().filter(|module| !base.contains_key(&format!("{module}.weight"))).cloned().collect();
    if !unknown.is_empty() {
        bail!("it changes modules that do not exist: {}", abbreviated(&unknown))
    }
    let mut deltas = BTreeMap::new();
    for (name, module) in modules {
        let weight = format!("{name}.weight");
        let dims = base.get(&weight).map_or(&[][..], |entry| &entry.dims);
        let delta = module.delta(dims, alpha).about(&name)?;
        deltas.insert(weight, delta);
    }
    Ok(deltas)
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
    fn delta(self, weight: &[usize], alpha: Option<f64>) -> Result<Delta> {
        let (Some(down), Some(up)) = (self.down, self.up) else { bail!("one of the two factors is missing") };
        let (&[out, inputs], &[rank, down_in], &[up_out, up_rank]) = (weight, &down.dims[..], &up.dims[..]) else {
            bail!("{:?} and {:?} cannot change a weight of shape {weight:?}", up.dims, down.dims)
        };
        if rank == 0 || rank != up_rank || inputs != down_in || out != up_out {
            bail!("{:?} times {:?} does not fit the weight's shape {weight:?}", up.dims, down.dims)
        }
        let alpha = match (alpha, &self.alpha) {
            (Some(alpha), _) => alpha,
            (None, Some(entry)) => fp8::scalar(entry).about("alpha")?.into(),
            (None, None) => rank as f64,
        };
        if !alpha.is_finite() {
            bail!("alpha is {alpha}")
        }
        Ok(Delta { down, up, scale: alpha / rank as f64 })
    }
}
