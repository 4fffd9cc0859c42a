//! The changes of a LoRA: products of small matrices, with magnitudes (DoRA) or without, and whole differences.
//!
//! Sources: PEFT, `tuners/lora`; kohya-ss `networks/lora.py`; LyCORIS, `modules/loha.py` and `lokr.py`; ComfyUI, `comfy/weight_adapter`.

mod change;
mod scaling;

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{DType, Device, Result, bail};

pub(super) use self::change::Delta;
use self::change::{Matrix, MatrixChange, Product};
pub(super) use self::scaling::METADATA;
pub use self::scaling::Scaling;
use super::entry::Entry;
use super::{abbreviated, layout};
use crate::wan::error::About;

/// A tensor of a LoRA, by its place in the change of a module.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Down,
    Up,
    Alpha,
    Magnitude,
    /// Differences of the weight, the bias and the modulation.
    Weight,
    Bias,
    Modulation,
    /// The factors of LoHa and LoKr: whole, or products of an `a` and a `b`.
    Hadamard1A,
    Hadamard1B,
    Hadamard2A,
    Hadamard2B,
    Kronecker1,
    Kronecker1A,
    Kronecker1B,
    Kronecker2,
    Kronecker2A,
    Kronecker2B,
}

/// The ends of names, with their tensors: names of PEFT, then of the older scripts of the community, then of LyCORIS.
const SLOTS: [(&str, Slot); 28] = [
    (".lora_A.weight", Slot::Down),
    (".lora_A.default.weight", Slot::Down),
    (".lora_A", Slot::Down),
    (".lora_down.weight", Slot::Down),
    (".lora.down.weight", Slot::Down),
    (".lora_B.weight", Slot::Up),
    (".lora_B.default.weight", Slot::Up),
    (".lora_B", Slot::Up),
    (".lora_up.weight", Slot::Up),
    (".lora.up.weight", Slot::Up),
    (".alpha", Slot::Alpha),
    (".dora_scale", Slot::Magnitude),
    (".lora_magnitude_vector", Slot::Magnitude),
    (".lora_magnitude_vector.weight", Slot::Magnitude),
    (".lora_magnitude_vector.default.weight", Slot::Magnitude),
    (".diff", Slot::Weight),
    (".diff_b", Slot::Bias),
    (".diff_m", Slot::Modulation),
    (".hada_w1_a", Slot::Hadamard1A),
    (".hada_w1_b", Slot::Hadamard1B),
    (".hada_w2_a", Slot::Hadamard2A),
    (".hada_w2_b", Slot::Hadamard2B),
    (".lokr_w1", Slot::Kronecker1),
    (".lokr_w1_a", Slot::Kronecker1A),
    (".lokr_w1_b", Slot::Kronecker1B),
    (".lokr_w2", Slot::Kronecker2),
    (".lokr_w2_a", Slot::Kronecker2A),
    (".lokr_w2_b", Slot::Kronecker2B),
];

/// Prefixes of names with dots.
const PREFIXES: [&str; 3] = ["base_model.model.", "transformer.", "unet."];
/// Prefixes of module names whose dots, or some of them, became underscores.
const FLAT_PREFIXES: [&str; 4] = ["lora_unet_", "lora_transformer_", "lycoris_", "diffusion_model_"];

/// The number of modules that a LoRA changes, and the rank of the first; none if it is no LoRA.
pub(super) fn modules(entries: &BTreeMap<String, Entry>) -> Option<(usize, usize)> {
    let is_change = |slot: Slot| !matches!(slot, Slot::Alpha | Slot::Magnitude);
    let slots = entries.iter().filter_map(|(name, entry)| slot(name).map(|(module, slot)| (module, slot, entry)));
    let changes: Vec<_> = slots.filter(|(_, slot, _)| is_change(*slot)).collect();
    let modules: BTreeSet<&str> = changes.iter().map(|(module, ..)| *module).collect();
    let is_down = |slot: Slot| matches!(slot, Slot::Down | Slot::Hadamard1B | Slot::Kronecker2B);
    let rank = changes.iter().find(|(_, slot, _)| is_down(*slot)).and_then(|(_, _, entry)| entry.dims.first());
    (!modules.is_empty()).then_some((modules.len(), rank.copied().unwrap_or(0)))
}

