//! Tokenizers of three kinds, small enough to be written here, on prompts of many scripts.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Tokenizer, Tokens, clean};
use crate::wan::weights::Weights;

fn special(id: usize, content: &str) -> Value {
    json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
           "special": true})
}

fn file(model: &Value, normalizer: &Value, pre_tokenizer: &Value) -> Vec<u8> {
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [special(0, "<pad>"), special(1, "</s>"), special(2, "<unk>")],
        "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "model": model, "decoder": null,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}},
        },
    })
    .to_string()
    .into_bytes()
}

/// Pieces with `▁` for spaces, longer ones likelier; `bytes` adds those for unknown characters.
fn vocab(bytes: bool) -> Vec<(String, f64)> {
    let mut vocab: Vec<(String, f64)> = vec![("<pad>".into(), 0.0), ("</s>".into(), 0.0), ("<unk>".into(), 0.0)];
    let pieces = [
        "▁",
        "▁a",
        "▁cat",
        "▁tul",
        "ip",
        "▁pur",
        "ple",
        "▁in",
        "▁the",
        "▁rain",
        "log",
        "cat",
        "s",
        ",",
        ".",
        "'",
        "▁ca",
        "fé",
        "猫",
        "が",
        "走",
        "る",
        "▁кош",
        "ка",
        "▁שלום",
        "고양이",
        "가",
        "▁1",
        "x",
        "y",
    ];
    vocab.extend(pieces.iter().map(|piece| ((*piece).to_owned(), -10.0 + piece.chars().count() as f64)));
    if bytes {
        vocab.extend((0..=255u8).map(|byte| (format!("<0x{byte:02X}>"), -15.0)));
    }
    vocab
}

/// UMT5's kind.
fn sentence_pieces_file(bytes: bool, split_first: bool) -> Vec<u8> {
    let metaspace = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    let pre_tokenizer = if split_first {
        json!({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]})
    } else {
        metaspace
    };
    let model = json!({"type": "Unigram", "unk_id": 2, "vocab": vocab(bytes), "byte_fallback": bytes});
    file(&model, &json!({"type": "NFKC"}), &pre_tokenizer)
}

/// The small model's kind: whole words.
fn whole_words_file() -> Vec<u8> {
    let words = ["<pad>", "</s>", "<unk>", "a", "red", "circle", "and", "blue", "square", "drifts", "left", ","];
    let vocab: serde_json::Map<String, Value> =
        words.iter().zip(0..).map(|(w, i): (_, u32)| ((*w).into(), i.into())).collect();
    let model = json!({"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"});
    file(&model, &json!({"type": "Lowercase"}), &json!({"type": "Whitespace"}))
}

pub(super) fn sentence_pieces(bytes: bool, split_first: bool) -> Tokenizer {
    Tokenizer::from_json(&sentence_pieces_file(bytes, split_first)).expect("a tokenizer")
}

pub(super) fn whole_words() -> Tokenizer {
    Tokenizer::from_json(&whole_words_file()).expect("a tokenizer")
}

/// Every kind there is.
fn tokenizers() -> Vec<Tokenizer> {
    vec![whole_words(), sentence_pieces(false, false), sentence_pieces(true, false), sentence_pieces(true, true)]
}

