"""The world that `mini` knows: flat shapes on a torus, with captions and masks.

Everything is procedural and follows from a seed. The world is simple on purpose, because training time is scarce:

* 128×128 pixels, 16 frames a second, four frames to a latent frame, and the picture is a torus (what leaves on one side
  comes back on the other), so that a motion can go on for ever;
* an object starts in the middle of one of the 8×8 tokens (16 pixels each) and moves 8 pixels per latent frame, so in
  latent space a moving object is the same pattern, shifted by exactly one cell;
* a second object starts at the opposite point of the torus, and both keep to lanes, so that they never cover each other;
* what a caption leaves out has a default: a still object, a plain black background.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

SIDE = 128                # pixels
CELL = 8                  # pixels of a latent cell
GRID = SIDE // CELL       # 16 cells
TOKENS = GRID // 2        # 8 tokens
FRAMES = 4                # frames of a latent frame
SPIN_STEPS = 12           # latent frames of one turn

COLORS = {
    "red": (230, 45, 45), "orange": (245, 140, 30), "yellow": (245, 220, 50), "green": (50, 190, 70),
    "cyan": (50, 210, 220), "blue": (50, 90, 235), "purple": (160, 60, 215), "white": (240, 240, 240),
}
BACKGROUNDS = {
    "black": (8, 8, 10), "gray": (75, 75, 80), "dark red": (80, 15, 20), "dark green": (12, 70, 30),
    "dark blue": (15, 25, 90), "dark purple": (60, 15, 80),
}
SHAPES = ["circle", "square", "triangle", "cross"]
RADII = {False: 20.0, True: 27.0}    # is it large?
MOTIONS = ["still", "spinning", "moving left", "moving right", "moving up", "moving down"]
STEPS = {"moving left": (0, -1), "moving right": (0, 1), "moving up": (-1, 0), "moving down": (1, 0)}  # cells per latent
HORIZONTAL = ["still", "spinning", "moving left", "moving right"]
VERTICAL = ["still", "spinning", "moving up", "moving down"]

SPECIAL = ["<pad>", "</s>", "<unk>"]
WORDS = SPECIAL + """a an and is are over on in with , background field gradient large moving left right up down spinning
 still both dark""".split() + list(COLORS) + ["black", "gray"] + SHAPES
VOCABULARY = {word: i for i, word in enumerate(WORDS)}
TEXT_LEN = 24


@dataclass(frozen=True)
class Thing:
    """One object. `motion` is one of MOTIONS."""

    shape: str
    color: str
    motion: str
    large: bool


@dataclass(frozen=True)
class Scene:
    """One or two objects before a background."""

    things: tuple[Thing, ...]
    background: str
    gradient: bool


# ---------------------------------------------------------------------------------------------------- held-out prompts


def is_held_out(scene: Scene) -> bool:
    """Whether training never sees this scene: one in eight of the triples colour, shape, motion, and of pairs of colours."""
    def triple(t: Thing) -> int:
        return list(COLORS).index(t.color) + 2 * SHAPES.index(t.shape) + 3 * MOTIONS.index(t.motion)

    if any(triple(t) % 8 == 0 for t in scene.things):
        return True
    if len(scene.things) == 2:
        a, b = (list(COLORS).index(t.color) for t in scene.things)
        return (a + 3 * b) % 8 == 1
    return False


def sample_thing(rng: random.Random, motions: list[str], color: str) -> Thing:
    shape = rng.choice(SHAPES)
    if shape == "circle":  # nobody sees a circle spin
        motions = [m for m in motions if m != "spinning"]
    return Thing(shape, color, rng.choice(motions), rng.random() < 0.3)


def sample_scene(rng: random.Random, held_out: bool | None = False, pairs: float = 0.35) -> Scene:
    """A random scene; `held_out` chooses the side of the split (None: either), `pairs` is the share of two objects."""
    count = 2 if rng.random() < pairs else 1
    while True:
        colors = rng.sample(list(COLORS), count)
        lanes = MOTIONS if count == 1 else rng.choice([HORIZONTAL, VERTICAL])
        things = [sample_thing(rng, lanes, c) for c in colors]
        if count == 2 and rng.random() < 0.4 and not (things[0].motion == "spinning" and things[1].shape == "circle"):
            things[1] = Thing(things[1].shape, things[1].color, things[0].motion, things[1].large)
        scene = Scene(tuple(things), rng.choice(list(BACKGROUNDS)), rng.random() < 0.35)
        if held_out is None or is_held_out(scene) == held_out:
            return scene


# ------------------------------------------------------------------------------------------------------------- captions

# A reference ties a word of the caption to what it names: (word index, 0 or 1 = the object, 2 = the background, kind).
Reference = tuple[int, int, str]


def caption(scene: Scene, rng: random.Random, plain: bool = False) -> tuple[list[str], list[Reference]]:
    """Words and references. `plain` gives the one canonical order, with nothing left out."""
    def noun(i: int) -> list:
        thing = scene.things[i]
        words = [("large", None)] if thing.large else []
        words += [(thing.color, (i, "color")), (thing.shape, (i, "shape"))]
        return [("an" if words[0][0] == "orange" else "a", None)] + words

    def verb(i: int, leave_out: bool = True) -> list:
        thing = scene.things[i]
        if thing.motion == "still" and leave_out and not plain and rng.random() < 0.2:
            return []
        return [(w, (i, "motion")) for w in thing.motion.split()]

    def ground(preposition: str | None) -> list:
        words = [(preposition, None), ("a", None)] if preposition else []
        words += [(w, (2, "background")) for w in scene.background.split()]
        return words + [("gradient" if scene.gradient else "background" if plain or rng.random() < 0.8 else "field", None)]

    def maybe(word: str, chance: float) -> list:
        return [(word, None)] if not plain and rng.random() < chance else []

    if len(scene.things) == 1:
        body = noun(0)
        motion = verb(0)
        body += (maybe("is", 0.15) if motion else []) + motion
    elif scene.things[0].motion == scene.things[1].motion and (plain or rng.random() < 0.7):
        body = noun(0) + [("and", None)] + noun(1) + maybe("are", 0.15) + maybe("both", 0.1)
        motion = verb(0, leave_out=False)
        body += [(w, None) for w, _ in motion]
    else:
        body = noun(0) + verb(0) + [("and", None)] + noun(1) + verb(1)

    order = 0.0 if plain else rng.random()
    if not plain and scene.background == "black" and not scene.gradient and rng.random() < 0.3:
        sequence = body
    elif order < 0.7:
        sequence = body + ground("over" if plain else rng.choice(["over", "over", "on", "with", "in"]))
    elif order < 0.85:
        sequence = ground("over") + [(",", None)] + body
    else:
        sequence = body + [(",", None)] + ground(None)
    if not plain and rng.random() < 0.08:  # a word that the model does not know must do no harm
        sequence.insert(rng.randrange(len(sequence) + 1), ("<unk>", None))
    return [w for w, _ in sequence], [(i, *ref) for i, (_, ref) in enumerate(sequence) if ref]


def encode(words: list[str]) -> list[int]:
    """Token ids, `</s>` at the end, padded to TEXT_LEN."""
    ids = [VOCABULARY.get(w, 2) for w in words][: TEXT_LEN - 1] + [1]
    return ids + [0] * (TEXT_LEN - len(ids))


def encode_text(text: str) -> list[int]:
    return encode(text.lower().replace(",", " , ").split())


# ------------------------------------------------------------------------------------------------------------ rendering


def signed_distance(shape: str, x, y, r: float):
    """Distance in pixels to the outline of a shape of radius r around the origin, negative inside."""
    if shape == "circle":
        return np.sqrt(x * x + y * y) - r
    if shape == "square":
        return np.maximum(np.abs(x), np.abs(y)) - 0.86 * r
    if shape == "triangle":
        k = math.sqrt(3) / 2
        return np.maximum(np.maximum(k * x - 0.5 * y, -k * x - 0.5 * y), y) - 0.56 * r
    ax, ay = np.abs(x), np.abs(y)
    arm = 0.36 * r
    return np.minimum(np.maximum(ax - arm, ay - r), np.maximum(ax - r, ay - arm))


def mask(shape: str, r: float, cx: float = 0.0, cy: float = 0.0, degrees: float = 0.0) -> np.ndarray:
    """Coverage 0..1 of a shape, [SIDE, SIDE]; its centre lies at the middle of the picture plus (cx, cy) pixels."""
    at = np.arange(SIDE, dtype=np.float32) + 0.5 - SIDE / 2
    x, y = at[None, :] - cx, at[:, None] - cy
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.clip(0.5 - signed_distance(shape, c * x + s * y, c * y - s * x, r), 0, 1).astype(np.float32)


# What an object does within one latent frame: stand still, go one of four ways, or be at one of the steps of its turn.
PHASES = ["still", "moving left", "moving right", "moving up", "moving down"] + [f"spin {i}" for i in range(SPIN_STEPS)]
SPRITES = [(shape, large, phase) for shape in SHAPES for large in (False, True) for phase in PHASES]
SPRITE_INDEX = {sprite: i for i, sprite in enumerate(SPRITES)}


@lru_cache(1)
def sprites() -> np.ndarray:
    """Masks of all SPRITES around the middle of the picture, f32 [sprites, FRAMES, SIDE, SIDE]."""
    def frame(shape: str, large: bool, phase: str, t: int) -> np.ndarray:
        late = t - (FRAMES - 1) / 2  # frames since the middle of the latent frame, where the object is on the lattice
        if phase.startswith("spin"):
            return mask(shape, RADII[large], degrees=360 / SPIN_STEPS * (int(phase[5:]) + late / FRAMES))
        dy, dx = STEPS.get(phase, (0, 0))
        return mask(shape, RADII[large], dx * CELL / FRAMES * late, dy * CELL / FRAMES * late)

    return np.stack([np.stack([frame(*sprite, t) for t in range(FRAMES)]) for sprite in SPRITES])


def sprite_of(thing: Thing, latent: int) -> int:
    """Index of the sprite that an object shows in a latent frame, counted from the start of the clip."""
    phase = f"spin {latent % SPIN_STEPS}" if thing.motion == "spinning" else thing.motion
    return SPRITE_INDEX[thing.shape, thing.large, phase]


def place_of(scene: Scene, index: int, start: tuple[int, int], latent: int) -> tuple[int, int]:
    """By how many cells an object's sprite is rolled down and right. `start` is the token of the first object."""
    half = TOKENS // 2 if index else 0
    dy, dx = STEPS.get(scene.things[index].motion, (0, 0))
    cell = [2 * (s + half) + 1 - GRID // 2 + d * latent for s, d in zip(start, (dy, dx))]
    return cell[0] % GRID, cell[1] % GRID


def ramp(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """The background's colour as (constant, slope per pixel row), RGB in 0..1."""
    color = np.array(BACKGROUNDS[scene.background], np.float32) / 255
    if not scene.gradient:
        return color, np.zeros(3, np.float32)
    return 0.35 * color, (1.5 * color + 25 / 255) / SIDE


def background(scene: Scene) -> np.ndarray:
    """f32 [SIDE, SIDE, 3] in 0..1."""
    constant, slope = ramp(scene)
    rows = np.arange(SIDE, dtype=np.float32)[:, None, None]
    return np.broadcast_to(constant + slope * rows, (SIDE, SIDE, 3)).astype(np.float32)


def render(scene: Scene, start: tuple[int, int], first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` latent frames of a clip from latent frame `first`: video [FRAMES·count, SIDE, SIDE, 3] in 0..1 and the
    objects' masks [2, FRAMES·count, SIDE, SIDE]."""
    video = np.repeat(background(scene)[None], FRAMES * count, 0)
    masks = np.zeros((2, FRAMES * count, SIDE, SIDE), np.float32)
    for i, thing in enumerate(scene.things):
        color = np.array(COLORS[thing.color], np.float32) / 255
        for k in range(count):
            dy, dx = place_of(scene, i, start, first + k)
            m = np.roll(sprites()[sprite_of(thing, first + k)], (dy * CELL, dx * CELL), (1, 2))
            masks[i, FRAMES * k : FRAMES * (k + 1)] = m
            part = video[FRAMES * k : FRAMES * (k + 1)]
            part += m[..., None] * (color - part)
    return video, masks
