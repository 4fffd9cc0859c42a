"""Draws `sprites.png`, the pictures of the world's things; `things.json` names them in the order of the sheet, row by row.

    python sprites.py NotoColorEmoji.ttf     the sheet anew, from a colour font
    python sprites.py --add FOLDER           things of one's own: each PNG of the folder is a thing with the file's name

The font is Noto Color Emoji (Debian: fonts-noto-color-emoji), under the SIL Open Font License 1.1 (`../LICENCES`). The sheet is part of
the project, and nothing else reads the font. A PNG needs a transparent ground; it is cropped to what it shows and scaled.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).parent
SHEET, NAMES = HERE / "sprites.png", HERE / "things.json"
SIZE = 48         # pixels of the longer side: three tokens
COLUMNS = 8


def names() -> list[str]:
    return [thing["name"] for thing in json.loads(NAMES.read_text())]


def glyph(font: ImageFont.FreeTypeFont, text: str) -> Image.Image:
    large = Image.new("RGBA", (180, 180))
    ImageDraw.Draw(large).text((16, 16), text, font=font, embedded_color=True)
    return fit(large)


def fit(picture: Image.Image) -> Image.Image:
    """What a picture shows, RGBA, in the middle of SIZE×SIZE pixels."""
    box = picture.getchannel("A").getbbox()
    if box is None:
        raise SystemExit("the picture is fully transparent")
    picture = picture.crop(box)
    # Scaled with colours times alpha, so that what lies under transparent pixels does not bleed into the edges.
    scale = SIZE / max(picture.size)
    pixels = np.asarray(picture, np.float32) / 255
    pixels[..., :3] *= pixels[..., 3:]
    size = tuple(max(1, round(n * scale)) for n in picture.size)
    bands = [Image.fromarray(np.ascontiguousarray(pixels[..., c])).resize(size, Image.Resampling.BOX if scale > 1 else Image.Resampling.LANCZOS) for c in range(4)]
    small = np.clip(np.stack([np.asarray(b) for b in bands], -1), 0, 1)
    small[..., :3] = np.clip(small[..., :3] / np.maximum(small[..., 3:], 1e-3), 0, 1)
    out = np.zeros((SIZE, SIZE, 4), np.float32)
    top, left = (SIZE - small.shape[0]) // 2, (SIZE - small.shape[1]) // 2
    out[top : top + small.shape[0], left : left + small.shape[1]] = small
    return Image.fromarray((out * 255).round().astype(np.uint8))


def save(tiles: list[Image.Image]) -> None:
    sheet = Image.new("RGBA", (SIZE * COLUMNS, SIZE * -(-len(tiles) // COLUMNS)))
    for i, tile in enumerate(tiles):
        sheet.paste(tile, (i % COLUMNS * SIZE, i // COLUMNS * SIZE))
    sheet.save(SHEET, optimize=True)


def add(folder: Path) -> None:
    things = json.loads(NAMES.read_text())
    known = {thing["name"] for thing in things}
    sheet = Image.open(SHEET).convert("RGBA")
    tile = lambda i: sheet.crop((i % COLUMNS * SIZE, i // COLUMNS * SIZE, (i % COLUMNS + 1) * SIZE, (i // COLUMNS + 1) * SIZE))
    tiles = [tile(i) for i in range(len(things))]
    files = sorted(folder.glob("*.png"))
    if not files:
        raise SystemExit(f"{folder} holds no PNG files; each names a thing, such as {folder / 'teapot.png'}")
    for file in files:
        name = file.stem.lower().replace("_", " ").replace("-", " ")
        if name in known:
            print(f"{name} is known already: {file} is left out")
        elif not all(word.isalpha() for word in name.split()) or not 1 <= len(name.split()) <= 2:
            raise SystemExit(f"{file}: a thing's name is one or two words of letters; rename the file")
        else:
            try:
                picture = Image.open(file).convert("RGBA")
            except OSError as error:
                raise SystemExit(f"{file}: {error}")
            if picture.getchannel("A").getextrema()[0] > 250:
                raise SystemExit(f"{file} has no transparent ground; cut the thing out and save it with transparency")
            tiles.append(fit(picture))
            things.append({"name": name, "from": file.name})
            print("added", name)
    save(tiles)
    NAMES.write_text("[\n " + ",\n ".join(json.dumps(t, ensure_ascii=False) for t in things) + "\n]\n")


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] == "--add":
        return add(Path(sys.argv[2]))
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    font = ImageFont.truetype(sys.argv[1], 109)   # the size of its bitmaps
    things = json.loads(NAMES.read_text())
    if own := [thing["name"] for thing in things if "glyph" not in thing]:
        raise SystemExit(f"{', '.join(own)}: not from the font; the sheet would lose them")
    save([glyph(font, thing["glyph"]) for thing in things])


if __name__ == "__main__":
    main()
