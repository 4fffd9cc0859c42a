//! Writes small checkpoints.

use std::collections::HashMap;
use std::path::PathBuf;

use bendrack::wan::weights::Weights;
use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Result, Tensor};
use safetensors::tensor::{Dtype, TensorView};

/// Opens the bytes of a file, in f32 on the CPU.
pub fn open(bytes: &[u8]) -> Result<Weights> {
    open_section(bytes, None)
}

/// Opens the bytes of a file at this section.
pub fn open_section(bytes: &[u8], section: Option<&str>) -> Result<Weights> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    std::fs::write(&path, bytes).unwrap();
    Weights::open_section(&path, section, DType::F32, &Device::Cpu)
}

/// Weights in memory that hold zeros.
pub fn zeros(tensors: &[(&str, &[usize])]) -> Weights {
    let tensors = tensors
        .iter()
        .map(|(name, dims)| ((*name).to_owned(), Tensor::zeros(*dims, DType::F32, &Device::Cpu).unwrap()));
    Weights::from_tensors(tensors, DType::F32, &Device::Cpu)
}

/// All elements of the tensor `name`, in row-major order.
pub fn values(weights: &Weights, name: &str) -> Vec<f32> {
    let dims = weights.dims(name).unwrap_or_else(|| panic!("no {name} in {weights:?}"));
    let tensor = weights.get(name, dims).unwrap_or_else(|error| panic!("{name}: {error}"));
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// `start`, `start + 0.5`, and so on.
pub fn count(start: f32, len: usize) -> Vec<f32> {
    (0..len).map(|n| start + 0.5 * n as f32).collect()
}

/// Numbers between -1 and 1 without a pattern.
pub fn noise(dims: &[usize]) -> Tensor {
    let len: usize = dims.iter().product();
    let numbers: Vec<f32> = (0..len).map(|n| (n as f32 * 12.9898).sin()).collect();
    Tensor::from_vec(numbers, dims, &Device::Cpu).unwrap()
}

/// The little-endian bytes of f32 numbers.
pub fn f32_bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// A tensor of a safetensors file: name, dtype, shape, bytes.
pub type Raw<'a> = (&'a str, Dtype, &'a [usize], Vec<u8>);

pub fn safetensors(tensors: &[Raw<'_>], metadata: &[(&str, &str)]) -> Vec<u8> {
    let views = tensors
        .iter()
        .map(|(name, dtype, dims, bytes)| ((*name).to_owned(), TensorView::new(*dtype, dims.to_vec(), bytes).unwrap()));
    let metadata: HashMap<String, String> =
        metadata.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
    safetensors::serialize(views, (!metadata.is_empty()).then_some(metadata)).unwrap()
}

pub fn gguf(tensors: &[(&str, &Tensor, GgmlDType)]) -> Vec<u8> {
    let tensors: Vec<(&str, QTensor)> =
        tensors.iter().map(|(name, tensor, dtype)| (*name, QTensor::quantize(tensor, *dtype).unwrap())).collect();
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let metadata = [
        ("general.architecture", Value::String("wan".to_owned())),
        ("general.file_type", Value::U32(15)),
        ("tokenizer.ggml.tokens", Value::Array(vec![Value::String("a".to_owned()), Value::String("b".to_owned())])),
        ("tokenizer.ggml.scores", Value::Array(vec![Value::F32(1.0), Value::F32(2.0)])),
    ];
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let mut file = std::io::Cursor::new(Vec::new());
    gguf_file::write(&mut file, &metadata, &tensors).unwrap();
    file.into_inner()
}

/// A zip archive of uncompressed records; with the 64-bit extension if asked for.
pub fn zip(records: &[(&str, &[u8])], is_64: bool) -> Vec<u8> {
    let mut file = Vec::new();
    let mut directory = Vec::new();
    let small = |number: usize| if is_64 { u32::MAX } else { number as u32 };
    for (name, bytes) in records {
        let header = file.len();
        file.extend(*b"PK\x03\x04\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0");
        file.extend([small(bytes.len()).to_le_bytes(), small(bytes.len()).to_le_bytes()].concat());
        file.extend((name.len() as u16).to_le_bytes());
        // Padding that the directory does not have, as PyTorch writes it.
        file.extend(6u16.to_le_bytes());
        file.extend(name.as_bytes());
        file.extend(*b"FB\x02\0ZZ");
        file.extend(*bytes);

        directory.extend(*b"PK\x01\x02\x2d\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0");
        directory.extend([small(bytes.len()).to_le_bytes(), small(bytes.len()).to_le_bytes()].concat());
        directory.extend((name.len() as u16).to_le_bytes());
        directory.extend((if is_64 { 28u16 } else { 0 }).to_le_bytes());
        directory.extend([0; 10]);
        directory.extend(small(header).to_le_bytes());
        directory.extend(name.as_bytes());
        if is_64 {
            directory.extend(*b"\x01\0\x18\0");
            directory.extend([bytes.len(), bytes.len(), header].map(|number| (number as u64).to_le_bytes()).concat());
        }
    }
    let (start, len) = (file.len(), directory.len());
    file.extend(directory);
    if is_64 {
        let end = file.len();
        file.extend(*b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0");
        file.extend([records.len(), records.len(), len, start].map(|number| (number as u64).to_le_bytes()).concat());
        file.extend(*b"PK\x06\x07\0\0\0\0");
        file.extend((end as u64).to_le_bytes());
        file.extend(1u32.to_le_bytes());
    }
    file.extend(*b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff");
    file.extend([small(len).to_le_bytes(), small(start).to_le_bytes()].concat());
    file.extend([0; 2]);
    file
}

/// The opcodes that push a text.
pub fn pickle_text(text: &str) -> Vec<u8> {
    [b"X".to_vec(), (text.len() as u32).to_le_bytes().to_vec(), text.as_bytes().to_vec()].concat()
}

/// The opcodes that push a float tensor over the storage `key`.
pub fn pickle_tensor(key: &str, numel: i32, offset: i32, dims: &[i32], strides: &[i32]) -> Vec<u8> {
    let int = |number: i32| [b"J".to_vec(), number.to_le_bytes().to_vec()].concat();
    let tuple = |numbers: &[i32]| {
        [b"(".to_vec(), numbers.iter().flat_map(|&number| int(number)).collect(), b"t".to_vec()].concat()
    };
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        pickle_text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        pickle_text(key),
        pickle_text("cpu"),
        int(numel),
        b"tQ".to_vec(),
        int(offset),
        tuple(dims),
        tuple(strides),
        b"\x89ccollections\nOrderedDict\n)RtR".to_vec(),
    ]
    .concat()
}

/// A torch checkpoint of one state dict; every tensor is f32 and row-major.
pub fn torch(tensors: &[(&str, &[usize], Vec<f32>)], is_64: bool) -> Vec<u8> {
    let mut pickle = b"\x80\x02}(".to_vec();
    let mut records = Vec::new();
    for (index, (name, dims, numbers)) in tensors.iter().enumerate() {
        let dims: Vec<i32> = dims.iter().map(|&dim| dim as i32).collect();
        let strides: Vec<i32> = (0..dims.len()).map(|axis| dims[axis + 1..].iter().product()).collect();
        pickle.extend(pickle_text(name));
        pickle.extend(pickle_tensor(&index.to_string(), numbers.len() as i32, 0, &dims, &strides));
        records.push((format!("archive/data/{index}"), f32_bytes(numbers)));
    }
    pickle.extend(b"u.");
    let mut all = vec![("archive/data.pkl", &pickle[..]), ("archive/byteorder", b"little")];
    all.extend(records.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])));
    zip(&all, is_64)
}

/// A torch checkpoint with this pickle and one storage `0` of four f32.
pub fn torch_pickle(pickle: &[u8]) -> Vec<u8> {
    zip(&[("a/data.pkl", pickle), ("a/data/0", &f32_bytes(&[1.0, 2.0, 3.0, 4.0]))], false)
}

/// The path of a file of the recordings made for these tests.
pub fn made(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures_made").join(name)
}
