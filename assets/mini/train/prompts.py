"""Writes the held-out scenes and captions by which `bendrack bench mini --quality` scores the model.

    python prompts.py OUT_FILE [--prompts 64]

They are the scenes and captions of `evaluate.py`, so the first 48 are those that it scores by default. `color_word` and
`shape_word` count the words of the caption that name an object's colour and shape, from 0; `seed` is the video's.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import evaluate
import world


def thing(index: int, scene: world.Scene, refs: list[world.Reference]) -> dict:
    it = scene.things[index]
    word = {kind: at for at, of, kind in refs if of == index and kind in ("color", "shape")}
    return dict(shape=it.shape, color=it.color, motion=it.motion, large=it.large, color_word=word["color"], shape_word=word["shape"])


def prompts(count: int, seed: int = 5) -> list[dict]:
    rng = random.Random(seed)
    captioned = [(scene, *evaluate.test_caption(scene, rng)) for scene in evaluate.test_scenes(count)]
    return [
        dict(
            caption=" ".join(words),
            seed=i,
            background=scene.background,
            gradient=scene.gradient,
            things=[thing(index, scene, refs) for index in range(len(scene.things))],
        )
        for i, (scene, words, refs) in enumerate(captioned)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--prompts", type=int, default=64)
    args = parser.parse_args()
    lines = ",\n".join(" " + json.dumps(prompt) for prompt in prompts(args.prompts))
    args.out.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