/// The module of a tensor of a LoRA, and the tensor's place in it.
fn slot(name: &str) -> Option<(&str, Slot)> {
    SLOTS.iter().find_map(|(suffix, slot)| Some((name.strip_suffix(suffix)?, *slot)))
}

/// Changes by the name of their tensor.
type Deltas = BTreeMap<String, Vec<Delta>>;

/// The changes, and a sentence about the tensors of the LoRA that are left out.
pub(super) fn deltas(
    lora: &BTreeMap<String, Entry>,
    base: &BTreeMap<String, Entry>,
    scaling: Scaling,
) -> Result<(Deltas, Option<String>)> {
    if !scaling.strength.is_finite() {
        bail!("its strength is {}", scaling.strength)
    }
    let mut modules: BTreeMap<String, Module> = BTreeMap::new();
    let mut strange = BTreeSet::new();
    let names = Names::of(base);
    for (name, entry) in lora {
        let Some((module, slot)) = slot(name) else {
            strange.insert(name.clone());
            continue;
        };
        let module = modules.entry(names.original(module)).or_default();
        if module.0.insert(slot, entry.clone()).is_some() {
            bail!("{name} changes a module that another tensor changes too")
        }
    }
    let mut deltas = Deltas::new();
    let (mut absent, mut unfit) = (BTreeSet::new(), BTreeSet::new());
    for (name, module) in modules {
        for (part, change) in module.changes(scaling).about(&name)? {
            let key = format!("{name}.{part}");
            match base.get(&key) {
                None => _ = absent.insert(key),
                Some(entry) => match change.fit(&entry.dims) {
                    Ok(delta) => deltas.entry(key).or_default().push(delta),
                    Err(misfit) => _ = unfit.insert(format!("{key}, {misfit}")),
                },
            }
        }
    }
    let flaws = [
        (absent, "change tensors that the model does not have", "changes a tensor that the model does not have"),
        (unfit, "do not fit the shapes of the model", "does not fit the shape of the model's"),
        (strange, "have names of no known kind of change", "has a name of no known kind of change"),
    ];
    let flaws = flaws.iter().filter(|(names, ..)| !names.is_empty());
    let flaws: Vec<String> = flaws
        .map(|(names, many, one)| match names.len() {
            1 => format!("one of its tensors {one} ({})", abbreviated(names)),
            count => format!("{count} of its tensors {many} ({})", abbreviated(names)),
        })
        .collect();
    if deltas.is_empty() {
        bail!("{}; use a LoRA for this size and kind of model", flaws.join("; "))
    }
    let left_out = (!flaws.is_empty()).then(|| format!("{}; they are left out, the rest is applied", flaws.join("; ")));
    Ok((deltas, left_out))
}

/// The names of the model's modules, as they may stand in a LoRA.
struct Names<'a> {
    /// Original names by their flat form, in which underscores stand for dots.
    flat: BTreeMap<String, String>,
    base: &'a BTreeMap<String, Entry>,
}

impl<'a> Names<'a> {
    fn of(base: &'a BTreeMap<String, Entry>) -> Self {
        let modules: BTreeSet<&str> = base.keys().filter_map(|name| Some(name.rsplit_once('.')?.0)).collect();
        let original = modules.iter().map(|name| (flat(name), (*name).to_owned()));
        let diffusers =
            modules.iter().filter_map(|name| Some((flat(&layout::diffusers_module(name)?), (*name).to_owned())));
        Self { flat: diffusers.chain(original).collect(), base }
    }

    /// The original name of a module that a LoRA changes.
    fn original(&self, name: &str) -> String {
        let mut dotted = layout::strip(name).into_owned();
        while let Some(rest) = PREFIXES.iter().find_map(|prefix| dotted.strip_prefix(prefix)) {
            dotted = layout::strip(rest).into_owned();
        }
        let dotted = layout::transformer_module(&dotted);
        let is_module = |part: &str| self.base.contains_key(&format!("{dotted}.{part}"));
        if ["weight", "bias", "modulation"].into_iter().any(is_module) {
            return dotted;
        }
        let mut bare = flat(name);
        while let Some(rest) = FLAT_PREFIXES.iter().find_map(|prefix| bare.strip_prefix(prefix)) {
            bare = rest.to_owned();
        }
        self.flat.get(&bare).cloned().unwrap_or(dotted)
    }
}

/// A name with underscores for dots.
fn flat(name: &str) -> String {
    name.replace('.', "_")
}

