//! A pickle machine that knows only what a state dict is made of.
//!
//! Nothing is ever called or imported: a name like `torch._utils._rebuild_tensor_v2` is recognised as text, and the
//! result of any other call is an opaque value. Containers live in one arena and refer to each other by index, so
//! neither deep nesting nor cycles cost stack. Protocols 2 to 4; opcodes as in CPython's `pickletools`.

use std::collections::HashMap;

use candle_core::{Result, bail};

use super::bytes::Reader;

/// A state dict takes some fifty opcodes per tensor, and checkpoints have at most a few thousand tensors.
const MAX_OPCODES: usize = 1 << 22;

/// A value on the machine's stack.
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
    /// Index into [`Pickle::storages`].
    Storage(usize),
    /// Index into [`Pickle::tensors`].
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

/// What a pickle holds.
#[derive(Default)]
pub(super) struct Pickle<'a> {
    sequences: Vec<Vec<Value<'a>>>,
    dicts: Vec<Vec<(Value<'a>, Value<'a>)>>,
    pub(super) storages: Vec<Storage<'a>>,
    pub(super) tensors: Vec<TensorView<'a>>,
    stack: Vec<Value<'a>>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
}

impl<'a> Pickle<'a> {
    /// Runs the machine over `bytes` and gives the arena and the resulting value.
    pub(super) fn read(bytes: &'a [u8]) -> Result<(Self, Value<'a>)> {
        let mut reader = Reader::new(bytes);
        let mut pickle = Self::default();
        for _ in 0..MAX_OPCODES {
            let opcode = reader.u8()?;
            if opcode == b'.' {
                let root = pickle.pop()?;
                return Ok((pickle, root));
            }
            pickle.step(opcode, &mut reader)?;
        }
        bail!("the pickle is too long")
    }

    /// One opcode other than STOP.
    fn step(&mut self, opcode: u8, reader: &mut Reader<'a>) -> Result<()> {
        match opcode {
            // PROTO, FRAME
            0x80 => _ = reader.u8()?,
            0x95 => _ = reader.u64()?,
            // MARK; POP and BUILD (whose state a dict does not need); POP_MARK and ADDITEMS; DUP
            b'(' => self.marks.push(self.stack.len()),
            b'0' | b'b' => _ = self.pop()?,
            b'1' | 0x90 => _ = self.pop_to_mark()?,
            b'2' => self.stack.push(self.top()?),
            // BINPUT, LONG_BINPUT, MEMOIZE, BINGET, LONG_BINGET
            b'q' => _ = self.memo.insert(reader.u8()?.into(), self.top()?),
            b'r' => _ = self.memo.insert(reader.u32()?, self.top()?),
            0x94 => _ = self.memo.insert(self.memo.len() as u32, self.top()?),
            b'h' => self.recall(reader.u8()?.into())?,
            b'j' => self.recall(reader.u32()?)?,
            // NONE, NEWTRUE, NEWFALSE, BINFLOAT, EMPTY_SET
            b'N' | 0x88 | 0x89 | 0x8f => self.stack.push(Value::Opaque),
            b'G' => self.skip(reader, 8)?,
            // BININT, BININT1, BININT2, LONG1, LONG4
            b'J' => self.stack.push(Value::Int(reader.u32()?.cast_signed().into())),
            b'K' => self.stack.push(Value::Int(reader.u8()?.into())),
            b'M' => self.stack.push(Value::Int(reader.u16()?.into())),
            0x8a => self.long(reader, |reader| reader.u8().map(usize::from))?,
            0x8b => self.long(reader, |reader| reader.u32().map(|len| len as usize))?,
            // BINUNICODE, SHORT_BINUNICODE, BINUNICODE8, BINSTRING, SHORT_BINSTRING
            b'X' | b'T' => self.text(reader, |reader| reader.u32().map(|len| len as usize))?,
            0x8c | b'U' => self.text(reader, |reader| reader.u8().map(usize::from))?,
            0x8d => self.text(reader, Reader::size)?,
            // BINBYTES, SHORT_BINBYTES, BINBYTES8, BYTEARRAY8
            b'B' => self.blob(reader, |reader| reader.u32().map(|len| len as usize))?,
            b'C' => self.blob(reader, |reader| reader.u8().map(usize::from))?,
            0x8e | 0x96 => self.blob(reader, Reader::size)?,
            // EMPTY_TUPLE, EMPTY_LIST, TUPLE1, TUPLE2, TUPLE3, TUPLE, LIST
            b')' | b']' => self.sequence(Vec::new()),
            0x85..=0x87 => self.short_tuple(usize::from(opcode - 0x84))?,
            b't' | b'l' => {
                let items = self.pop_to_mark()?;
                self.sequence(items);
            }
            // EMPTY_DICT, DICT, SETITEM, SETITEMS, APPEND, APPENDS, FROZENSET
            b'}' => self.dict(),
            b'd' => {
                let items = self.pop_to_mark()?;
                self.dict();
                self.set_items(&items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set_items(&items)?;
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(&items)?;
            }
            0x91 => {
                self.pop_to_mark()?;
                self.stack.push(Value::Opaque);
            }
            // GLOBAL, STACK_GLOBAL
            b'c' => {
                let (module, name) = (utf8(reader.line()?)?, utf8(reader.line()?)?);
                self.stack.push(Value::Global(module, name));
            }
            0x93 => {
                let (Value::Text(name), Value::Text(module)) = (self.pop()?, self.pop()?) else {
                    bail!("a global has no name")
                };
                self.stack.push(Value::Global(module, name));
            }
            // REDUCE, NEWOBJ, NEWOBJ_EX, BINPERSID
            b'R' => self.reduce()?,
            0x81 => self.opaque_call(2)?,
            0x92 => self.opaque_call(3)?,
            b'Q' => self.persistent()?,
            opcode => bail!("pickle opcode {opcode:#04x} is not part of a state dict"),
        }
        Ok(())
    }

    fn top(&self) -> Result<Value<'a>> {
        self.stack.last().copied().map_or_else(|| bail!("the pickle's stack is empty"), Ok)
    }

