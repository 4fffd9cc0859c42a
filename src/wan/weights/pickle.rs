//! A pickle machine for state dicts only.
//!
//! Nothing is ever called or imported. A name like `torch._utils._rebuild_tensor_v2` is recognised as text; the result
//! of any other call is an opaque value. Protocols 2 to 4; opcodes as in CPython's `pickletools`.

use std::collections::HashMap;

use candle_core::{Result, bail};

use super::arena::{Arena, SAVE, Value};
use super::bytes::{AGAIN, Reader};

/// A state dict takes some fifty opcodes per tensor, and checkpoints have at most a few thousand tensors.
const MAX_OPCODES: usize = 1 << 22;

/// Runs the machine over `bytes` and gives the arena and the resulting value.
pub(super) fn read(bytes: &[u8]) -> Result<(Arena<'_>, Value<'_>)> {
    let mut reader = Reader::new(bytes);
    let mut machine = Machine::default();
    for _ in 0..MAX_OPCODES {
        let opcode = reader.u8()?;
        if opcode == b'.' {
            let root = machine.pop()?;
            return Ok((machine.arena, root));
        }
        machine.step(opcode, &mut reader)?;
    }
    bail!("the pickle is too long; {SAVE}")
}

#[derive(Default)]
struct Machine<'a> {
    arena: Arena<'a>,
    stack: Vec<Value<'a>>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
}

impl<'a> Machine<'a> {
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
            b')' | b']' => self.sequence(0)?,
            0x85..=0x87 => self.sequence(usize::from(opcode - 0x84))?,
            b't' | b'l' => {
                let items = self.pop_to_mark()?;
                let sequence = self.arena.sequence(items);
                self.stack.push(sequence);
            }
            // EMPTY_DICT, DICT, SETITEM, SETITEMS, APPEND, APPENDS, FROZENSET
            b'}' => self.stack.push(self.arena.dict()),
            b'd' => {
                let items = self.pop_to_mark()?;
                let dict = self.arena.dict();
                self.arena.set_items(dict, &items)?;
                self.stack.push(dict);
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.arena.set_items(self.top()?, &[key, value])?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.arena.set_items(self.top()?, &items)?;
            }
            b'a' => {
                let item = self.pop()?;
                self.arena.append(self.top()?, &[item])?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.arena.append(self.top()?, &items)?;
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
                    bail!("a global of the pickle has no name; {AGAIN}")
                };
                self.stack.push(Value::Global(module, name));
            }
            // REDUCE, NEWOBJ, NEWOBJ_EX, BINPERSID
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.stack.push(self.arena.call(function, arguments)?);
            }
            0x81 => self.opaque_call(2)?,
            0x92 => self.opaque_call(3)?,
            b'Q' => {
                let id = self.pop()?;
                self.stack.push(self.arena.storage(id)?);
            }
            opcode => bail!("pickle opcode {opcode:#04x} is not part of a state dict; {SAVE}"),
        }
        Ok(())
    }

    fn top(&self) -> Result<Value<'a>> {
        self.stack.last().copied().map_or_else(|| bail!("the pickle's stack is empty; {AGAIN}"), Ok)
    }

    fn pop(&mut self) -> Result<Value<'a>> {
        let value = self.top()?;
        self.stack.pop();
        Ok(value)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value<'a>>> {
        match self.marks.pop() {
            Some(mark) if mark <= self.stack.len() => Ok(self.stack.split_off(mark)),
            _ => bail!("the pickle's stack has no mark; {AGAIN}"),
        }
    }

    fn recall(&mut self, slot: u32) -> Result<()> {
        let Some(&value) = self.memo.get(&slot) else {
            bail!("the pickle recalls a value that it never stored; {AGAIN}")
        };
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

    /// A tuple or list of the last `len` values.
    fn sequence(&mut self, len: usize) -> Result<()> {
        let Some(start) = self.stack.len().checked_sub(len) else { bail!("the pickle's stack is empty; {AGAIN}") };
        let items = self.stack.split_off(start);
        let sequence = self.arena.sequence(items);
        self.stack.push(sequence);
        Ok(())
    }

    /// A call whose result a state dict does not need: `count` values become one.
    fn opaque_call(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            self.pop()?;
        }
        self.stack.push(Value::Opaque);
        Ok(())
    }
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).or_else(|_| bail!("a text of the pickle is not UTF-8; {AGAIN}"))
}