fn pieces(tokens: &Tokens, positions: &[usize]) -> String {
    positions.iter().map(|&i| tokens.tokens[i].piece.as_str()).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn assert_positions(tokens: &Tokens, word: &str, expected: &str) {
    assert_eq!(pieces(tokens, &tokens.positions(word)), expected, "{word:?} in {:?}", tokens.prompt);
}

#[test]
fn a_word_has_all_its_tokens_everywhere() -> candle_core::Result<()> {
    let prompt = "a  purple tulip, the tulip's cat in  the rain, “TULIP” catalog, cats";
    for split_first in [false, true] {
        let tokens = sentence_pieces(true, split_first).tokenize(prompt, 512)?;
        assert_positions(&tokens, "Tulip", "▁tul ip ▁tul ip <0x54> <0x55> <0x4C> <0x49> <0x50>");
        assert_positions(&tokens, "purple tulip", "▁pur ple ▁tul ip");
        assert_positions(&tokens, " purple   TULIP! ", "▁pur ple ▁tul ip");
        assert_positions(&tokens, "tulip's", "▁tul ip ' s");
        assert_positions(&tokens, "cat", "▁cat");
        assert_positions(&tokens, "cats", "▁cat s");
        assert_positions(&tokens, "(rain)", "▁rain");
        for absent in ["tul", "log", "at", "dog", "", " ", ";", "tulip the", "purple tulip, the tulip's cat and more"] {
            assert_positions(&tokens, absent, "");
        }
    }
    Ok(())
}

#[test]
fn whole_words_are_found_by_plain_tokenizers() -> candle_core::Result<()> {
    let tokens = whole_words().tokenize("A red circle and a BLUE square, the blue square drifts left.", 32)?;
    assert_eq!(tokens.positions("blue square"), [5, 6, 9, 10]);
    assert_eq!(tokens.positions("circle"), [2]);
    assert_eq!(tokens.positions("the"), [8], "an unknown word has its place");
    assert_eq!(tokens.eos, Some(14));
    assert_eq!(tokens.padding_start(), 15);
    let words: Vec<String> = tokens.words().into_iter().map(|word| word.text).collect();
    assert_eq!(words, ["A", "red", "circle", "and", "a", "BLUE", "square", "the", "blue", "square", "drifts", "left"]);
    Ok(())
}

#[test]
fn scripts_without_spaces_match_inside() -> candle_core::Result<()> {
    let tokens = sentence_pieces(true, false).tokenize("猫が走る、犬猫。 고양이가 café кошка שלום ①", 512)?;
    assert_positions(&tokens, "猫", "猫 猫");
    assert_positions(&tokens, "走る", "走 る");
    assert_positions(&tokens, "犬", "<0xE7> <0x8A> <0xAC>");
    assert_positions(&tokens, "犬猫", "<0xE7> <0x8A> <0xAC> 猫");
    assert_positions(&tokens, "고양이", "고양이");
    assert_positions(&tokens, "CAFÉ", "▁ca fé");
    assert_positions(&tokens, "cafe\u{301}", "▁ca fé");
    assert_positions(&tokens, "Кошка", "▁кош ка");
    assert_positions(&tokens, "кош", "");
    assert_positions(&tokens, "שלום", "▁שלום");
    assert_positions(&tokens, "①", "▁1");
    Ok(())
}

#[test]
fn the_end_token_survives_truncation() -> candle_core::Result<()> {
    for tokenizer in tokenizers() {
        for length in [0, 1, 2, 7] {
            let tokens = tokenizer.tokenize(&"a ".repeat(50), length)?;
            assert_eq!((tokens.padding_start(), tokens.dropped), (length, 51 - length));
            assert_eq!(tokens.eos, length.checked_sub(1));
            assert!(length == 0 || tokens.ids().last() == Some(&1));
            assert_eq!(tokens.positions("a").len(), length.saturating_sub(1));
            assert_eq!(tokens.words().len(), length.saturating_sub(1));
        }
        let empty = tokenizer.tokenize("", 512)?;
        assert_eq!((empty.ids(), empty.eos, empty.dropped), (vec![1], Some(0), 0));
    }
    Ok(())
}

#[test]
fn a_word_cut_short_is_found_by_what_is_left() -> candle_core::Result<()> {
    let tokens = sentence_pieces(true, false).tokenize("a purple tulip in the rain", 5)?;
    assert_positions(&tokens, "tulip", "▁tul");
    assert_positions(&tokens, "rain", "");
    assert_eq!(tokens.words().last().map(|word| word.text.as_str()), Some("tulip"));
    Ok(())
}

#[test]
fn lengths_saved_in_the_file_do_not_count() -> candle_core::Result<()> {
    let mut saved: Value = serde_json::from_slice(&whole_words_file()).expect("its own JSON");
    saved["truncation"] = json!({"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0});
    saved["padding"] = json!({"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
        "pad_type_id": 0, "pad_token": "<pad>"});
    let tokens = Tokenizer::from_json(saved.to_string().as_bytes())?.tokenize("a red circle drifts left", 512)?;
    assert_eq!(tokens.ids(), [3, 4, 5, 9, 10, 1]);
    Ok(())
}

#[test]
fn broken_files_are_refused_with_advice() {
    let missing = Tokenizer::open(std::path::Path::new("no/such/tokenizer.json")).err().expect("there is no file");
    assert!(missing.to_string().contains("no/such/tokenizer.json") && missing.to_string().contains("google/umt5-xxl"));
    let whole = sentence_pieces_file(true, false);
    for broken in [&b""[..], b"{}", b"null", b"[1, 2]", &whole[..whole.len() / 2], b"\xff\xfe"] {
        let error = Tokenizer::from_json(broken).err().expect("no tokenizer");
        assert!(error.to_string().contains("download"), "{error}");
    }
}

/// A SentencePiece model file of these pieces (text, score, kind), written by hand.
fn sentence_piece_file(pieces: &[(String, f32, u8)], charsmap: &[u8]) -> Vec<u8> {
    let field = |number: u8, bytes: &[u8]| {
        let length =
            [0x80 | (bytes.len() & 0x7f) as u8, 0x80 | (bytes.len() >> 7 & 0x7f) as u8, (bytes.len() >> 14) as u8];
        [&[number << 3 | 2], &length[..], bytes].concat()
    };
    let piece = |(text, score, kind): &(String, f32, u8)| {
        field(1, &[&field(1, text.as_bytes())[..], &[2 << 3 | 5], &score.to_le_bytes(), &[3 << 3, *kind]].concat())
    };
    let trainer = field(2, &[3 << 3, 1]);
    let normalizer = field(3, &[field(1, b"nmt_nfkc"), field(2, charsmap)].concat());
    [pieces.iter().flat_map(piece).collect(), trainer, normalizer].concat()
}

#[test]
fn sentence_piece_files_are_read() -> candle_core::Result<()> {
    let kinds = |text: &str| match text {
        "<pad>" | "</s>" => 3,
        "<unk>" => 2,
        byte if byte.starts_with("<0x") => 6,
        _ => 1,
    };
    let pieces: Vec<(String, f32, u8)> =
        vocab(true).into_iter().map(|(text, score)| (text.clone(), score as f32, kinds(&text))).collect();
    let file = sentence_piece_file(&pieces, &[]);
    let (embedded, json) = (Tokenizer::from_sentence_piece(&file)?, sentence_pieces(true, false));
    assert_eq!(embedded.vocab_size(), json.vocab_size());
    for prompt in ["a purple tulip, the tulip's cats", "猫が走る 犬", "", "a  zz ŷ"] {
        assert_eq!(embedded.tokenize(prompt, 24)?, json.tokenize(prompt, 24)?);
    }
    let tensor = candle_core::Tensor::new(file.as_slice(), &candle_core::Device::Cpu)?;
    for dtype in [candle_core::DType::F32, candle_core::DType::F16, candle_core::DType::BF16] {
        let weights = |name: &str| Weights::from_tensors([(name.to_owned(), tensor.clone())], dtype, tensor.device());
        let carried = Tokenizer::from_weights(&weights("spiece_model"))?.expect("it is in there");
        assert_eq!(carried.tokenize("a cat", 24)?, json.tokenize("a cat", 24)?);
        assert!(Tokenizer::from_weights(&weights("norm.weight"))?.is_none());
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("umt5.safetensors");
    let norm = candle_core::Tensor::ones(2, candle_core::DType::F32, tensor.device())?;
    candle_core::safetensors::save(
        &[("spiece_model", tensor.clone()), ("norm.weight", norm)].into_iter().collect(),
        &path,
    )?;
    for is_read in [false, true] {
        let weights = Weights::open(&path, candle_core::DType::BF16, tensor.device())?;
        weights.get("norm.weight", 2)?;
        if is_read {
            let carried = Tokenizer::from_weights(&weights)?.expect("it is in the file");
            assert_eq!(carried.tokenize("a cat", 24)?, json.tokenize("a cat", 24)?);
        }
        weights.finish()?;
    }
    for broken in [&file[..file.len() / 2], &file[1..], b"", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
        if let Ok(tokenizer) = Tokenizer::from_sentence_piece(broken) {
            let _ = tokenizer.tokenize("a cat", 24);
        }
    }
    let error = Tokenizer::from_sentence_piece(&file[..file.len() - 9]).err().expect("it is cut short");
    assert!(error.to_string().contains("cut short") && error.to_string().contains("download"), "{error}");
    assert!(Tokenizer::from_sentence_piece(&sentence_piece_file(&pieces, b"no table")).is_err());
    Ok(())
}

#[test]
fn hostile_prompts_are_survived() -> candle_core::Result<()> {
    let pieces = [
        "",
        "\0",
        "a",
        "a ",
        "猫",
        "👩‍👩‍👧",
        "שלום ",
        "\u{202e}",
        "é",
        "e\u{301}",
        "</s>",
        "<pad>",
        "<0xE7>",
        "▁",
        "▁▁ ",
        "ﷺ",
    ];
    for tokenizer in tokenizers() {
        for piece in pieces {
            let tokens = tokenizer.tokenize(&piece.repeat(100_000 / piece.len().max(1)), 512)?;
            assert!(tokens.padding_start() <= 512);
            assert_eq!(tokens.ids().last(), Some(&1));
            tokens.words();
            tokens.positions(piece);
            tokens.positions(&piece.repeat(1000));
        }
    }
    Ok(())
}

/// Alone, `İ` and U+FFFD look like Turkish in a wrong encoding, and cleaning changes them. Beside a Chinese word, they
/// stay.
#[test]
fn a_word_of_the_prompt_is_found_as_it_stands() {
    for tokenizer in tokenizers() {
        let tokens = tokenizer.tokenize("猫 İ\u{fffd}", 512).expect("tokens");
        let word = &tokens.words()[1];
        assert_ne!(clean(&word.text), word.text);
        assert_eq!(tokens.positions(&word.text), word.positions);
    }
}

/// Text of words and scraps in several scripts.
fn prompt() -> impl Strategy<Value = String> {
    let scraps = [
        "cat",
        "Tulip",
        "purple",
        "a",
        "the",
        "猫",
        "走る",
        "犬",
        "café",
        "e\u{301}",
        "고양이",
        "שלום",
        "кошка",
        "①",
        "ﬁ",
        "İ",
        "ß",
        "👩‍👩‍👧",
        ",",
        ".",
        "“",
        "'",
        "-",
        " ",
        " ",
        " ",
        "  ",
        "▁",
        "\0",
    ];
    prop::collection::vec(
        prop_oneof![4 => prop::sample::select(scraps.to_vec()).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from)],
        0..24,
    )
    .prop_map(|scraps| scraps.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// From characters to tokens and back. Some token covers each character that is not a space, and spans are whole
    /// characters. Each word is found again where it stands.
    #[test]
    fn every_character_has_its_token(prompt in prompt()) {
        for tokenizer in tokenizers() {
            let tokens = tokenizer.tokenize(&prompt, 512).expect("tokens");
            prop_assert_eq!(&tokens.prompt, &clean(&prompt));
            for token in &tokens.tokens {
                prop_assert!(tokens.prompt.get(token.span.clone()).is_some(), "{:?}", token);
            }
            for word in tokens.words() {
                for (at, c) in word.text.char_indices() {
                    let span = word.span.start + at..word.span.start + at + c.len_utf8();
                    let covering = tokens.covering(&span);
                    prop_assert!(covering.iter().all(|position| word.positions.contains(position)));
                    prop_assert!(!covering.is_empty() || c == '▁' || !c.is_alphanumeric(), "{:?} of {:?}", c, tokens);
                }
                let found = tokens.positions(&word.text);
                prop_assert!(word.positions.iter().all(|position| found.contains(position)), "{:?} in {:?}", word, tokens);
            }
        }
    }

    /// Cutting a prompt short keeps the tokens that fit as they were.
    #[test]
    fn truncation_keeps_the_beginning(prompt in prompt(), length in 1usize..20) {
        for tokenizer in tokenizers() {
            let (whole, cut) = (tokenizer.tokenize(&prompt, 512).expect("tokens"), tokenizer.tokenize(&prompt, length).expect("tokens"));
            prop_assert_eq!(cut.tokens.len() + cut.dropped, whole.tokens.len());
            let kept = cut.tokens.len() - 1;
            prop_assert_eq!(&cut.tokens[..kept], &whole.tokens[..kept]);
            prop_assert_eq!(cut.tokens.last(), whole.tokens.last());
        }
    }

    /// A file with a byte changed or an end missing is refused or works; it never brings the program down.
    #[test]
    fn damaged_files_do_not_panic(at in 0usize..6000, byte in any::<u8>(), cut in any::<bool>(), prompt in prompt()) {
        let mut file = sentence_pieces_file(true, false);
        let at = at % file.len();
        if cut { file.truncate(at) } else { file[at] = byte }
        if let Ok(tokenizer) = Tokenizer::from_json(&file) {
            let _ = tokenizer.tokenize(&prompt, 512);
        }
    }
}
