//! The values of a pickle, which refer to each other by index.
//!
//! Containers live in one arena, so neither deep nesting nor cycles cost stack.

use candle_core::{Result, bail};

use super::bytes::AGAIN;
use super::view::MAX_DIMS;

/// Next step for a pickle with more than the tensors of a state dict.
pub(super) const SAVE: &str = "save its state dict as safetensors";

/// A value of a pickle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Int(i64),
    Text(&'a str),
    /// A tuple or list, by its place in the arena.
    Sequence(usize),
    /// A dict, by its place in the arena.
    Dict(usize),
    /// A module and a name in it.
    Global(&'a str, &'a str),
    /// Index into [`Arena::storages`].
    Storage(usize),
    /// Index into [`Arena::tensors`].
    Tensor(usize),
    /// Anything that a state dict does not need.
    Opaque,
}

/// A storage by reference: the record `data/<key>` of the archive.
#[derive(Debug)]
pub(super) struct Storage<'a> {
    /// `FloatStorage` and so on.
    pub(super) kind: &'a str,
    pub(super) key: &'a str,
}

/// A view into a storage; offset and strides count elements.
#[derive(Debug)]
pub(super) struct TensorView<'a> {
    pub(super) storage: usize,
    pub(super) offset: usize,
    pub(super) dims: Vec<usize>,
    pub(super) strides: Vec<usize>,
    /// A dtype of torch, if the storage is untyped.
    pub(super) dtype: Option<&'a str>,
}

/// The values of a pickle, by index.
#[derive(Default)]
pub(super) struct Arena<'a> {
    sequences: Vec<Vec<Value<'a>>>,
    dicts: Vec<Vec<(Value<'a>, Value<'a>)>>,
    pub(super) storages: Vec<Storage<'a>>,
    pub(super) tensors: Vec<TensorView<'a>>,
}

impl<'a> Arena<'a> {
    /// A new tuple or list.
    pub(super) fn sequence(&mut self, items: Vec<Value<'a>>) -> Value<'a> {
        self.sequences.push(items);
        Value::Sequence(self.sequences.len() - 1)
    }

    /// A new dict without items.
    pub(super) fn dict(&mut self) -> Value<'a> {
        self.dicts.push(Vec::new());
        Value::Dict(self.dicts.len() - 1)
    }

    /// Adds keys and values in turn to a dict.
    pub(super) fn set_items(&mut self, dict: Value<'a>, items: &[Value<'a>]) -> Result<()> {
        let dict = match dict {
            Value::Dict(index) => self.dicts.get_mut(index),
            Value::Opaque => return Ok(()),
            other => bail!("the pickle sets items of {other:?}, which is not a dict; {AGAIN}"),
        };
        if let (Some(dict), (pairs, [])) = (dict, items.as_chunks()) {
            dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
            return Ok(());
        }
        bail!("the pickle sets a key without a value; {AGAIN}")
    }

    /// Adds items to a list.
    pub(super) fn append(&mut self, list: Value<'a>, items: &[Value<'a>]) -> Result<()> {
        match list {
            Value::Sequence(index) => {
                if let Some(list) = self.sequences.get_mut(index) {
                    list.extend_from_slice(items);
                }
                Ok(())
            }
            Value::Opaque => Ok(()),
            other => bail!("the pickle appends to {other:?}, which is not a list; {AGAIN}"),
        }
    }

    /// The items of a tuple or list; none for any other value.
    pub(super) fn items(&self, value: Value<'a>) -> &[Value<'a>] {
        match value {
            Value::Sequence(index) => self.sequences.get(index).map_or(&[], Vec::as_slice),
            _ => &[],
        }
    }

    /// The pairs of a dict, in the order in which they were set; none for any other value.
    pub(super) fn pairs(&self, value: Value<'a>) -> &[(Value<'a>, Value<'a>)] {
        match value {
            Value::Dict(index) => self.dicts.get(index).map_or(&[], Vec::as_slice),
            _ => &[],
        }
    }

    /// The result of a call; most calls do not matter to a state dict.
    pub(super) fn call(&mut self, function: Value<'a>, arguments: Value<'a>) -> Result<Value<'a>> {
        let Value::Global(module, name) = function else { return Ok(Value::Opaque) };
        Ok(match (module, name, self.items(arguments)) {
            ("collections", "OrderedDict", []) => self.dict(),
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state", &[data, ..])
            | ("torch", "Size", &[data]) => data,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3", arguments) => {
                let view = self.view(arguments)?;
                self.tensors.push(view);
                Value::Tensor(self.tensors.len() - 1)
            }
            _ => Value::Opaque,
        })
    }

    /// A tensor from the arguments (storage, offset, size, stride, requires_grad, hooks[, dtype][, metadata]).
    fn view(&self, arguments: &[Value<'a>]) -> Result<TensorView<'a>> {
        let &[Value::Storage(storage), Value::Int(offset), dims, strides, ref rest @ ..] = arguments else {
            bail!("a tensor of the pickle is not a view of a storage; {SAVE}")
        };
        // A long tuple could be the arguments of very many tensors. No more of it is read than makes sense.
        let dtype = rest.iter().take(MAX_ARGUMENTS).find_map(|value| match value {
            Value::Global("torch", dtype) => Some(*dtype),
            _ => None,
        });
        Ok(TensorView {
            storage,
            offset: size(Value::Int(offset))?,
            dims: self.sizes(dims)?,
            strides: self.sizes(strides)?,
            dtype,
        })
    }

    fn sizes(&self, value: Value<'a>) -> Result<Vec<usize>> {
        let items = self.items(value);
        // Refused before anything is collected: one tuple may be the shape of very many tensors.
        if items.len() > MAX_DIMS {
            bail!("a tensor of the pickle has {} dimensions, but {MAX_DIMS} at most are possible; {SAVE}", items.len())
        }
        items.iter().copied().map(size).collect()
    }

    /// A storage from its persistent id: ("storage", type, key, device, number of elements).
    pub(super) fn storage(&mut self, id: Value<'a>) -> Result<Value<'a>> {
        let &[Value::Text("storage"), Value::Global(_, kind), Value::Text(key), ..] = self.items(id) else {
            bail!("the pickle refers to something other than a storage; {SAVE}")
        };
        self.storages.push(Storage { kind, key });
        Ok(Value::Storage(self.storages.len() - 1))
    }
}

/// The last arguments of `_rebuild_tensor_v3`: requires_grad, hooks, dtype, metadata.
const MAX_ARGUMENTS: usize = 4;

fn size(value: Value<'_>) -> Result<usize> {
    match value {
        Value::Int(number) => {
            usize::try_from(number).or_else(|_| bail!("a tensor of the pickle has a size of {number}; {AGAIN}"))
        }
        other => bail!("a tensor of the pickle has {other:?} in place of a size; {AGAIN}"),
    }
}
