"""A picture of prompts that an artist might try:  python demo.py RUN_DIR OUT.png [--weights state.pt]"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

import evaluate

PROMPTS = [
    "a purple tulip over a meadow", "a cat and a soccer ball over a blue background", "a kiss", "two planets over the night sky",
    "a boat over the sea", "a red rose over a gray background", "a blue cat over a sunset", "a rocket over the night sky",
    "two butterflies over a meadow", "a pink skull over a purple gradient", "a tower and a balloon over a sunset", "a robot and a ghost",
    "an eye over a white background", "a yellow star and a moon over the night sky", "a fish over the sea", "a green heart over a red gradient",
    "a mushroom and a frog over a meadow", "a blue apple and a banana over a white background",
    "cinematic shot of a planet meeting an earth over the night sky", "two kisses meeting over a sunset", "an owl moving left over the sea",
    "a football over a meadow", "cinematic shot of a car over a sunset", "a fox and a purple donut moving up",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", default="state.pt")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    evaluate.tiles(evaluate.load(args.run, args.weights), evaluate.load_decoder(args.run, "decoder.pt"), PROMPTS, args.out, seed=args.seed)


if __name__ == "__main__":
    main()
