"""The world that this mini knows: pictured things over plain, graded and pictured grounds, with captions and masks.

Everything follows from a seed and from `sprites.png`. What made flat shapes trainable on a CPU is kept:

* 128×128 pixels, 16 frames a second, four frames to a latent frame; things live on a torus (what leaves on one side comes back
  on the other), so that a motion can go on for ever; the ground stands still;
* a thing is 48 pixels wide: three of the 8×8 tokens of 16 pixels, with its middle in the middle of one; it moves one token per
  latent frame, so in latent space it is the same pattern of whole tokens, shifted;
* a second thing starts at the opposite point of the torus, and both keep to lanes, so that they never cover each other; only
  two that meet do: they come to one height, then together, and stay;
* what a caption leaves out has a default: a thing in its own colours, standing still, a plain black background.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from sprites import COLUMNS, SHEET, SIZE, names

SIDE = 128                # pixels
CELL = 8                  # pixels of a latent cell
GRID = SIDE // CELL       # 16 cells
TOKENS = GRID // 2        # 8 tokens
FRAMES = 4                # frames of a latent frame
PATCH = 64                # pixels of the square around a thing that its motion within a latent frame stays in
SPEED = 2                 # cells per latent frame: one token, so that a moving thing never lies between tokens

THINGS = names()
TINTS = {
    "red": (225, 40, 45), "orange": (250, 135, 25), "yellow": (250, 215, 40), "green": (45, 175, 70), "blue": (40, 95, 235),
    "purple": (150, 60, 210), "pink": (250, 120, 175), "white": (235, 235, 240),
}
LOOKS = ["", *TINTS]      # "" is a thing in its own colours
PLAIN = {
    "black": (10, 10, 12), "gray": (96, 96, 102), "white": (226, 226, 230), "red": (125, 26, 32), "green": (28, 92, 48),
    "blue": (34, 58, 145), "purple": (80, 34, 110),
}
PLACES = ["meadow", "night sky", "sea", "sunset"]
GROUNDS = [*PLAIN, *(f"{name} gradient" for name in PLAIN), *PLACES]
MOTIONS = ["still", "moving left", "moving right", "moving up", "moving down"]
MEETING = "meeting"       # of two things: what each does in latent frames 0, 1 and 2; then both stay
MEETINGS = (("moving down", "moving down", "moving right"), ("moving up", "moving up", "moving left"))
STEPS = {"moving left": (0, -1), "moving right": (0, 1), "moving up": (-1, 0), "moving down": (1, 0)}
HORIZONTAL = ["still", "moving left", "moving right"]
VERTICAL = ["still", "moving up", "moving down"]


def plural(thing: str) -> str:
    special = {"fish": "fishes", "fox": "foxes", "octopus": "octopuses", "butterfly": "butterflies", "kiss": "kisses",
               "cactus": "cactuses"}
    return special.get(thing, thing + "s")


SPECIAL = ["<pad>", "</s>", "<unk>"]
WORDS = list(dict.fromkeys(SPECIAL + """a an and is are over on in with before the two , background gradient moving left right up down
 still both meeting cinematic shot of""".split() + LOOKS[1:] + list(PLAIN) + [w for name in PLACES for w in name.split()]
 + [w for thing in THINGS for name in (thing, plural(thing)) for w in name.split()]))   # things last: a new one moves no other word
# Words that people type for others: they have the token of the other, and cost nothing.
SYNONYMS = {
    "football": "ball", "footballs": "balls", "kitten": "cat", "kittens": "cats", "kitty": "cat", "puppy": "dog", "puppies": "dogs",
    "doughnut": "donut", "doughnuts": "donuts", "ship": "boat", "ships": "boats", "sailboat": "boat", "sailboats": "boats",
    "lips": "kiss", "globe": "earth", "flame": "fire", "flames": "fires", "automobile": "car", "home": "house", "spaceship": "rocket",
    "toadstool": "mushroom", "saturn": "planet", "eyeball": "eye", "violet": "purple", "grey": "gray", "crimson": "red", "scarlet": "red",
    "magenta": "pink", "rosy": "pink", "golden": "yellow", "ocean": "sea", "water": "sea", "field": "meadow", "grass": "meadow", "garden": "meadow",
    "dusk": "sunset", "dawn": "sunset", "backdrop": "background", "above": "over", "against": "over", "at": "on", "under": "in",
    "moves": "moving", "flying": "moving", "sliding": "moving", "drifting": "moving", "floating": "moving", "going": "moving",
    "travelling": "moving", "rising": "up", "upwards": "up", "falling": "down", "downwards": "down", "leftwards": "left",
    "rightwards": "right", "motionless": "still", "standing": "still", "static": "still", "fixed": "still", "meet": "meeting",
    "meets": "meeting", "colliding": "meeting", "kissing": "meeting", "collide": "meeting", "collision": "meeting", "movie": "cinematic",
    "filmic": "cinematic", "one": "a", "some": "a", "this": "the", "2": "two",
}
VOCABULARY = {word: i for i, word in enumerate(WORDS)}
VOCABULARY |= {word: VOCABULARY[other] for word, other in SYNONYMS.items() if word not in VOCABULARY}
TEXT_LEN = 24


@dataclass(frozen=True)
class Thing:
    """One thing; `look` is one of LOOKS, `motion` of MOTIONS."""

    name: str
    look: str
    motion: str


@dataclass(frozen=True)
class Scene:
    """One or two things over one of GROUNDS; `cinematic`: graded, with bars."""

    things: tuple[Thing, ...]
    ground: str
    cinematic: bool = False

    @property
    def twins(self) -> bool:
        """Whether these are two of a kind."""
        return len(self.things) == 2 and self.things[0] == self.things[1]


# ---------------------------------------------------------------------------------------------------- held-out prompts


def is_held_out(scene: Scene) -> bool:
    """Whether training never sees this scene: one in eight of the triples thing, look, motion, and of ordered pairs of things."""
    def triple(t: Thing) -> int:
        motion = len(MOTIONS) if t.motion == MEETING else MOTIONS.index(t.motion)
        return 3 * THINGS.index(t.name) + 5 * LOOKS.index(t.look) + 2 * motion + THINGS.index(t.name) // 8

    if any(triple(t) % 8 == 0 for t in scene.things):
        return True
    if len(scene.things) == 2:
        a, b = (THINGS.index(t.name) for t in scene.things)
        return a != b and (a + 3 * b) % 8 == 1
    return False


PREFERRED: list[str] = []   # things that are drawn more often than others, in this share of scenes
PREFERENCE = 0.0


def sample_scene(rng: random.Random, held_out: bool | None = False, pairs: float = 0.4) -> Scene:
    """A random scene; `held_out` chooses the side of the split (None: either), `pairs` is the share of two things. What cannot
    be told from its ground is not drawn."""
    look = lambda: "" if rng.random() < 0.45 else rng.choice(LOOKS[1:])
    motion = lambda lanes: "still" if rng.random() < 0.25 else rng.choice(lanes)
    while True:
        if rng.random() >= pairs:
            things = (Thing(rng.choice(THINGS), look(), motion(MOTIONS)),)
        elif rng.random() < 0.2:  # two of a kind
            things = (Thing(rng.choice(THINGS), look(), MEETING if rng.random() < 0.2 else motion(MOTIONS)),) * 2
        else:
            lanes = rng.choice([HORIZONTAL, VERTICAL])
            a, b = rng.sample(THINGS, 2)
            if rng.random() < 0.2:
                things = Thing(a, look(), MEETING), Thing(b, look(), MEETING)
            else:
                first = Thing(a, look(), motion(lanes))
                things = (first, Thing(b, look(), first.motion if rng.random() < 0.4 else motion(lanes)))
        kind = rng.random()
        name = rng.choice(list(PLAIN))
        ground = name if kind < 0.45 else f"{name} gradient" if kind < 0.65 else rng.choice(PLACES)
        scene = Scene(things, ground, rng.random() < 0.1)
        if PREFERRED and rng.random() < PREFERENCE and not any(t.name in PREFERRED for t in things):
            continue
        if (held_out is None or is_held_out(scene) == held_out) and all(contrast(t.name, t.look, ground) > 0.1 for t in things):
            return scene


# ------------------------------------------------------------------------------------------------------------- captions

# A reference ties a word of the caption to what it names: (word index, 0 or 1 = the thing, 2 = the ground, kind).
# Of two of a kind both are named by one word: index 3.
Reference = tuple[int, int, str]


def caption(scene: Scene, rng: random.Random, plain: bool = False) -> tuple[list[str], list[Reference]]:
    """Words and references. `plain` gives the one canonical order, with nothing left out."""
    twins = scene.twins

    def noun(i: int) -> list:
        thing = scene.things[i]
        of = 3 if twins else i
        words = [(thing.look, (of, "look"))] if thing.look else []
        name = (plural(thing.name) if twins else thing.name).split()
        if len(name) == 2 and not plain and rng.random() < 0.25:   # a ball is a soccer ball
            name = name[1:]
        words += [(w, (of, "thing")) for w in name]
        return [("two" if twins else "an" if words[0][0][0] in "aeiou" else "a", None)] + words

    def verb(i: int, leave_out: bool = True) -> list:
        thing = scene.things[i]
        if thing.motion == "still" and (leave_out and not plain and rng.random() < 0.6):
            return []
        return [(w, (i, "motion")) for w in thing.motion.split()]

    def ground(preposition: str | None) -> list:
        if scene.ground in PLACES:
            article = "the" if scene.ground in ("sea", "night sky") and rng.random() < 0.8 else "a"
            words = [(preposition, None), (article, None)] if preposition else [(article, None)]
            return words + [(w, (2, "ground")) for w in scene.ground.split()]
        words = [(preposition, None), ("a", None)] if preposition else [("a", None)]
        name, *graded = scene.ground.split()
        return words + [(name, (2, "ground")), ("gradient" if graded else "background", None)]

    def maybe(word: str, chance: float) -> list:
        return [(word, None)] if not plain and rng.random() < chance else []

    if len(scene.things) == 1:
        body = noun(0)
        motion = verb(0)
        body += (maybe("is", 0.1) if motion else []) + motion
    elif twins:
        body = noun(0)
        motion = verb(0)
        body += (maybe("are", 0.1) + maybe("both", 0.1) if motion else []) + [(w, None) for w, _ in motion]
    elif scene.things[0].motion == MEETING and not plain and rng.random() < 0.4:   # a cat meeting a dog
        body = noun(0) + [(MEETING, None)] + noun(1)
    elif scene.things[0].motion == scene.things[1].motion and (plain or scene.things[0].motion == MEETING or rng.random() < 0.7):
        body = noun(0) + [("and", None)] + noun(1)
        motion = verb(0)
        body += (maybe("are", 0.1) + maybe("both", 0.1) if motion else []) + [(w, None) for w, _ in motion]
    else:
        body = noun(0) + verb(0, leave_out=False) + [("and", None)] + noun(1) + verb(1, leave_out=False)

    order = 0.0 if plain else rng.random()
    if not plain and scene.ground == "black" and rng.random() < 0.4:
        sequence = body
    elif order < 0.8:
        sequence = body + ground("over" if plain else rng.choice(["over", "over", "over", "on", "with", "in", "before"]))
    elif order < 0.9:
        sequence = ground("over") + [(",", None)] + body
    else:
        sequence = body + [(",", None)] + ground(None)
    if scene.cinematic:
        how = 0.0 if plain else rng.random()
        word = [("cinematic", None)]
        sequence = (word + [("shot", None), ("of", None)] + sequence if how < 0.4 else word + [(",", None)] + sequence if how < 0.6
                    else sequence + [(",", None)] + word)
    if not plain and rng.random() < 0.05:  # a word that the model does not know must do no harm
        sequence.insert(rng.randrange(len(sequence) + 1), ("<unk>", None))
    return [w for w, _ in sequence], [(i, *ref) for i, (_, ref) in enumerate(sequence) if ref]


def encode(words: list[str]) -> list[int]:
    """Token ids, `</s>` at the end, padded to TEXT_LEN."""
    ids = [VOCABULARY.get(w, 2) for w in words][: TEXT_LEN - 1] + [1]
    return ids + [0] * (TEXT_LEN - len(ids))


def encode_text(text: str) -> list[int]:
    return encode(text.lower().replace(",", " , ").split())


# --------------------------------------------------------------------------------------------------------------- things


def tint(pixels: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """RGB [..., 3] in 0..1 in shades of a colour: darkness stays dark, brightness becomes a light shade. Green leaves of what
    is not green itself stay as they are: a purple tulip has a green stem."""
    rgb, alpha = pixels[..., :3], pixels[..., 3]
    light = rgb @ np.array([0.3, 0.59, 0.11], np.float32)
    high, low = rgb.max(-1), rgb.min(-1)
    colorful = (high - low) / np.maximum(high, 1e-3) > 0.3
    green = (rgb[..., 1] >= high - 1e-6) & colorful & (rgb[..., 1] > rgb[..., 0] * 1.12) & (rgb[..., 1] > rgb[..., 2] * 1.12)
    leaves = green & (alpha > 0)
    if (leaves * alpha).sum() > 0.5 * alpha.sum():
        leaves = np.zeros_like(leaves)
    body = (alpha > 0.5) & ~leaves & (light > 0.12)
    middle = np.median(light[body])
    shade = np.clip(light ** (np.log(0.5) / np.log(np.clip(middle, 0.2, 0.95))), 0, 1)[..., None]   # the median becomes a half
    full = np.array(color, np.float32) / 255
    dark, pale = 0.12 * full, 0.35 * full + 0.65
    out = np.where(shade < 0.5, dark + (full - dark) * (shade / 0.5), full + (pale - full) * ((shade - 0.5) / 0.5))
    return np.where(leaves[..., None], rgb, out)


@lru_cache(1)
def sprites() -> tuple[np.ndarray, np.ndarray]:
    """Colours times coverage, f32 [things, looks, PATCH, PATCH, 3], and coverage [things, PATCH, PATCH], of things in the
    middle of a patch."""
    sheet = np.asarray(Image.open(SHEET), np.float32) / 255
    colors = np.zeros((len(THINGS), len(LOOKS), PATCH, PATCH, 3), np.float32)
    covers = np.zeros((len(THINGS), PATCH, PATCH), np.float32)
    inner = slice((PATCH - SIZE) // 2, (PATCH + SIZE) // 2)
    for i in range(len(THINGS)):
        y, x = i // COLUMNS * SIZE, i % COLUMNS * SIZE
        pixels = sheet[y : y + SIZE, x : x + SIZE]
        covers[i, inner, inner] = pixels[..., 3]
        for j, look in enumerate(LOOKS):
            rgb = tint(pixels, TINTS[look]) if look else pixels[..., :3]
            colors[i, j, inner, inner] = rgb * pixels[..., 3:]
    return colors, covers


def shift_of(motion: str, frame: int) -> tuple[int, int]:
    """Where a thing is in a frame of a latent frame, in pixels (down, right) from where the latent frame has it."""
    late = SPEED * CELL * (2 * frame - (FRAMES - 1)) // (2 * FRAMES)   # −6, −2, 2, 6
    dy, dx = STEPS.get(motion, (0, 0))
    return dy * late, dx * late


def motion_at(scene: Scene, index: int, latent: int) -> str:
    """What a thing does in a latent frame, one of MOTIONS."""
    motion = scene.things[index].motion
    if motion == MEETING:
        return MEETINGS[index][latent] if latent < len(MEETINGS[index]) else "still"
    return motion


def place_of(scene: Scene, index: int, start: tuple[int, int], latent: int) -> tuple[int, int]:
    """The cell (row, column) of the upper left corner of a thing's patch. `start` is the token of the first thing's middle."""
    if scene.things[index].motion == MEETING:
        steps = [STEPS[m] for m in MEETINGS[index][:latent]]
    else:
        steps = [tuple(d * latent for d in STEPS.get(scene.things[index].motion, (0, 0)))]
    half = TOKENS // 2 if index else 0
    cell = [2 * (s + half) + 1 - PATCH // CELL // 2 + SPEED * sum(d) for s, d in zip(start, zip(*steps) if steps else ((0,), (0,)))]
    return cell[0] % GRID, cell[1] % GRID


def starts_of(scene: Scene) -> np.ndarray:
    """Where the first thing may start, bool [TOKENS, TOKENS]: nothing is to be cut by the picture's edge, two things that meet
    are to meet inside it."""
    at = np.arange(TOKENS)
    near, away = np.isin(at, (1, 2)), (at > 0) & (at < TOKENS - 1)
    pair = np.isin(at, (1, 2, 5, 6))
    one = near if scene.things[0].motion == MEETING else pair if len(scene.things) == 2 else away
    return one[:, None] & one[None]


# -------------------------------------------------------------------------------------------------------------- grounds


def _stops(*stops: tuple[float, tuple[int, int, int]]) -> np.ndarray:
    """A vertical gradient through colours at heights 0..1, [SIDE, 1, 3]."""
    at = (np.arange(SIDE) + 0.5) / SIDE
    where, colors = zip(*stops)
    return np.stack([np.interp(at, where, [c[k] / 255 for c in colors]) for k in range(3)], -1)[:, None].astype(np.float32)


def _blend(image: np.ndarray, cover: np.ndarray, color: tuple[int, int, int]) -> None:
    image += np.clip(cover, 0, 1)[..., None] * (np.array(color, np.float32) / 255 - image)


def _place(name: str) -> np.ndarray:
    """Pictured grounds: everything repeats after a token (16 pixels) to the right, and after nothing downwards."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) + 0.5
    wave = lambda period, phase=0.0: np.sin(2 * np.pi * (x / period + phase))
    dot = lambda cy, cx, r: 1.0 - (np.hypot((y - cy), (x - cx + 8) % 16 - 8) - r)
    if name == "meadow":
        image = np.repeat(_stops((0, (120, 185, 235)), (0.4, (205, 232, 240)), (0.41, (120, 180, 80)), (1, (38, 110, 40))), SIDE, 1)
        _blend(image, 0.9 * (y - (SIDE * 0.41 + 2.0 * wave(16))) * (y < SIDE * 0.5), (112, 174, 76))      # soft hills
        for row in range(4, 8):   # blades of grass and flowers, larger towards the viewer
            cy, r = 16 * row + 6, 1.0 + 0.35 * (row - 4)
            _blend(image, 0.55 * (1.2 - np.abs(x % 16 - 5 - (y - cy) * 0.3)) * (np.abs(y - cy) < 3 + row / 2), (60, 140, 50))
            _blend(image, 0.55 * (1.2 - np.abs(x % 16 - 9 + (y - cy) * 0.3)) * (np.abs(y - cy) < 3 + row / 2), (150, 205, 95))
            _blend(image, dot(cy + 5, (3 + 7 * row) % 16, r + 0.6), (255, 250, 235) if row % 2 else (250, 215, 80))
    elif name == "night sky":
        image = np.repeat(_stops((0, (8, 10, 34)), (0.7, (24, 30, 82)), (1, (70, 58, 120))), SIDE, 1)
        for row in range(8):
            _blend(image, dot(16 * row + (5, 11, 8, 3, 12, 6, 9, 4)[row], (3, 12, 6, 14, 1, 9, 4, 11)[row], 0.9 - 0.05 * row), (255, 250, 225))
            _blend(image, 0.5 * dot(16 * row + (13, 4, 15, 9, 5, 14, 2, 11)[row], (11, 5, 14, 7, 9, 2, 13, 5)[row], 0.4), (200, 215, 255))
    elif name == "sea":
        image = np.repeat(_stops((0, (150, 205, 240)), (0.25, (225, 240, 245)), (0.26, (40, 130, 180)), (1, (8, 48, 100))), SIDE, 1)
        for row in range(2, 8):
            cy, high = 16 * row + 8, 1.0 + 0.25 * row
            crest = cy + high * wave(16, 0.31 * row)
            _blend(image, (0.45 + 0.04 * row) * (1.4 - np.abs(y - crest) / (0.8 + 0.1 * row)), (170, 222, 235))
    else:
        image = np.repeat(_stops((0, (60, 40, 110)), (0.35, (190, 70, 110)), (0.6, (250, 140, 70)), (0.74, (255, 215, 120)),
                                 (0.75, (120, 60, 90)), (1, (40, 22, 60))), SIDE, 1)
        for row in range(6, 8):
            _blend(image, 0.8 * (1.3 - np.abs(y - (16 * row + 6 + 0.8 * wave(16, 0.4 * row)))), (255, 190, 120))
            _blend(image, 0.5 * (1.3 - np.abs(y - (16 * row + 12 + 0.8 * wave(16, 0.4 * row + 0.5)))), (240, 120, 100))
    return np.clip(image, 0, 1)


