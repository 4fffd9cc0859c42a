//! The state of a video between two chunks, apart from the model: what a checkpoint of a render contains.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, bail};

/// Tensors by name.
#[derive(Clone, Debug, Default)]
pub struct Tensors(BTreeMap<String, Tensor>);

impl Tensors {
    /// Adds a tensor.
    pub fn put(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.0.insert(name.into(), tensor);
    }

    /// Takes a tensor out.
    ///
    /// # Errors
    ///
    /// Fails if there is none of this name.
    pub fn take(&mut self, name: &str) -> Result<Tensor> {
        match self.0.remove(name) {
            Some(tensor) => Ok(tensor),
            None => bail!("the checkpoint has no tensor {name:?}; begin the render again"),
        }
    }

    /// Takes all tensors whose names begin with `prefix`, under the rest of their names.
    pub fn take_all(&mut self, prefix: &str) -> Vec<(String, Tensor)> {
        let names: Vec<String> = self.0.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
        let rest = |name: String| self.0.remove(&name).map(|tensor| (name[prefix.len()..].to_owned(), tensor));
        names.into_iter().filter_map(rest).collect()
    }

    /// The tensors with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }
}

impl FromIterator<(String, Tensor)> for Tensors {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(tensors: I) -> Self {
        Self(tensors.into_iter().collect())
    }
}
