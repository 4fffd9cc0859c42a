"""Scores on held-out prompts, with the same detectors' opinion of real clips beside them.

    python evaluate.py RUN_DIR [--weights state.pt] [--decoder decoder.pt] [--prompts 48] [--sheet sheet.png]

One frame of every latent frame but the first is looked at, at half size. The detector knows the world: it lays all 40 things in
all 9 looks over the prompt's ground and takes what is nearest to the picture.

| score    | what counts as right, per sampled frame (or per clip)                                                         |
|----------|---------------------------------------------------------------------------------------------------------------|
| ground   | of all grounds the prompt's is nearest to what is not within a thing's square                                   |
| thing    | of all things in all looks, one of the prompt's name is nearest to the picture, where the prompt's thing fits best |
| look     | of all looks of the prompt's thing, the prompt's is nearest, or one that can hardly be told from it             |
| place    | clip: in the first sampled frame the thing is at the token that the noise chose                                 |
| motion   | clip: the median displacement per latent frame is the prompt's; two that meet are together at the end            |
| binding  | two different things, clip: both are right, with their looks, in most frames                                    |
| pointing | the maximum of a look's or thing's cross-attention map (heads and middle layers averaged, last step) lies on the thing |
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

import latents
import model as wan
import train
import world
from autoencoder import Decoder, Encoder

SAME = 0.05    # root mean square difference under which two looks of a thing are the same to an eye
HALF = world.PATCH // 2


class LinearDecoder:
    """Shows latents when no decoder is trained yet: the transpose of the encoder's projection."""

    def __init__(self, encoder: Encoder):
        self.encoder = encoder

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        e = self.encoder.linear
        x = torch.einsum("bc,ntchw->ntbhw", torch.linalg.pinv(e.weight), z / self.encoder.gain - e.bias[:, None, None])
        n, t, _, h, w = x.shape
        return torch.pixel_shuffle(x.reshape(n, t * world.FRAMES, 3 * world.CELL**2, h, w), world.CELL)


def test_scenes(count: int, seed: int = 777) -> list[world.Scene]:
    """Held-out scenes, every third with two things."""
    rng = random.Random(seed)
    return [world.sample_scene(rng, held_out=True, pairs=float(i % 3 == 2)) for i in range(count)]


def test_caption(scene: world.Scene, rng: random.Random):
    while True:
        words, refs = world.caption(scene, rng)
        if "<unk>" not in words:
            return words, refs


# --------------------------------------------------------------------------------------------------------- detectors


