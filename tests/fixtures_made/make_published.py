"""Makes published.gguf, published.safetensors, spiece.model and spiece.json with the programs of their formats.

Run it in this folder, with gguf, sentencepiece, protobuf, numpy and safetensors from PyPI.
"""

import json
import os

import gguf
import numpy as np
import sentencepiece
from safetensors.numpy import save_file

PROMPTS = ["a red rose in the rain", "Zwei rote Rosen", "雨の中の薔薇, ﬁne", "  many   spaces ", ""]


def vocabulary():
    # A short table of characters: the whole of NFKC takes 240 kB.
    with open("rules.tsv", "w") as rules:
        rules.write("FB01\t66 69\n3000\t20\n")
    lines = ["a red rose in the rain", "two roses and a tulip", "the rain falls on red stones", "rote rosen im regen"] * 8
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix="spiece", vocab_size=330, model_type="unigram", byte_fallback=True,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, normalization_rule_tsv="rules.tsv", hard_vocab_limit=False)
    processor = sentencepiece.SentencePieceProcessor(model_file="spiece.model")
    ids = {prompt: processor.encode(prompt) + [processor.eos_id()] for prompt in PROMPTS}
    json.dump(ids, open("spiece.json", "w"), ensure_ascii=False)
    for leftover in ["rules.tsv", "spiece.vocab"]:
        os.remove(leftover)
    return processor


def kind(processor, i):
    types = gguf.TokenType
    if processor.is_unknown(i):
        return types.UNKNOWN
    if processor.is_control(i):
        return types.CONTROL
    return types.BYTE if processor.is_byte(i) else types.NORMAL


def charsmap():
    from sentencepiece import sentencepiece_model_pb2
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(open("spiece.model", "rb").read())
    return model.normalizer_spec.precompiled_charsmap


def blocks(name, rows, columns, random):
    """Random blocks of a format, with scales of ordinary size."""
    numbers, size = gguf.GGML_QUANT_SIZES[name]
    data = random.integers(0, 256, (rows, columns // numbers, size), dtype=np.uint8)
    data[..., :2] = np.float16(random.uniform(0.01, 0.1, data.shape[:2])).reshape(*data.shape[:2], 1).view(np.uint8)
    return data.reshape(rows, -1)


def main():
    processor = vocabulary()
    random = np.random.default_rng(17)
    writer = gguf.GGUFWriter("published.gguf", "t5encoder")
    writer.add_tokenizer_model("t5")
    pieces = range(processor.vocab_size())
    writer.add_token_list([processor.id_to_piece(i) for i in pieces])
    writer.add_token_scores([processor.get_score(i) for i in pieces])
    writer.add_token_types([kind(processor, i) for i in pieces])
    writer.add_precompiled_charsmap(charsmap())
    wide = random.standard_normal((6, 4, 1, 2, 2), dtype=np.float32)
    # ComfyUI-GGUF's converter: rows of the stored shape, and the real one in the metadata.
    writer.add_array("comfy.gguf.orig_shape.wide.weight", [int(n) for n in wide.shape])
    writer.add_tensor("wide.weight", wide.reshape(24, 4))
    expected = {"wide.weight": wide}
    for name in ["IQ4_NL", "IQ4_XS"]:
        kind_of = gguf.GGMLQuantizationType[name]
        data = blocks(kind_of, 3, 512, random)
        writer.add_tensor(name, data, raw_dtype=kind_of)
        expected[name] = gguf.dequantize(data, kind_of)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(expected, "published.safetensors")


main()
