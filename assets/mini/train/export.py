"""Writes the files that the rack reads: weights in f16, the tokenizer and the configuration.

    python export.py RUN_DIR OUT_DIR [--weights decayed.pt]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

import evaluate
import model as wan
import world
from autoencoder import TIME_UPSCALE, Encoder, TaehvEncoder


def tokenizer() -> dict:
    """One token a word, in the format of Hugging Face's `tokenizers`; `</s>` goes to the end."""
    special = lambda i, word: dict(id=i, content=word, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    end = {"SpecialToken": {"id": "</s>", "type_id": 0}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [special(i, word) for i, word in enumerate(world.SPECIAL)],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, end],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, end, {"Sequence": {"id": "B", "type_id": 0}}, end],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}},
        },
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": world.VOCABULARY, "unk_token": "<unk>"},
    }


def config(step: int, renoise: str) -> dict:
    """What no tensor shows. `num_heads` and `text_len` are as in Wan's own config.json; the rest is for players."""
    return {
        "_class_name": "WanModel",
        "model_type": "t2v",
        "family": "mini",
        "dim": wan.DIM,
        "ffn_dim": wan.FFN,
        "num_heads": wan.HEADS,
        "num_layers": wan.LAYERS,
        "freq_dim": wan.FREQ,
        "text_dim": wan.TEXT_DIM,
        "text_len": world.TEXT_LEN,
        "in_dim": wan.CHANNELS,
        "out_dim": wan.CHANNELS,
        "eps": wan.EPS,
        "text_encoder": {"num_heads": wan.TEXT_HEADS, "num_buckets": wan.BUCKETS, "max_distance": 128},
        "decoder": {"kind": "taehv", "time_upscale": list(TIME_UPSCALE), "frames_to_trim": 3},
        "video": {"width": world.SIDE, "height": world.SIDE, "frames_per_second": 16},
        "sampler": {
            "timesteps": wan.STEPS,          # as they are, no shift; noise level = timestep / 1000
            "chunk_frames": wan.CHUNK,       # latent frames
            "window_frames": 2 * wan.CHUNK,  # latent frames that attention sees: this chunk and the one before
            "renoise": renoise,              # "same": the noise that the chunk began with, "fresh": new noise
        },
        "words": {"things": world.THINGS, "plurals": [world.plural(t) for t in world.THINGS], "colors": list(world.TINTS),
                  "motions": [*world.MOTIONS, world.MEETING], "manners": ["cinematic"], "backgrounds": list(world.PLAIN), "places": world.PLACES},
        "training_steps": step,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", default="decayed.pt")
    parser.add_argument("--renoise", default="same", choices=["same", "fresh"])
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    model = evaluate.load(args.run, args.weights)
    step = torch.load(args.run / args.weights, map_location="cpu", weights_only=False)["step"]
    decoder = evaluate.load_decoder(args.run, "decoder.pt")
    if isinstance(decoder, evaluate.LinearDecoder):
        raise SystemExit("there is no decoder.pt in the run: train_autoencoder.py makes it")
    modules = dict(transformer=model.dit, text_encoder=model.text, decoder=decoder, block_encoder=Encoder.load(args.run / "encoder.pt"))
    if (args.run / "taehv_encoder.pt").exists():
        modules["encoder"] = TaehvEncoder()
        modules["encoder"].load_state_dict(torch.load(args.run / "taehv_encoder.pt")["average"])
    for name, module in modules.items():
        tensors = {k: v.half().contiguous() for k, v in module.state_dict().items()}
        folder = args.out / "train" if name == "block_encoder" else args.out   # that one is for training only
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.safetensors"
        save_file(tensors, path, metadata={"format": "pt"})
        path.chmod(0o644)
        print(name, f"{path.stat().st_size / 1e6:.2f} MB")
    (args.out / "tokenizer.json").write_text(json.dumps(tokenizer(), indent=1) + "\n")
    (args.out / "config.json").write_text(json.dumps(config(step, args.renoise), indent=1) + "\n")


if __name__ == "__main__":
    main()