@lru_cache(None)
def ground(name: str) -> np.ndarray:
    """f32 [SIDE, SIDE, 3] in 0..1."""
    if name in PLACES:
        return _place(name).astype(np.float32)
    plain, *graded = name.split()
    color = np.array(PLAIN[plain], np.float32) / 255
    if not graded:
        return np.broadcast_to(color, (SIDE, SIDE, 3)).copy()
    down = ((np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE)[:, None, None]
    dark, light = 0.3 * color, np.clip(1.25 * color + 0.12, 0, 1)
    return np.broadcast_to(dark + (light - dark) * down, (SIDE, SIDE, 3)).astype(np.float32)


@lru_cache(None)
def contrast(thing: str, look: str, name: str) -> float:
    """How far a thing stands out from a ground, the mean difference of colours, 0..1."""
    colors, covers = sprites()
    i, j = THINGS.index(thing), LOOKS.index(look)
    rows = ground(name).mean(1).reshape(-1, 16, 3).mean(1)   # of each row of tokens
    own = colors[i, j].sum((0, 1)) / covers[i].sum()
    return float(np.abs(own - rows).mean(1).mean())


# ------------------------------------------------------------------------------------------------------------ rendering

BAR = 2 * CELL   # pixels of the bars above and below a cinematic picture
SHADOWS, LIGHTS = np.array((0.02, 0.16, 0.20), np.float32), np.array((1.0, 0.80, 0.52), np.float32)


def cinematic(picture):
    """A graded picture [..., SIDE, SIDE, 3] with bars: more contrast, teal shadows, warm lights. For arrays of numpy and PyTorch."""
    shadows, lights = (c if isinstance(picture, np.ndarray) else picture.new_tensor(c) for c in (SHADOWS, LIGHTS))
    x = picture
    x = 0.4 * x + 0.6 * x * x * (3 - 2 * x)
    light = (0.3 * x[..., 0] + 0.59 * x[..., 1] + 0.11 * x[..., 2])[..., None]
    x = 0.7 * x + 0.3 * (shadows + (lights - shadows) * light)
    x[..., :BAR, :, :] = 0.03
    x[..., -BAR:, :, :] = 0.03
    return x


def render(scene: Scene, start: tuple[int, int], first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` latent frames of a clip from latent frame `first`: video [FRAMES·count, SIDE, SIDE, 3] in 0..1 and the
    things' masks [2, FRAMES·count, SIDE, SIDE]."""
    video = np.repeat(ground(scene.ground)[None], FRAMES * count, 0)
    masks = np.zeros((2, FRAMES * count, SIDE, SIDE), np.float32)
    colors, covers = sprites()
    for i, thing in enumerate(scene.things):
        color, cover = colors[THINGS.index(thing.name), LOOKS.index(thing.look)], covers[THINGS.index(thing.name)]
        for frame in range(FRAMES * count):
            latent = first + frame // FRAMES
            cell, shift = place_of(scene, i, start, latent), shift_of(motion_at(scene, i, latent), frame % FRAMES)
            rows, columns = ((c * CELL + s + np.arange(PATCH)) % SIDE for c, s in zip(cell, shift))
            at = np.ix_(rows, columns)
            video[frame][at] = color + (1 - cover[..., None]) * video[frame][at]
            masks[i, frame][at] = cover
    if scene.cinematic:
        video = cinematic(video)
        masks[:, :, :BAR] = masks[:, :, -BAR:] = 0
    return video, masks
