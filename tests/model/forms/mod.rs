//! Every published form of a part of a model: one function for each row of the tables in docs/models.md.

mod files;
mod loras;
mod numbers;
mod tokenizers;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use bendrack::wan::checkpoint::Checkpoint;
use bendrack::wan::hooks::Hooks;
use bendrack::wan::parts::Choice;
use candle_core::{DType, Device, Result, Tensor};

use crate::recordings;

/// A row of a table, and its test.
type Form = (&'static str, fn() -> Result<()>);

fn forms() -> Vec<Form> {
    [files::FORMS, numbers::FORMS, loras::FORMS, tokenizers::FORMS].concat()
}

#[test]
fn every_form_is_read() {
    let failed: Vec<String> =
        forms().into_iter().filter_map(|(name, test)| test().err().map(|error| format!("{name}: {error}"))).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

/// The first cells of the rows under the headings of docs/models.md that list forms.
#[test]
fn the_page_lists_every_form() {
    let page = include_str!("../../../docs/models.md");
    let (mut rows, mut is_of_forms) = (BTreeSet::new(), false);
    for line in page.lines() {
        let cell = line.strip_prefix("| ").and_then(|line| line.split(" |").next());
        match cell {
            Some("form") => is_of_forms = true,
            Some(cell) if is_of_forms => _ = rows.insert(cell),
            Some(_) => {}
            None => is_of_forms &= line.starts_with('|'),
        }
    }
    let forms: BTreeSet<&str> = forms().into_iter().map(|(name, _)| name).collect();
    assert_eq!(rows, forms, "the rows of docs/models.md and the tests");
}

/// Tensors by their names.
pub type Tensors = BTreeMap<String, Tensor>;

/// Width, inner width and layers of the transformer in these tests. Block formats need multiples of 256.
const SIZES: (usize, usize, usize) = (256, 512, 1);

/// A folder for a model in some form.
pub struct Home {
    folder: tempfile::TempDir,
    /// The weights of its transformer, in original names.
    pub base: Tensors,
}

impl Home {
    pub fn new() -> Result<Self> {
        let (dim, ffn, layers) = SIZES;
        let home = Self { folder: tempfile::tempdir()?, base: transformer(dim, ffn, layers)?.into_iter().collect() };
        fs::create_dir(home.root())?;
        fs::write(home.path("config.json"), r#"{"num_heads": 4, "text_len": 8, "family": "self-forcing"}"#)?;
        Ok(home)
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("model")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Writes tensors to a safetensors file.
    pub fn save<'a>(&self, name: &str, tensors: impl IntoIterator<Item = (&'a String, &'a Tensor)>) -> Result<()> {
        let tensors: HashMap<String, Tensor> =
            tensors.into_iter().map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        candle_core::safetensors::save(&tensors, self.path(name))
    }

    /// Writes the weights to a safetensors file.
    pub fn save_base(&self) -> Result<()> {
        self.save("model.safetensors", &self.base)
    }

    /// Checks that the folder is read as a transformer with the weights of these tests.
    pub fn is_base(&self, tolerance: f64) -> Result<()> {
        is_model(&self.root(), &Choice::default(), &self.base, tolerance)
    }

    /// Checks that the folder is read as the transformer with these weights, and not as the one without changes.
    pub fn is_changed(&self, choice: &Choice, changed: &Tensors) -> Result<()> {
        let difference = distance(&flow(&load(&self.base))?, &flow(&load(changed))?)?;
        assert!(difference > 1e-2, "a change of {difference} is invisible");
        is_model(&self.root(), choice, changed, 1e-4)
    }
}

/// Checks that a path is read as the transformer with these weights.
pub fn is_model(path: &Path, choice: &Choice, expected: &Tensors, tolerance: f64) -> Result<()> {
    let found = Checkpoint::find_with(path, choice)?;
    let found = flow(&found.transformer(DType::F32, &Device::Cpu)?)?;
    let difference = distance(&flow(&load(expected))?, &found)?;
    if difference > tolerance {
        candle_core::bail!("the model differs by {difference}, more than {tolerance}")
    }
    Ok(())
}

fn load(tensors: &Tensors) -> bendrack::wan::transformer::Transformer {
    let weights = bendrack::wan::weights::Weights::from_tensors(tensors.clone(), DType::F32, &Device::Cpu);
    let config = serde_json::json!({ "num_heads": 4, "text_len": 8 });
    bendrack::wan::transformer::Transformer::load(&weights, Some(&config)).expect("a transformer")
}

fn flow(model: &bendrack::wan::transformer::Transformer) -> Result<Tensor> {
    let latents = crate::weights::make::noise(&[1, 16, 2, 4, 6]);
    let text = crate::weights::make::noise(&[1, 5, 256]);
    let timesteps = Tensor::full(700f32, (1, 1), &Device::Cpu)?;
    model.forward(&latents, &timesteps, &model.context(&text)?, Hooks::NONE)
}

/// The largest difference, in parts of the largest number.
fn distance(expected: &Tensor, found: &Tensor) -> Result<f64> {
    let largest = expected.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
    Ok(recordings::max_abs_difference(expected, found) / f64::from(largest))
}

/// Random weights of a transformer in original names.
pub fn transformer(dim: usize, ffn: usize, layers: usize) -> Result<Vec<(String, Tensor)>> {
    let mut tensors = Vec::new();
    let mut add = |name: String, shape: &[usize], scale: f64| -> Result<()> {
        tensors.push((name, Tensor::randn(0f32, scale as f32, shape, &Device::Cpu)?));
        Ok(())
    };
    let mut linears = vec![
        ("time_embedding.0".to_owned(), 256, dim),
        ("time_embedding.2".to_owned(), dim, dim),
        ("time_projection.1".to_owned(), dim, 6 * dim),
        ("text_embedding.0".to_owned(), 256, dim),
        ("text_embedding.2".to_owned(), dim, dim),
        ("head.head".to_owned(), dim, 64),
    ];
    add("patch_embedding.weight".to_owned(), &[dim, 16, 1, 2, 2], 0.1)?;
    add("patch_embedding.bias".to_owned(), &[dim], 0.1)?;
    add("head.modulation".to_owned(), &[1, 2, dim], 0.1)?;
    for i in 0..layers {
        add(format!("blocks.{i}.modulation"), &[1, 6, dim], 0.3)?;
        add(format!("blocks.{i}.norm3.weight"), &[dim], 1.0)?;
        add(format!("blocks.{i}.norm3.bias"), &[dim], 0.1)?;
        linears.push((format!("blocks.{i}.ffn.0"), dim, ffn));
        linears.push((format!("blocks.{i}.ffn.2"), ffn, dim));
        for attention in ["self_attn", "cross_attn"] {
            add(format!("blocks.{i}.{attention}.norm_q.weight"), &[dim], 1.0)?;
            add(format!("blocks.{i}.{attention}.norm_k.weight"), &[dim], 1.0)?;
            linears.extend(["q", "k", "v", "o"].map(|name| (format!("blocks.{i}.{attention}.{name}"), dim, dim)));
        }
    }
    for (name, inner, out) in linears {
        add(format!("{name}.weight"), &[out, inner], 1.0 / (inner as f64).sqrt())?;
        add(format!("{name}.bias"), &[out], 0.1)?;
    }
    Ok(tensors)
}