/// The tensors of a LoRA that change one module.
#[derive(Default)]
struct Module(BTreeMap<Slot, Entry>);

/// A change of a tensor whose shape is not known yet.
enum Change {
    Whole(Entry, Scaling),
    Matrix(Box<MatrixChange>, Scaling),
}

impl Module {
    /// The changes of its tensors.
    fn changes(mut self, scaling: Scaling) -> Result<Vec<(&'static str, Change)>> {
        let mut changes = Vec::new();
        let alpha = self.0.remove(&Slot::Alpha).map(|alpha| number(&alpha).about("alpha")).transpose()?;
        let magnitude = self.0.remove(&Slot::Magnitude);
        let parts = [(Slot::Weight, "weight"), (Slot::Bias, "bias"), (Slot::Modulation, "modulation")];
        let mut whole = Vec::new();
        for (slot, part) in parts {
            whole.extend(self.0.remove(&slot).map(|difference| (part, Change::Whole(difference, scaling))));
        }
        let is_bare = whole.is_empty() || magnitude.is_some();
        match self.product()? {
            Some(product) => {
                product.dims()?;
                let scale = scaling.of_rank(product.rank(), alpha)?;
                changes.push(("weight", Change::Matrix(Box::new(MatrixChange { product, scale, magnitude }), scaling)));
            }
            None if is_bare => bail!("one of the two factors is missing"),
            None => {}
        }
        changes.extend(whole);
        Ok(changes)
    }

    /// The product of its factors; none if it has none.
    fn product(mut self) -> Result<Option<Product>> {
        let lora = self.matrix(None, Slot::Up, Slot::Down)?;
        let hadamard = (
            self.matrix(None, Slot::Hadamard1A, Slot::Hadamard1B)?,
            self.matrix(None, Slot::Hadamard2A, Slot::Hadamard2B)?,
        );
        let kronecker = (
            self.matrix(Some(Slot::Kronecker1), Slot::Kronecker1A, Slot::Kronecker1B)?,
            self.matrix(Some(Slot::Kronecker2), Slot::Kronecker2A, Slot::Kronecker2B)?,
        );
        match (lora, hadamard, kronecker) {
            (None, (None, None), (None, None)) => Ok(None),
            (Some(matrix), (None, None), (None, None)) => Ok(Some(Product::One(matrix))),
            (None, (Some(a), Some(b)), (None, None)) => Ok(Some(Product::Hadamard(a, b))),
            (None, (None, None), (Some(a), Some(b))) => Ok(Some(Product::Kronecker(a, b))),
            _ => bail!("its factors are of several kinds, or some are missing"),
        }
    }

    /// A whole matrix, or the product of two; none if it is not there.
    fn matrix(&mut self, whole: Option<Slot>, a: Slot, b: Slot) -> Result<Option<Matrix>> {
        let whole = whole.and_then(|slot| self.0.remove(&slot));
        match (whole, self.0.remove(&a), self.0.remove(&b)) {
            (None, None, None) => Ok(None),
            (Some(whole), None, None) => Ok(Some(Matrix::Whole(whole))),
            (None, Some(a), Some(b)) => Ok(Some(Matrix::Product(a, b))),
            (Some(_), ..) => bail!("a factor is there twice, whole and as a product"),
            _ => bail!("one of the two factors is missing"),
        }
    }
}

impl Change {
    /// The change of a tensor of this shape, or the reason why it does not fit.
    fn fit(self, dims: &[usize]) -> std::result::Result<Delta, String> {
        match self {
            Self::Whole(difference, scaling) if difference.dims == dims => {
                Ok(Delta::whole(difference, scaling.strength))
            }
            Self::Whole(difference, _) => Err(format!("a difference of shape {:?} for {dims:?}", difference.dims)),
            Self::Matrix(change, scaling) => {
                change.fit(dims)?;
                Ok(Delta::matrix(change, scaling.strength))
            }
        }
    }
}

/// The value of a tensor with one finite element.
fn number(entry: &Entry) -> Result<f64> {
    if entry.dims.iter().any(|&dim| dim != 1) {
        bail!("a single number is expected, not a tensor of shape {:?}", entry.dims)
    }
    let value = entry.tensor(DType::F32, &Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?;
    match value[..] {
        [value] if value.is_finite() => Ok(value.into()),
        _ => bail!("a finite number is expected, not {value:?}"),
    }
}
