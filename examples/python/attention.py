"""From noise to form: a sheet of the attention maps of words, from the first denoising step to the last.

    bendrack attend --prompt "a red tulip over a blue gradient" -o maps
    python3 examples/python/attention.py maps sheet.png

Each row is a word, each column a denoising step. Brightness is the share of attention, averaged over layers and heads, from 0 to
the largest share of the word. It needs numpy.
"""

import json
import struct
import sys
import zlib
from pathlib import Path

import numpy

CELL = 12  # pixels of a position of the token grid
GAP = 4  # pixels between maps


def read(folder):
    """The words and concepts of a folder of arrays, each with its array [frame, step, layer, head, row, column]."""
    index = json.loads((folder / "index.json").read_text())
    if any(not it["file"].endswith(".npy") or "words" in it for it in index["arrays"]):
        sys.exit(f"{folder}: write the arrays with --format npy and --layout words")
    words = [it for it in index["arrays"] if it.get("kind") in ("word", "concept")]
    if not words:
        sys.exit(f"{folder}: no arrays of words; add --words or --concepts")
    return [(it["word"], numpy.load(folder / it["file"]).astype("float32")) for it in words]


def sheet(words, frame):
    """A picture of all words at a latent frame: rows of words, columns of steps."""
    rows = []
    for _, array in words:
        maps = array[frame].mean(axis=(1, 2))
        maps = maps / max(maps.max(), 1e-9)
        tiles = [numpy.pad(numpy.kron(tile, numpy.ones((CELL, CELL))), GAP // 2) for tile in maps]
        rows.append(numpy.hstack(tiles))
    return (numpy.vstack(rows) * 255).astype("uint8")


def write_png(path, grey):
    """Writes a picture of greys as PNG."""
    height, width = grey.shape
    lines = b"".join(b"\0" + line.tobytes() for line in grey)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    )


def main():
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    words = read(folder)
    frame = int(sys.argv[3]) if len(sys.argv) > 3 else words[0][1].shape[0] - 1
    for word, array in words:
        entropy = []
        for step in array[frame].mean(axis=(1, 2)):
            share = step / max(step.sum(), 1e-9)
            entropy.append(float(-(share * numpy.log(share + 1e-12)).sum() / numpy.log(share.size)))
        print(f"{word}: spread {' '.join(f'{it:.2f}' for it in entropy)}")
    write_png(out, sheet(words, frame))


if __name__ == "__main__":
    main()
