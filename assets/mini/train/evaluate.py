"""Scores on held-out prompts, with the same detectors' opinion of real clips beside them.

    python evaluate.py RUN_DIR [--weights state.pt] [--decoder decoder.pt] [--prompts 48] [--sheet sheet.png]

| score      | what counts as right, per sampled frame (or per clip)                                                       |
|------------|-------------------------------------------------------------------------------------------------------------|
| background | the median colour of at least 80 % of the rows is within 0.14 of the prompt's background                     |
| colour     | one object: its area is plausible and its median colour is nearest to the prompt's among the eight; two: an area of each colour is plausible |
| shape      | of the four shapes, at any angle and with the same area, the prompt's covers the object best                 |
| motion     | clip: the median displacement per latent frame is within 3 pixels of the prompt's, and the outline turns if and only if the prompt says spinning |
| binding    | two objects, clip: each of the two colours has its own shape in most frames                                  |
| pointing   | the maximum of a colour's or shape's cross-attention map (heads and middle layers averaged, last step) lies on the object |

Colour, shape and motion are averaged over objects of all prompts. Pointing maps were supervised if the run was shorter
than `train.GROUNDING_END` steps; after that the maps were left to themselves.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

import model as wan
import train
import world
from autoencoder import Decoder, Encoder

NAMES = list(world.COLORS)
PALETTE = np.array([world.COLORS[n] for n in NAMES], np.float32) / 255
SYMMETRY = {"circle": 0, "square": 90, "triangle": 120, "cross": 90}   # degrees after which a shape is itself again
ANGLE = 7.5                                                            # degrees between templates


class LinearDecoder:
    """Shows latents when no decoder is trained yet: the transpose of the encoder's projection."""

    def __init__(self, encoder: Encoder):
        self.encoder = encoder

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        e = self.encoder
        x = torch.einsum("cb,ntchw->ntbhw", e.projection, z / e.scale[:, None, None] + e.mean[:, None, None])
        n, t, _, h, w = x.shape
        return torch.pixel_shuffle(x.reshape(n, t * world.FRAMES, 3 * world.CELL**2, h, w), world.CELL)


def test_scenes(count: int, seed: int = 777) -> list[world.Scene]:
    """Held-out scenes, every third with two objects."""
    rng = random.Random(seed)
    return [world.sample_scene(rng, held_out=True, pairs=float(i % 3 == 2)) for i in range(count)]


def test_caption(scene: world.Scene, rng: random.Random):
    while True:
        words, refs = world.caption(scene, rng)
        if "<unk>" not in words:
            return words, refs


# -------------------------------------------------------------------------------------------------------- one object


@lru_cache(4096)
def template(shape: str, half_pixels: int, degrees: float) -> np.ndarray:
    return world.mask(shape, half_pixels / 2, degrees=degrees) > 0.5


@lru_cache(None)
def area(shape: str) -> float:
    """Area of a shape of radius 1."""
    return float((world.mask(shape, 40) > 0.5).sum()) / 1600


def centre(mask: np.ndarray) -> tuple[float, float]:
    """Centre of mass (row, column) on the torus, in pixels."""
    turn = lambda at: (np.angle(np.exp(2j * np.pi * (at + 0.5) / world.SIDE).mean()) / (2 * np.pi)) % 1 * world.SIDE
    return tuple(turn(axis) for axis in np.nonzero(mask))


def look(mask: np.ndarray) -> dict | None:
    """What is seen in an object's mask: its centre, area, shape, overlap with that shape, and angle."""
    count = int(mask.sum())
    if count < 100:
        return None
    cy, cx = centre(mask)
    middle = np.roll(mask, (round(64 - cy), round(64 - cx)), (0, 1))
    best = ("", 0.0, 0.0)
    for shape, symmetry in SYMMETRY.items():
        half_pixels = min(110, round(2 * math.sqrt(count / area(shape))))
        for degrees in np.arange(0, symmetry, ANGLE) if symmetry else [0.0]:
            t = template(shape, half_pixels, float(degrees))
            overlap = (middle & t).sum() / (middle | t).sum()
            if overlap > best[1]:
                best = (shape, float(overlap), float(degrees))
    return dict(centre=(cy, cx), area=count, shape=best[0], overlap=best[1], angle=best[2])


