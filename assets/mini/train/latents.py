"""Endless training batches, put together in latent space.

The encoder is linear and sees 8×8×4 blocks alone, and objects lie on the lattice of cells at every latent frame. So the
latent of a scene is the background's latent plus, for each object, the rolled latent of its sprite times what its colour
adds. `check()` holds this equal to encoding the rendered video. A batch takes milliseconds and no disk.

Noise comes first: where a clip's first object starts is read off the noise of its first frame (`start_of`). Given noise
and caption, the clip is then determined, and a transformer that is trained to undo noise learns a picture instead of an
average of pictures; the noise itself stays plain white Gaussian noise, as every player draws it.
"""

from __future__ import annotations

import random

import numpy as np
import torch
import torch.nn.functional as F

import world
from autoencoder import Encoder

REFERENCES = 8  # at most this many tied words per caption


def start_of(noise: torch.Tensor) -> torch.Tensor:
    """Noise [B, F, 16, GRID, GRID] to the token (row, column) of the first object, i64 [B, 2].

    The token where channels 4 to 15 of the first frame, summed and blurred on the torus, are greatest.
    """
    field = noise[:, 0, 4:].sum(1, keepdim=True)
    field = F.avg_pool2d(field, 2)
    kernel = torch.tensor([0.4, 1.0, 0.4], device=noise.device)
    field = F.conv2d(F.pad(field, (1, 1, 1, 1), mode="circular"), torch.outer(kernel, kernel)[None, None])
    best = field.flatten(1).argmax(1)
    return torch.stack([best // world.TOKENS, best % world.TOKENS], 1)


class Tables:
    """Latents of all sprites and backgrounds, as factors of colours."""

    def __init__(self, encoder: Encoder, device: str = "cpu"):
        masks = torch.from_numpy(world.sprites())                                # [S, 4, 128, 128]
        rows = (torch.arange(world.SIDE) % world.CELL).float()[:, None]          # a pixel's row within its cell
        zero = encoder(torch.zeros(4, 3, world.SIDE, world.SIDE))[0]
        colors = torch.eye(3)[:, None, :, None, None]                            # [3, 1, 3, 1, 1]

        def latents(mask: torch.Tensor) -> torch.Tensor:                         # [4, 128, 128] to [3, 16, 16, 16]
            return torch.stack([encoder(mask[:, None] * c)[0] - zero for c in colors])

        self.sprites = torch.stack([torch.stack([latents(m), latents(m * rows)]) for m in masks]).to(device)
        full = torch.ones(4, world.SIDE, world.SIDE)
        self.full = torch.stack([latents(full), latents(full * rows)]).to(device)  # [2, 3, 16, 16, 16]
        self.zero = zero.to(device)
        self.cover = F.avg_pool2d(masks, world.CELL).mean(1).to(device)          # [S, 16, 16]
        self.device = device

    def scenes(self, scenes: list[world.Scene], starts: np.ndarray, firsts: list[int], count: int):
        """Latents [B, count, 16, 16, 16] and the objects' token masks [B, count, 2, 8, 8] in 0..1.

        `starts` [B, 2]; `firsts` are the latent frames at which the excerpts begin.
        """
        rows, where = [], []
        for b, (scene, start, first) in enumerate(zip(scenes, starts.tolist(), firsts)):
            constant, slope = world.ramp(scene)
            for i, thing in enumerate(scene.things):
                over = np.array(world.COLORS[thing.color], np.float32) / 255 - constant
                for k in range(count):
                    dy, dx = world.place_of(scene, i, start, first + k)
                    where.append((b, k, i, world.sprite_of(thing, first + k), dy, dx))
                    rows.append(np.concatenate([over, slope]))
        b, k, i, sprite, dy, dx = torch.tensor(where, device=self.device).T
        color, slope = torch.from_numpy(np.stack(rows)).to(self.device).split(3, 1)
        table = self.sprites[sprite]                                             # [N, 2, 3, 16, 16, 16]
        flat = torch.einsum("nk,nkchw->nchw", color, table[:, 0]) - torch.einsum("nk,nkchw->nchw", slope, table[:, 1])
        steep = torch.einsum("nk,nkchw->nchw", slope, table[:, 0])
        cell = torch.arange(world.GRID, device=self.device)
        index = ((cell[None, :, None] - dy[:, None, None]) % 16 * 16 + (cell[None, None] - dx[:, None, None]) % 16).flatten(1)
        roll = lambda x: x.flatten(2).gather(2, index[:, None].expand(-1, x.shape[1], -1)).view_as(x)
        row = (cell * world.CELL).float()[:, None]                               # pixel row of a cell's upper edge
        parts = roll(flat) - row * roll(steep)

        ramps = [np.stack(world.ramp(s)) for s in scenes]
        constant, slope = torch.from_numpy(np.stack(ramps)).to(self.device).unbind(1)
        mix = lambda color, table: torch.einsum("bk,kchw->bchw", color, table)
        ground = self.zero + mix(constant, self.full[0]) + row * mix(slope, self.full[0]) + mix(slope, self.full[1])
        z = ground[:, None].repeat(1, count, 1, 1, 1)
        z.index_put_((b, k), parts, accumulate=True)
        masks = torch.zeros(len(scenes), count, 2, 8, 8, device=self.device)
        masks[b, k, i] = F.avg_pool2d(roll(self.cover[sprite][:, None]), 2)[:, 0]
        return z, masks


def captions(scenes: list[world.Scene], rng: random.Random) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids [B, TEXT_LEN] and references [B, REFERENCES, 2] = (word, object), (−1, 0) where there is none."""
    ids, refs = [], []
    for scene in scenes:
        words, ties = world.caption(scene, rng)
        tied = [(w, o) for w, o, kind in ties if kind != "motion"][:REFERENCES]
        ids.append(world.encode(words))
        refs.append(tied + [(-1, 0)] * (REFERENCES - len(tied)))
    return torch.tensor(ids), torch.tensor(refs)


def check() -> None:
    """Latents from tables equal encoded videos."""
    rng = random.Random(0)
    encoder = Encoder(Encoder.fit(20))
    tables = Tables(encoder)
    scenes = [world.sample_scene(rng, None) for _ in range(40)]
    starts, firsts = np.array([[rng.randrange(8), rng.randrange(8)] for _ in scenes]), [rng.randrange(30) for _ in scenes]
    z, masks = tables.scenes(scenes, starts, firsts, 2)
    for b, scene in enumerate(scenes):
        video, covers = world.render(scene, tuple(starts[b]), firsts[b], 2)
        error = (encoder(torch.from_numpy(video).permute(0, 3, 1, 2)) - z[b]).abs().max().item()
        cover = F.avg_pool2d(torch.from_numpy(covers), 16).view(2, 2, 4, 8, 8).mean(2).transpose(0, 1)
        assert error < 2e-3 and (cover - masks[b]).abs().max() < 1e-4, (scene, error)
    print("tables and rendered videos agree")


if __name__ == "__main__":
    check()