def halved(x: np.ndarray) -> np.ndarray:
    """[..., H, W, C] at half size."""
    return x.reshape(*x.shape[:-3], x.shape[-3] // 2, 2, x.shape[-2] // 2, 2, x.shape[-1]).mean((-4, -2))


@lru_cache(1)
def things() -> tuple[np.ndarray, np.ndarray]:
    """All things in all looks, [things, looks, 32, 32, 3], and their coverage [things, 32, 32, 1], at half size."""
    colors, covers = world.sprites()
    return halved(colors), halved(covers[..., None])


@lru_cache(None)
def ground(name: str) -> np.ndarray:
    return halved(world.ground(name))


def around(token: tuple[int, int], shift: tuple[int, int] = (0, 0)) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns, on the torus, of the square [HALF, HALF] around a token's middle, of a picture at half size."""
    rows, columns = ((8 * t + 4 - HALF // 2 + s // 2 + np.arange(HALF)) % (world.SIDE // 2) for t, s in zip(token, shift))
    return rows, columns


def graded(picture: np.ndarray, scene: world.Scene) -> np.ndarray:
    return grade(picture) if scene.cinematic else picture


def grade(picture: np.ndarray) -> np.ndarray:
    """A cinematic picture at half size, without its bars."""
    whole = np.concatenate([np.zeros((*picture.shape[:-3], world.BAR, *picture.shape[-2:]), picture.dtype), picture,
                            np.zeros((*picture.shape[:-3], world.BAR, *picture.shape[-2:]), picture.dtype)], -3)
    return world.cinematic(whole)[..., world.BAR : -world.BAR, :, :]


def seen(scene: world.Scene) -> np.ndarray:
    """The pixels of a picture at half size that no bar covers, [64, 1]."""
    bar, side = world.BAR // 2, world.SIDE // 2
    rows = np.arange(side)[:, None]
    return (rows >= bar) & (rows < side - bar) if scene.cinematic else rows >= 0


def gains(frame: np.ndarray, scene: world.Scene, index: int, motion: str) -> np.ndarray:
    """How much of the picture it explains to lay the thing over the ground, for each token, [8, 8]."""
    colors, covers = things()
    thing = scene.things[index]
    i, j = world.THINGS.index(thing.name), world.LOOKS.index(thing.look)
    shift, under = world.shift_of(motion, 2), ground(scene.ground)
    bare = graded(under, scene)
    base = (frame - bare) ** 2
    out = np.zeros((world.TOKENS, world.TOKENS))
    for token in np.ndindex(out.shape):
        at = np.ix_(*around(token, shift))
        laid = graded(colors[i, j] + (1 - covers[i]) * under[at], scene)
        visible = np.broadcast_to(seen(scene)[at[0][:, 0]], (HALF, HALF))[..., None]
        out[token] = ((base[at] - (frame[at] - laid) ** 2) * visible).sum()
    return out


def find(frame: np.ndarray, scene: world.Scene, motions: list[str]) -> list[tuple[int, int]]:
    """The token of each thing: together they explain most of the picture, at least two tokens apart."""
    each = [gains(frame, scene, i, m).flatten() for i, m in enumerate(motions)]
    if len(each) == 1:
        return [divmod(int(each[0].argmax()), world.TOKENS)]
    both = each[0][:, None] + each[1][None]
    at = np.arange(world.TOKENS**2)
    apart = lambda x: np.minimum((x[:, None] - x[None]) % world.TOKENS, (x[None] - x[:, None]) % world.TOKENS)
    both[np.maximum(apart(at // world.TOKENS), apart(at % world.TOKENS)) < 2] = -1e9
    return [divmod(int(k), world.TOKENS) for k in divmod(int(both.argmax()), world.TOKENS**2)]


def look(frame: np.ndarray, scene: world.Scene, index: int, tokens: list[tuple[int, int]], motions: list[str]) -> tuple[bool, bool]:
    """Whether the thing at a token is the right one, and whether the look is right. What the other thing covers is left out."""
    colors, covers = things()
    thing = scene.things[index]
    i, j = world.THINGS.index(thing.name), world.LOOKS.index(thing.look)
    at = np.ix_(*around(tokens[index], world.shift_of(motions[index], 2)))
    visible = np.broadcast_to(seen(scene), (world.SIDE // 2,) * 2).copy()
    if len(tokens) == 2:
        other = np.ix_(*around(tokens[1 - index], world.shift_of(motions[1 - index], 2)))
        visible[other] &= covers[world.THINGS.index(scene.things[1 - index].name), ..., 0] < 0.05
    weight = visible[at][..., None].astype(np.float32)
    all_of_them = graded(colors + ((1 - covers) * ground(scene.ground)[at])[:, None], scene)
    error = (((all_of_them - frame[at]) ** 2) * weight).sum((2, 3, 4))
    mine = int(error[i].argmin())
    bare = (((graded(ground(scene.ground)[at], scene) - frame[at]) ** 2) * weight).sum()
    there = error[i, mine] < bare   # a thing that fits worse than the bare ground is not there, nor is its look
    alike = (((all_of_them[i, mine] - all_of_them[i, j]) ** 2) * weight).sum() / max(1.0, 3 * (covers[i] * weight).sum())
    return there and int(error.min(1).argmin()) == i, there and (mine == j or math.sqrt(float(alike)) < SAME)


def judge(scene: world.Scene, video: np.ndarray, start: tuple[int, int]):
    """Scores of a video [frames, SIDE, SIDE, 3], and where each thing was found in each sampled frame."""
    frames = [halved(np.clip(video[i], 0, 1)) for i in range(world.FRAMES + 2, len(video), world.FRAMES)]
    count = len(scene.things)
    motions = [[world.motion_at(scene, i, k + 1) for i in range(count)] for k in range(len(frames))]
    expected = [[tuple((c // 2 + 2) % world.TOKENS for c in world.place_of(scene, i, start, k + 1)) for i in range(count)]
                for k in range(len(frames))]
    found = [find(f, scene, m) for f, m in zip(frames, motions)]
    if scene.twins:   # which is which nobody can tell
        far = lambda at, wanted: sum((min((a - b) % 8, (b - a) % 8)) for p, q in zip(at, wanted) for a, b in zip(p, q))
        found = [min((at, at[::-1]), key=lambda x: far(x, wanted)) for at, wanted in zip(found, expected)]
    scores = {n: [] for n in ("thing", "look", "place", "motion", "ground")}
    own = []
    half = world.TOKENS // 2
    step = lambda a, b: tuple((q - p + half) % world.TOKENS - half for p, q in zip(a, b))
    for i, thing in enumerate(scene.things):
        verdicts = [look(f, scene, i, at, m) for f, at, m in zip(frames, found, motions)]
        scores["thing"] += [float(v[0]) for v in verdicts]
        scores["look"] += [float(v[1]) for v in verdicts]
        scores["place"].append(float(found[0][i] == expected[0][i]))
        if thing.motion == world.MEETING:   # together at the end
            met = [step(at[0], at[1]) for at in found[-3:]]
            scores["motion"].append(float(all(abs(dy) == 0 and abs(dx) == 2 for dy, dx in met)))
        else:
            moves = [step(a[i], b[i]) for a, b in zip(found, found[1:])]
            wanted = np.array(world.STEPS.get(thing.motion, (0, 0))) * world.SPEED // 2
            scores["motion"].append(float((np.median(moves, 0) == wanted).all()))
        own.append(np.mean([v[0] and v[1] for v in verdicts]) > 0.5)
    if count == 2 and not scene.twins:
        scores["binding"] = [float(all(own))]
    for frame, at, moved in zip(frames, found, motions):
        free = np.broadcast_to(np.ones((world.SIDE // 2, 1), bool), (world.SIDE // 2,) * 2).copy()
        for token, m in zip(at, moved):
            free[np.ix_(*around(token, world.shift_of(m, 2)))] = False
        errors = [np.abs(frame - g)[free].mean() for g in all_grounds()]
        scores["ground"].append(float(int(np.argmin(errors)) == 2 * world.GROUNDS.index(scene.ground) + scene.cinematic))
    return scores, [[at[i] for at in found] for i in range(count)]


@lru_cache(1)
def all_grounds() -> list[np.ndarray]:
    return [halved(g) for name in world.GROUNDS for g in (world.ground(name), world.cinematic(world.ground(name).copy()))]


def pointing(refs, maps: list[torch.Tensor], found) -> list[float]:
    """`maps`: per layer [HEADS, CHUNK·64, TEXT_LEN] of the chunk that the video ends with."""
    average = torch.stack([maps[i].mean(0) for i in train.GROUNDED]).mean(0).view(wan.CHUNK, world.TOKENS**2, -1)
    hits = []
    for k in range(wan.CHUNK):
        near = lambda i, token: all(min((a - b) % 8, (b - a) % 8) <= 1 for a, b in zip(found[i][k - wan.CHUNK], token))
        for word, thing, kind in refs:
            if kind in ("look", "thing"):
                token = divmod(int(average[k, :, word].argmax()), world.TOKENS)
                hits.append(float(any(near(i, token) for i in ((0, 1) if thing == 3 else (thing,)))))
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
        noise = torch.randn(len(part), wan.CHUNK, wan.CHANNELS, world.GRID, world.GRID, generator=torch.Generator().manual_seed(seed + at))
        starts = latents.start_of(noise, [scenes[i] for i in part]).tolist()
        with torch.no_grad():
            made = decode(z).permute(0, 1, 3, 4, 2).numpy()
        for j, i in enumerate(part):
            row, found = judge(scenes[i], made[j], tuple(starts[j]))
            row["pointing"] = pointing(captions[i][1], [m[j] for m in maps[-1]], found)
            rows.append(row)
        videos += list(made)
    return mean(rows), rows, scenes, [" ".join(c[0]) for c in captions], videos


def ceiling(encoder: Encoder, decode, prompts: int = 48, latents: int = 9, seed: int = 5) -> dict[str, float]:
    """The same of real clips, encoded and decoded, and the decoder's PSNR on them, all of the picture and the things alone."""
    rng, rows, errors, inner = random.Random(seed), [], [], []
    for scene in test_scenes(prompts):
        start = tuple(rng.choice(np.argwhere(world.starts_of(scene)).tolist()))
        video, masks = world.render(scene, start, 0, latents)
        pixels = torch.from_numpy(video).permute(0, 3, 1, 2)
        with torch.no_grad():
            made = decode(encoder(pixels)[None])[0].clamp(0, 1)
        error = ((made - pixels)[3:] ** 2).mean(1)
        errors.append(error.mean().item())
        inner.append(error[torch.from_numpy(masks.max(0)[3:] > 0.5)].mean().item())
        rows.append(judge(scene, made.permute(0, 2, 3, 1).numpy(), start)[0])
    decibel = lambda e: round(-10 * math.log10(float(np.mean(e))), 2)
    return mean(rows) | {"psnr": decibel(errors), "psnr_things": decibel(inner)}


def sheet(videos: list[np.ndarray], captions: list[str], path: Path, every: int = 4, columns: int = 9) -> None:
    """A picture with a row of frames for each video."""
    rows = []
    for video, text in zip(videos, captions):
        frames = [np.pad((np.clip(f, 0, 1) * 255).astype(np.uint8), ((1, 1), (1, 1), (0, 0))) for f in video[3::every][:columns]]
        row = np.concatenate(frames, 1)
        label = Image.new("RGB", (row.shape[1], 14), (30, 30, 30))
        ImageDraw.Draw(label).text((2, 1), text, fill=(255, 255, 255))
        rows += [np.array(label), row]
    Image.fromarray(np.concatenate(rows)).save(path, optimize=True)


def tiles(model: wan.Mini, decode, prompts: list[str], path: Path, columns: int = 6, seed: int = 1, frame: int = 8, zoom: int = 1, **how) -> None:
    """A picture with one frame of each prompt."""
    z, _ = wan.generate(model, torch.tensor([world.encode_text(p) for p in prompts]), 1, seed=seed, **how)
    with torch.no_grad():
        made = decode(z).permute(0, 1, 3, 4, 2).clamp(0, 1).numpy()[:, frame]
    cells = []
    for image, text in zip(made, prompts):
        label = Image.new("RGB", (world.SIDE * zoom + 4, 14), (30, 30, 30))
        ImageDraw.Draw(label).text((2, 1), text[: 21 * zoom], fill=(255, 255, 255))
        picture = Image.fromarray((image * 255).astype(np.uint8)).resize((world.SIDE * zoom,) * 2, Image.Resampling.LANCZOS)
        cells.append(np.concatenate([np.array(label), np.pad(np.array(picture), ((1, 3), (2, 2), (0, 0)))], 0))
    cells += [np.zeros_like(cells[0])] * (-len(cells) % columns)
    Image.fromarray(np.concatenate([np.concatenate(cells[i : i + columns], 1) for i in range(0, len(cells), columns)])).save(path, optimize=True)


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
    return LinearDecoder(Encoder.load(run / "encoder.pt"))


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
        print("real ", json.dumps(ceiling(Encoder.load(args.run / "encoder.pt"), decode, args.prompts)), flush=True)
    if (args.run / args.weights).exists():
        means, _, _, captions, videos = score(load(args.run, args.weights), decode, args.prompts, args.chunks,
                                              steps=args.steps, renoise=args.renoise)
        print("model", json.dumps(means), flush=True)
        if args.sheet:
            sheet(videos[:16], captions[:16], args.sheet)


if __name__ == "__main__":
    main()