def masks_of(scene: world.Scene, frame: np.ndarray) -> list[np.ndarray]:
    """The objects' masks in a frame [SIDE, SIDE, 3]: one object is what differs from the background, of two each is what
    is nearest to its colour."""
    foreground = np.linalg.norm(frame - world.background(scene), axis=-1) > 0.27
    if len(scene.things) == 1:
        return [foreground]
    nearest = np.linalg.norm(frame[:, :, None] - PALETTE, axis=-1).argmin(-1)
    return [foreground & (nearest == NAMES.index(t.color)) for t in scene.things]


def judge_motion(thing: world.Thing, seen: list[dict | None]) -> bool:
    pairs = [(a, b) for a, b in zip(seen, seen[1:]) if a and b]
    if len(pairs) < 3:
        return False
    half = world.SIDE / 2
    moves = [[(q - p + half) % world.SIDE - half for p, q in zip(a["centre"], b["centre"])] for a, b in pairs]
    expected = np.array(world.STEPS.get(thing.motion, (0, 0))) * world.CELL
    if np.hypot(*(np.median(moves, 0) - expected)) > 3:
        return False
    if thing.shape == "circle":
        return True
    turns = []
    for a, b in pairs:
        symmetry = SYMMETRY[b["shape"]] or 360
        turns.append((b["angle"] - a["angle"] + symmetry / 2) % symmetry - symmetry / 2)
    return abs(np.median(turns) - (360 / world.SPIN_STEPS if thing.motion == "spinning" else 0)) <= 11


def judge(scene: world.Scene, video: np.ndarray) -> dict[str, list[float]]:
    """Scores of a video [frames, SIDE, SIDE, 3]; one frame of each latent frame but the first is looked at."""
    frames = [np.clip(video[i], 0, 1) for i in range(world.FRAMES + 2, len(video), world.FRAMES)]
    ground = world.background(scene)[:, 0]
    rows = [np.linalg.norm(np.median(f, 1) - ground, axis=-1) < 0.14 for f in frames]
    scores = {"background": [float(r.mean() > 0.8) for r in rows], "color": [], "shape": [], "motion": [], "overlap": []}
    own_shape = []
    all_masks = [masks_of(scene, f) for f in frames]
    for i, thing in enumerate(scene.things):
        expected = area(thing.shape) * world.RADII[thing.large] ** 2
        seen = []
        for frame, masks in zip(frames, all_masks):
            found = 0.35 * expected < masks[i].sum() < 2.5 * expected
            seen.append(look(masks[i]) if found else None)
            if found and len(scene.things) == 1:
                color = np.median(frame[masks[0]], 0)
                found = NAMES[np.linalg.norm(PALETTE - color, axis=-1).argmin()] == thing.color
            scores["color"].append(float(found))
        right = [bool(s) and s["shape"] == thing.shape for s in seen]
        scores["shape"] += [float(r) for r in right]
        scores["overlap"] += [s["overlap"] for s in seen if s]
        scores["motion"].append(float(judge_motion(thing, seen)))
        own_shape.append(np.mean(right) > 0.5)
    if len(scene.things) == 2:
        scores["binding"] = [float(all(own_shape))]
    return scores


def pointing(scene: world.Scene, refs, maps: list[torch.Tensor], video: np.ndarray) -> list[float]:
    """`maps`: per layer [HEADS, CHUNK·64, TEXT_LEN] of the chunk that `video` ends with."""
    average = torch.stack([maps[i].mean(0) for i in train.GROUNDED]).mean(0).view(wan.CHUNK, world.TOKENS**2, -1)
    hits = []
    for k in range(wan.CHUNK):
        frame = np.clip(video[len(video) - world.FRAMES * (wan.CHUNK - k) + 2], 0, 1)
        cover = [m.reshape(8, 16, 8, 16).mean((1, 3)).reshape(-1) for m in masks_of(scene, frame)]
        for word, thing, kind in refs:
            if kind in ("color", "shape"):
                hits.append(float(cover[thing][int(average[k, :, word].argmax())] > 0.1))
    return hits


# ------------------------------------------------------------------------------------------------------- all prompts