    fn pop(&mut self) -> Result<Value<'a>> {
        let value = self.top()?;
        self.stack.pop();
        Ok(value)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value<'a>>> {
        match self.marks.pop() {
            Some(mark) if mark <= self.stack.len() => Ok(self.stack.split_off(mark)),
            _ => bail!("the pickle's stack has no mark"),
        }
    }

    fn recall(&mut self, slot: u32) -> Result<()> {
        let Some(&value) = self.memo.get(&slot) else { bail!("the pickle recalls what it never stored") };
        self.stack.push(value);
        Ok(())
    }

    fn skip(&mut self, reader: &mut Reader<'a>, len: usize) -> Result<()> {
        reader.take(len)?;
        self.stack.push(Value::Opaque);
        Ok(())
    }

    fn blob(&mut self, reader: &mut Reader<'a>, len: impl Fn(&mut Reader<'a>) -> Result<usize>) -> Result<()> {
        let len = len(reader)?;
        self.skip(reader, len)
    }

    fn text(&mut self, reader: &mut Reader<'a>, len: impl Fn(&mut Reader<'a>) -> Result<usize>) -> Result<()> {
        let len = len(reader)?;
        let text = utf8(reader.take(len)?)?;
        self.stack.push(Value::Text(text));
        Ok(())
    }

    /// A little-endian two's complement integer of any length.
    fn long(&mut self, reader: &mut Reader<'a>, len: impl Fn(&mut Reader<'a>) -> Result<usize>) -> Result<()> {
        let len = len(reader)?;
        let bytes = reader.take(len)?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut number = if negative { [0xff; 8] } else { [0; 8] };
        let fits = number.get_mut(..len).map(|low| low.copy_from_slice(bytes)).is_some();
        self.stack.push(if fits { Value::Int(i64::from_le_bytes(number)) } else { Value::Opaque });
        Ok(())
    }

    fn sequence(&mut self, items: Vec<Value<'a>>) {
        self.stack.push(Value::Sequence(self.sequences.len()));
        self.sequences.push(items);
    }

    fn short_tuple(&mut self, len: usize) -> Result<()> {
        let Some(start) = self.stack.len().checked_sub(len) else { bail!("the pickle's stack is empty") };
        let items = self.stack.split_off(start);
        self.sequence(items);
        Ok(())
    }

    fn dict(&mut self) {
        self.stack.push(Value::Dict(self.dicts.len()));
        self.dicts.push(Vec::new());
    }

    /// Adds keys and values in turn to the dict on top of the stack.
    fn set_items(&mut self, items: &[Value<'a>]) -> Result<()> {
        let dict = match self.top()? {
            Value::Dict(index) => self.dicts.get_mut(index),
            Value::Opaque => return Ok(()),
            other => bail!("the pickle sets items of {other:?}"),
        };
        if let (Some(dict), (pairs, [])) = (dict, items.as_chunks()) {
            dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
            return Ok(());
        }
        bail!("the pickle sets a key without a value")
    }

    /// Adds items to the list on top of the stack.
    fn append(&mut self, items: &[Value<'a>]) -> Result<()> {
        match self.top()? {
            Value::Sequence(index) => {
                if let Some(list) = self.sequences.get_mut(index) {
                    list.extend_from_slice(items);
                }
                Ok(())
            }
            Value::Opaque => Ok(()),
            other => bail!("the pickle appends to {other:?}"),
        }
    }

    /// A call whose result a state dict does not need: `count` values become one.
    fn opaque_call(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            self.pop()?;
        }
        self.stack.push(Value::Opaque);
        Ok(())
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

    fn reduce(&mut self) -> Result<()> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Value::Global(module, name) = function else {
            self.stack.push(Value::Opaque);
            return Ok(());
        };
        let value = match (module, name, self.items(arguments)) {
            ("collections", "OrderedDict", []) => {
                self.dict();
                return Ok(());
            }
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state", &[data, ..])
            | ("torch", "Size", &[data]) => data,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3", arguments) => {
                let view = self.view(arguments)?;
                self.tensors.push(view);
                Value::Tensor(self.tensors.len() - 1)
            }
            _ => Value::Opaque,
        };
        self.stack.push(value);
        Ok(())
    }

    /// A tensor from the arguments (storage, offset, size, stride, requires_grad, hooks[, dtype][, metadata]).
    fn view(&self, arguments: &[Value<'a>]) -> Result<TensorView<'a>> {
        let &[Value::Storage(storage), Value::Int(offset), dims, strides, ref rest @ ..] = arguments else {
            bail!("a tensor is not a view of a storage")
        };
        let dtype = rest.iter().find_map(|value| match value {
            Value::Global("torch", dtype) => Some(*dtype),
            _ => None,
        });
        let sizes = |value| self.items(value).iter().copied().map(size).collect::<Result<Vec<_>>>();
        Ok(TensorView {
            storage,
            offset: size(Value::Int(offset))?,
            dims: sizes(dims)?,
            strides: sizes(strides)?,
            dtype,
        })
    }

    /// A persistent id: ("storage", type, key, device, number of elements).
    fn persistent(&mut self) -> Result<()> {
        let id = self.pop()?;
        let &[Value::Text("storage"), Value::Global(_, kind), Value::Text(key), ..] = self.items(id) else {
            bail!("the pickle refers to something other than a storage")
        };
        self.stack.push(Value::Storage(self.storages.len()));
        self.storages.push(Storage { kind, key });
        Ok(())
    }
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).or_else(|_| bail!("a text of the pickle is not UTF-8"))
}

fn size(value: Value<'_>) -> Result<usize> {
    match value {
        Value::Int(number) => usize::try_from(number).or_else(|_| bail!("a size of {number} is not possible")),
        other => bail!("{other:?} is not a size"),
    }
}
