//! Damaged and malicious files give errors: no panic, no overflow, no endless loop, no huge allocation.

use bendrack::wan::weights::{Kind, Scaling, Weights};
use candle_core::Result;
use candle_core::quantized::GgmlDType;
use proptest::prelude::*;
use safetensors::tensor::Dtype;

use super::make::{self, count, f32_bytes, pickle_tensor, pickle_text, torch_pickle};

/// Opens a file and reads all that is in it, as a model and as a LoRA would.
fn use_all(bytes: &[u8]) -> Result<()> {
    let weights = make::open(bytes)?;
    let names: Vec<String> = weights.names().map(str::to_owned).collect();
    for name in &names {
        let dims = weights.dims(name).unwrap();
        let _ = weights.get(name, dims.clone());
        let _ = weights.quantized(name, dims);
    }
    let _ = weights.finish();
    let _ = weights.get("missing", 1);
    if let Kind::Lora { .. } = weights.kind() {
        let base = make::zeros(&[("m.weight", &[3, 4])]);
        let _ = base.with_lora(&weights, Scaling::default()).and_then(|merged| merged.get("m.weight", (3, 4)));
    }
    Ok(())
}

/// Small valid files, one or more of each format.
fn samples() -> Vec<Vec<u8>> {
    let json = br#"{"format": "float8_e4m3fn"}"#;
    let blocks = make::noise(&[2, 256]);
    let patch = make::noise(&[2, 2, 1, 2, 2]);
    let read = |name: &str| std::fs::read(make::made(name)).unwrap();
    vec![
        make::safetensors(
            &[
                ("shared.weight", Dtype::BF16, &[2, 3], vec![7; 12]),
                ("encoder.block.0.layer.0.SelfAttention.q.weight", Dtype::F32, &[2, 3], f32_bytes(&count(1.0, 6))),
            ],
            &[("format", "pt")],
        ),
        make::safetensors(
            &[
                ("a.weight", Dtype::F8_E4M3, &[2, 2], vec![1, 2, 3, 4]),
                ("a.weight_scale", Dtype::F32, &[], f32_bytes(&[2.0])),
                ("a.comfy_quant", Dtype::U8, &[json.len()], json.to_vec()),
            ],
            &[("_quantization_metadata", r#"{"layers": {"a": {"format": "float8_e4m3fn"}}}"#)],
        ),
        make::safetensors(
            &[
                ("m.lora_down.weight", Dtype::F32, &[2, 4], vec![1; 32]),
                ("m.lora_up.weight", Dtype::F32, &[3, 2], vec![1; 24]),
                ("m.alpha", Dtype::F32, &[], vec![1; 4]),
            ],
            &[],
        ),
        make::gguf(&[
            ("q4", &blocks, GgmlDType::Q4K),
            ("q8", &blocks, GgmlDType::Q8_0),
            ("patch_embedding.weight", &patch, GgmlDType::F32),
        ]),
        make::torch(&[("a", &[2, 3], count(1.0, 6)), ("b", &[], count(1.0, 1))], false),
        make::torch(&[("a", &[2, 3], count(1.0, 6))], true),
        read("training.pt"),
        read("views.pt"),
        read("views_protocol4.pt"),
        read("lora.pt"),
    ]
}

#[test]
fn samples_are_valid() {
    for sample in samples() {
        use_all(&sample).unwrap();
    }
}

#[test]
fn every_truncation_is_refused() {
    for sample in samples() {
        for len in (0..sample.len()).step_by(1 + sample.len() / 500) {
            // A directory's comment may be cut off, and padding at the end of GGUF files; nothing else.
            let is_padding = sample[len..].iter().all(|&byte| byte == 0);
            assert!(use_all(&sample[..len]).is_err() || is_padding, "cut to {len} of {}", sample.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn damaged_files(
        sample in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let samples = samples();
        let mut bytes = samples[sample.index(samples.len())].clone();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = use_all(&bytes);
    }

    #[test]
    fn any_pickle(pickle in prop::collection::vec(opcode(), 0..60)) {
        let _ = use_all(&torch_pickle(&pickle.concat()));
    }

    #[test]
    fn any_bytes_behind_a_magic_number(
        magic in prop::sample::select(vec![&b"GGUF\x03\0\0\0"[..], b"PK\x03\x04", b"\x10\0\0\0\0\0\0\0{\""]),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = use_all(&[magic, &bytes].concat());
    }
}

/// An opcode of a pickle with an argument that may make sense.
fn opcode() -> impl Strategy<Value = Vec<u8>> {
    let plain = prop::sample::select(b"(012tl}])ued sabRQNG.\x81\x85\x86\x87\x88\x8f\x90\x91\x92\x93\x94".to_vec());
    let whole = prop::sample::select(vec![
        pickle_text("a"),
        pickle_text("storage"),
        pickle_text("0"),
        pickle_tensor("0", 4, 0, &[2, 2], &[2, 1]),
        b"ctorch._utils\n_rebuild_tensor_v2\n".to_vec(),
        b"ctorch._utils\n_rebuild_parameter\n".to_vec(),
        b"ctorch\nFloatStorage\n".to_vec(),
        b"ccollections\nOrderedDict\n)R".to_vec(),
    ]);
    prop_oneof![
        plain.prop_map(|byte| vec![byte]),
        whole,
        any::<u8>().prop_map(|n| vec![b'q', n % 4]),
        any::<u8>().prop_map(|n| vec![b'h', n % 4]),
        any::<i32>().prop_map(|n| [&b"J"[..], &n.to_le_bytes()].concat()),
        (any::<u8>(), any::<u64>()).prop_map(|(n, x)| [&[0x8a, n % 9][..], &x.to_le_bytes()].concat()),
        any::<u8>().prop_map(|byte| vec![byte]),
    ]
}

#[track_caller]
fn assert_refused(bytes: &[u8], part: &str) {
    let message = use_all(bytes).unwrap_err().to_string();
    assert!(message.contains(part), "{part:?} is not in {message:?}");
}

fn safetensors_with(header: &str, data: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; data]].concat()
}

#[test]
fn safetensors_headers_that_lie() {
    let header_len = |len: u64| [&len.to_le_bytes()[..], b"{\"a\":1}"].concat();
    assert_refused(&header_len(u64::MAX), "header");
    assert_refused(&header_len(1 << 40), "header");
    assert_refused(&header_len(30_000_000), "too early");
    let one = |shape: &str, offsets: &str| {
        safetensors_with(&format!(r#"{{"a":{{"dtype":"U8","shape":{shape},"data_offsets":{offsets}}}}}"#), 4)
    };
    use_all(&one("[4]", "[0,4]")).unwrap();
    assert_refused(&one("[4]", "[0,1000000]"), "header");
    assert_refused(&one("[1152921504606846976]", "[0,1152921504606846976]"), "incomplete");
    assert_refused(&one("[4294967296,4294967296]", "[0,4]"), "overflow");
    assert_refused(&one("[4]", "[4,0]"), "offset");
    assert_refused(&one("[4]", "[-1,3]"), "header");
    assert_refused(&one("[0,1152921504606846976,1152921504606846976]", "[0,0]"), "incomplete");
    let empty = r#"{"a":{"dtype":"U8","shape":[0,1099511627776,1099511627776],"data_offsets":[0,0]}}"#;
    assert_refused(&safetensors_with(empty, 0), "too large");
    let ones = format!("[{}1]", "1,".repeat(100_000));
    assert_refused(
        &safetensors_with(&format!(r#"{{"a":{{"dtype":"U8","shape":{ones},"data_offsets":[0,1]}}}}"#), 1),
        "too large",
    );
    let sums: Vec<String> = (0..16u64)
        .map(|n| {
            let (size, start) = (1u64 << 60, n << 60);
            let (size, end) = if n == 15 { (size - 1, u64::MAX) } else { (size, start + size) };
            format!(r#""t{n}":{{"dtype":"U8","shape":[{size}],"data_offsets":[{start},{end}]}}"#)
        })
        .collect();
    assert_refused(&safetensors_with(&format!("{{{}}}", sums.join(",")), 4), "incomplete");
    assert_refused(&safetensors_with(&"[".repeat(200_000).replacen('[', "{\"a\":", 1), 0), "header");
}

/// A GGUF file with one tensor; `alignment` is written as metadata.
fn gguf_with(counts: [u64; 2], alignment: u32, dims: &[u64], dtype: u32, offset: u64) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let mut file = b"GGUF\x03\0\0\0".to_vec();
    file.extend(counts.map(u64::to_le_bytes).concat());
    file.extend(text("general.alignment"));
    file.extend([4u32.to_le_bytes(), alignment.to_le_bytes()].concat());
    file.extend(text("w"));
    file.extend((dims.len() as u32).to_le_bytes());
    file.extend(dims.iter().flat_map(|dim| dim.to_le_bytes()));
    file.extend(dtype.to_le_bytes());
    file.extend(offset.to_le_bytes());
    file.resize(file.len().next_multiple_of(32) + 1024, 0);
    file
}

#[test]
fn gguf_headers_that_lie() {
    let (q8, q4k) = (8, 12);
    use_all(&gguf_with([1, 1], 32, &[32, 4], q8, 0)).unwrap();
    use_all(&gguf_with([1, 1], 32, &[256], q4k, 32)).unwrap();
    assert_refused(&gguf_with([u64::MAX, 1], 32, &[32], q8, 0), "");
    assert_refused(&gguf_with([1, u64::MAX], 32, &[32], q8, 0), "");
    for alignment in [0, 1, 7, u32::MAX] {
        assert_refused(&gguf_with([1, 1], alignment, &[32], q8, 0), "alignment");
    }
    assert_refused(&gguf_with([1, 1], 32, &[32, 1 << 60], q8, 0), "does not fit");
    assert_refused(&gguf_with([1, 1], 32, &[1 << 62, 1 << 62], q8, 0), "does not fit");
    assert_refused(&gguf_with([1, 1], 32, &[32, 0, 1 << 40, 1 << 40], q8, 0), "does not fit");
    assert_refused(&gguf_with([1, 1], 32, &[33], q8, 0), "blocks of 32");
    assert_refused(&gguf_with([1, 1], 32, &[], q8, 0), "blocks of 32");
    assert_refused(&gguf_with([1, 1], 32, &[32], q8, u64::MAX), "aligned");
    assert_refused(&gguf_with([1, 1], 32, &[32], q8, u64::MAX - 31), "does not fit");
    assert_refused(&gguf_with([1, 1], 32, &[32], q8, 33), "aligned");
    assert_refused(&gguf_with([1, 1], 32, &[1; 9], 0, 0), "too many");
    assert_refused(&gguf_with([1, 1], 32, &[48], 20, 0), "blocks of 32");
    assert_refused(&gguf_with([1, 1], 32, &[32], 23, 0), "blocks of 256");
    for (code, name) in [(21, "IQ3_S of GGUF"), (99, "GGUF type 99")] {
        let weights = make::open(&gguf_with([1, 1], 32, &[32], code, 0)).unwrap();
        assert!(weights.get("w", 32).unwrap_err().to_string().contains(name));
    }
    // Arrays in arrays, and an array that claims to be long.
    let nested = [&9u32.to_le_bytes()[..], &1u64.to_le_bytes()].concat().repeat(100_000);
    for value in [nested, [&8u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat()] {
        let head = [b"GGUF\x03\0\0\0", &0u64.to_le_bytes()[..], &1u64.to_le_bytes(), &0u64.to_le_bytes()].concat();
        assert!(use_all(&[&head[..], &9u32.to_le_bytes(), &value].concat()).is_err());
    }
}

fn open_tensor(offset: i32, dims: &[i32], strides: &[i32]) -> Result<Weights> {
    let tensor = pickle_tensor("0", 4, offset, dims, strides);
    make::open(&torch_pickle(&[b"\x80\x02}".to_vec(), pickle_text("a"), tensor, b"s.".to_vec()].concat()))
}

#[test]
fn views_outside_their_storage() {
    assert_eq!(make::values(&open_tensor(1, &[3], &[1]).unwrap(), "a"), [2.0, 3.0, 4.0]);
    assert_eq!(make::values(&open_tensor(0, &[2, 2], &[1, 2]).unwrap(), "a"), [1.0, 3.0, 2.0, 4.0]);
    for (offset, dims, strides) in [
        (2, &[3][..], &[1][..]),
        (5, &[0], &[1]),
        (0, &[2], &[4]),
        (0, &[2, 2], &[1]),
        (0, &[i32::MAX, i32::MAX, i32::MAX], &[1, 1, 1]),
        (0, &[2, 2], &[i32::MAX, i32::MAX]),
        // Repeats elements: a few bytes would become gigabytes.
        (0, &[i32::MAX], &[0]),
        (0, &[1000, 1000, 1000], &[0, 0, 0]),
        (0, &[1 << 16, 1 << 16], &[0, 0]),
    ] {
        let message = open_tensor(offset, dims, strides).unwrap_err().to_string();
        assert!(message.contains("does not fit its storage"), "{message}");
    }
    assert!(open_tensor(-1, &[1], &[1]).is_err());
    assert!(open_tensor(0, &[-1], &[1]).is_err());
    assert!(open_tensor(0, &[1], &[-1]).is_err());
}

#[test]
fn pickles_that_attack() {
    let refused = |pickle: &[u8], part: &str| assert_refused(&torch_pickle(pickle), part);
    // What would run a command in Python is an opaque value here.
    refused(b"\x80\x02cos\nsystem\n(X\x04\0\0\0echotR.", "no state dict");
    // Nesting a million deep, by tuples and by lists.
    refused(&[&b"\x80\x02)"[..], &vec![0x85; 1_000_000], b"."].concat(), "no state dict");
    refused(&[&b"\x80\x02"[..], &vec![b']'; 500_000], &vec![b'a'; 499_999], b"."].concat(), "no state dict");
    // A dict within itself, under the name of a section.
    let cycle = [&b"\x80\x02}q\0"[..], &pickle_text("model"), b"h\0s."].concat();
    refused(&cycle, "no state dict");
    // Doubling by memo: each tuple holds the last one twice.
    let bomb = [&b"\x80\x02)"[..], &b"q\0h\0h\0\x86".repeat(10_000), b"."].concat();
    refused(&bomb, "no state dict");
    refused(&[&b"\x80\x02"[..], &b"N0".repeat(3_000_000), b"."].concat(), "too long");
    for pickle in
        [&b"\x80\x02"[..], b".", b"\x80\x02u.", b"\x80\x02(0t.", b"\x80\x02(}Ns.", b"\x80\x02h\x07.", b"\x80\x02Nq"]
    {
        assert!(use_all(&torch_pickle(pickle)).is_err());
    }
    refused(b"\x80\x02}(NNNu.", "without a value");
    refused(b"\x80\x02X\xff\xff\xff\xff.", "too early");
    refused(b"\x80\x02\x8b\xff\xff\xff\xff.", "too early");
    refused(b"\x80\x02(NtQ.", "storage");
}

#[test]
fn pickles_that_claim_too_much() {
    let int = |number: i32| [b"J".to_vec(), number.to_le_bytes().to_vec()].concat();
    let storage = [&b"("[..], &pickle_text("storage"), b"ctorch\nFloatStorage\n", &pickle_text("0"), b"tQ"].concat();
    // One long tuple as the shape and the strides of very many tensors would be terabytes.
    let build = |shape: &[u8], rest: &[u8]| {
        let start = [&b"\x80\x02}"[..], &pickle_text("a"), b"ctorch._utils\n_rebuild_tensor_v2\nq\0"].concat();
        let tensor = [&b"("[..], &storage, &int(0), shape, b"q\x02h\x02", rest, b"tq\x01R"].concat();
        torch_pickle(&[&start[..], &tensor, &b"h\0h\x01R0".repeat(300_000), b"s."].concat())
    };
    let tuple = |len| [&b"("[..], &b"K\x01".repeat(len), b"t"].concat();
    use_all(&build(&tuple(1), b"")).unwrap();
    assert_refused(&build(&tuple(100_000), b""), "100000 dimensions");
    assert_refused(&build(&tuple(9), b""), "9 dimensions");
    // Arguments are not searched to their end each time.
    use_all(&build(&tuple(1), &b"N".repeat(500_000))).unwrap();
    // Nor is one long text made the name of very many tensors.
    let name = pickle_text(&"a".repeat(1 << 20));
    let named = [&b"\x80\x02}"[..], &name, &pickle_tensor("0", 4, 0, &[1], &[1]), b"s."].concat();
    assert_refused(&torch_pickle(&named), "too long");
    let keyed = pickle_tensor(&"0".repeat(1 << 20), 4, 0, &[1], &[1]);
    assert_refused(&torch_pickle(&[&b"\x80\x02}"[..], &pickle_text("a"), &keyed, b"s."].concat()), "too long");
}

#[test]
fn archives_that_lie() {
    let records: [(&str, &[u8]); 1] = [("a/data.pkl", b"\x80\x02}.")];
    for is_64 in [false, true] {
        let archive = make::zip(&records, is_64);
        for at in 0..archive.len() {
            for value in [0, 1, 0xff] {
                let mut damaged = archive.clone();
                damaged[at] = value;
                let _ = use_all(&damaged);
                damaged.truncate(at);
                let _ = use_all(&damaged);
            }
        }
    }
    let mut compressed = make::zip(&records, false);
    let at = compressed.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    compressed[at + 10] = 8;
    assert_refused(&compressed, "compressed");
}