def mean(rows: list[dict[str, list[float]]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {n: round(float(np.mean([v for row in rows for v in row.get(n, [])])), 3) for n in names}


def score(model: wan.Mini, decode, prompts: int = 48, chunks: int = 3, seed: int = 5, **how):
    """Means of the scores; also the scenes, captions and videos."""
    rng = random.Random(seed)
    scenes = test_scenes(prompts)
    captions = [test_caption(s, rng) for s in scenes]
    rows, videos = [], []
    for at in range(0, prompts, 16):
        part = range(at, min(prompts, at + 16))
        ids = torch.tensor([world.encode(captions[i][0]) for i in part])
        z, maps = wan.generate(model, ids, chunks, seed=seed + at, **how)
        with torch.no_grad():
            made = decode(z).permute(0, 1, 3, 4, 2).numpy()
        for j, i in enumerate(part):
            row = judge(scenes[i], made[j])
            row["pointing"] = pointing(scenes[i], captions[i][1], [m[j] for m in maps[-1]], made[j])
            rows.append(row)
        videos += list(made)
    return mean(rows), rows, scenes, [" ".join(c[0]) for c in captions], videos


def ceiling(encoder: Encoder, decode, prompts: int = 48, latents: int = 9, seed: int = 5) -> dict[str, float]:
    """The same of real clips, encoded and decoded, and the decoder's PSNR on them."""
    rng, rows, errors = random.Random(seed), [], []
    for scene in test_scenes(prompts):
        video, _ = world.render(scene, (rng.randrange(8), rng.randrange(8)), 0, latents)
        pixels = torch.from_numpy(video).permute(0, 3, 1, 2)
        with torch.no_grad():
            made = decode(encoder(pixels)[None])[0].clamp(0, 1)
        errors.append(((made - pixels)[3:] ** 2).mean().item())
        rows.append(judge(scene, made.permute(0, 2, 3, 1).numpy()))
    return mean(rows) | {"psnr": round(-10 * math.log10(float(np.mean(errors))), 2)}


def sheet(videos: list[np.ndarray], captions: list[str], path: Path, every: int = 4, columns: int = 9) -> None:
    """A picture with a row of frames for each video."""
    rows = []
    for video, text in zip(videos, captions):
        frames = [np.pad((np.clip(f, 0, 1) * 255).astype(np.uint8), ((1, 1), (1, 1), (0, 0))) for f in video[3::every][:columns]]
        row = np.concatenate(frames, 1)
        label = Image.new("RGB", (row.shape[1], 14), (30, 30, 30))
        ImageDraw.Draw(label).text((2, 1), text, fill=(255, 255, 255))
        rows += [np.array(label), row]
    Image.fromarray(np.concatenate(rows)).save(path)


def load(run: Path, weights: str) -> wan.Mini:
    state = torch.load(run / weights, map_location="cpu", weights_only=False)
    model = wan.Mini()
    model.load_state_dict({**state["model"], **state["average"]})
    return model.eval()


def load_decoder(run: Path, name: str):
    if (run / name).exists():
        decoder = Decoder()
        decoder.load_state_dict(torch.load(run / name, map_location="cpu")["average"])
        return decoder.eval()
    return LinearDecoder(Encoder(torch.load(run / "encoder.pt")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--weights", default="state.pt")
    parser.add_argument("--decoder", default="decoder.pt")
    parser.add_argument("--prompts", type=int, default=48)
    parser.add_argument("--chunks", type=int, default=3)
    parser.add_argument("--renoise", default="same", choices=["same", "fresh"])
    parser.add_argument("--steps", type=float, nargs="*", default=wan.STEPS)
    parser.add_argument("--ceiling", action="store_true", help="also score real clips")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    decode = load_decoder(args.run, args.decoder)
    if args.ceiling:
        print("real ", json.dumps(ceiling(Encoder(torch.load(args.run / "encoder.pt")), decode, args.prompts)), flush=True)
    if (args.run / args.weights).exists():
        means, _, _, captions, videos = score(load(args.run, args.weights), decode, args.prompts, args.chunks,
                                              steps=args.steps, renoise=args.renoise)
        print("model", json.dumps(means), flush=True)
        if args.sheet:
            sheet(videos[:16], captions[:16], args.sheet)


if __name__ == "__main__":
    main()
