"""Endless training batches, put together in pixels and encoded where there is something to encode.

The encoder sees 8×8×4 blocks alone. Latents of the grounds are known, and blocks near a thing are composed and encoded anew for
each batch, on the device that trains. `check()` holds the result equal to encoding the rendered video.

Noise comes first: where a clip's first thing starts is read off the noise of its first frame (`start_of`). Given noise and
caption, the clip is then determined, and a transformer that is trained to undo noise learns a picture instead of an average of
pictures; the noise itself stays plain white Gaussian noise, as every player draws it.
"""

from __future__ import annotations

import random

import numpy as np
import torch
import torch.nn.functional as F

import world
from autoencoder import CHANNELS, Encoder

REFERENCES = 12  # at most this many tied words per caption
CELLS = world.PATCH // world.CELL


def beacon() -> torch.Tensor:
    """The pattern [16, 2, 2] by which a token of noise stands out; of length 1, and its sum is 0, as a layer norm takes the mean away."""
    c, y, x = torch.meshgrid(torch.arange(CHANNELS), torch.arange(2), torch.arange(2), indexing="ij")
    return (1.0 - 2.0 * ((c + y + x) % 2)) / 8


def standing_out(noise: torch.Tensor) -> torch.Tensor:
    """Noise [B, 16, GRID, GRID] to how much each token stands out, the cosine between it and the beacon, [B, TOKENS, TOKENS].

    A cosine, as a layer norm makes tokens equally long: a sum over channels would be harder to tell.
    """
    tokens = F.pixel_unshuffle(noise, 2)   # [B, 64, TOKENS, TOKENS], the channel outermost
    return torch.einsum("bchw,c->bhw", tokens, beacon().flatten().to(noise)) / tokens.norm(dim=1)


def start_of(noise: torch.Tensor, scenes: list[world.Scene]) -> torch.Tensor:
    """Noise [B, F, 16, GRID, GRID] to the token (row, column) of the first thing, i64 [B, 2]: the one of `world.starts_of` that
    stands out most."""
    field = standing_out(noise[:, 0])
    allowed = torch.from_numpy(np.stack([world.starts_of(s) for s in scenes])).to(field.device)
    best = field.masked_fill(~allowed, -9.0).flatten(1).argmax(1)
    return torch.stack([best // world.TOKENS, best % world.TOKENS], 1)


def lift(noise: torch.Tensor, starts: torch.Tensor, deviations: float) -> None:
    """Makes the tokens that `start_of` chose stand out by so many deviations more: easier noise for the beginning of training."""
    b, cell = torch.arange(len(noise), device=noise.device), torch.arange(2, device=noise.device)
    y, x = 2 * starts[:, :1] + cell, 2 * starts[:, 1:] + cell
    channels = noise[:, 0].permute(0, 2, 3, 1)
    channels[b[:, None, None], y[:, :, None], x[:, None]] += deviations * beacon().permute(1, 2, 0).to(noise)


class Tables:
    """Things and grounds, and what is needed to lay the ones over the others."""

    def __init__(self, encoder: Encoder, device: str = "cpu"):
        colors, covers = world.sprites()
        self.device, self.encoder = device, encoder.to(device)
        self.colors = torch.from_numpy(colors).half().to(device)                     # [T, L, 64, 64, 3]
        self.covers = torch.from_numpy(covers).to(device)                            # [T, 64, 64]
        self.shifts = torch.tensor([[world.shift_of(m, f) for f in range(world.FRAMES)] for m in world.MOTIONS], device=device)
        self.pixels = torch.from_numpy(np.stack([world.ground(g) for g in world.GROUNDS])).to(device)    # [G, 128, 128, 3]
        both = torch.stack([self.pixels, world.cinematic(self.pixels.clone())], 1)   # [G, plain or cinematic, …]
        video = both.permute(0, 1, 4, 2, 3)[:, :, None].expand(-1, -1, world.FRAMES, -1, -1, -1)
        self.grounds = self.encoder(video.flatten(0, 2)).unflatten(0, both.shape[:2])  # [G, 2, 16, 16, 16]

    @torch.no_grad()
    def scenes(self, scenes: list[world.Scene], starts: np.ndarray, firsts: list[int], count: int):
        """Latents [B, count, 16, 16, 16] and the things' token masks [B, count, 2, 8, 8] in 0..1.

        `starts` [B, 2]; `firsts` are the latent frames at which the excerpts begin.
        """
        ground = torch.tensor([world.GROUNDS.index(s.ground) for s in scenes], device=self.device)
        graded = torch.tensor([s.cinematic for s in scenes], device=self.device)
        z = self.grounds[ground, graded.long()][:, None].repeat(1, count, 1, 1, 1).permute(0, 1, 3, 4, 2)
        video = self.pixels[ground][:, None, None].repeat(1, count, world.FRAMES, 1, 1, 1)     # [B, K, 4, 128, 128, 3]
        masks = torch.zeros(len(scenes), count, 2, world.SIDE, world.SIDE, device=self.device)
        pixel, frame = (torch.arange(n, device=self.device) for n in (world.PATCH, world.FRAMES))
        touched = []
        for i in range(2):   # the second lies over the first
            where = [(b, k, world.THINGS.index(s.things[i].name), world.LOOKS.index(s.things[i].look),
                      world.MOTIONS.index(world.motion_at(s, i, first + k)), *world.place_of(s, i, start, first + k))
                     for b, (s, start, first) in enumerate(zip(scenes, starts.tolist(), firsts)) if i < len(s.things)
                     for k in range(count)]
            if not where:
                continue
            b, k, thing, look, motion, dy, dx = torch.tensor(where, device=self.device).T
            touched.append(torch.stack([b, k, dy, dx], 1))
            shift = self.shifts[motion]                                                        # [N, 4, 2]
            of = lambda d, axis: (d[:, None, None] * world.CELL + shift[..., axis, None] + pixel) % world.SIDE
            y, x = of(dy, 0)[..., :, None], of(dx, 1)[..., None, :]                            # [N, 4, 64, 1], [N, 4, 1, 64]
            at = b[:, None, None, None], k[:, None, None, None], frame[:, None, None], y, x
            cover = self.covers[thing][:, None]
            video[at] = self.colors[thing, look][:, None].float() + (1 - cover[..., None]) * video[at]
            for f in range(world.FRAMES):
                spot = b[:, None, None], k[:, None, None], i, y[:, f], x[:, f]
                masks[spot] = masks[spot] + cover[:, 0] / world.FRAMES
        if graded.any():
            video[graded] = world.cinematic(video[graded])
            masks[graded, :, :, : world.BAR] = masks[graded, :, :, -world.BAR :] = 0
        b, k, dy, dx = torch.cat(touched).T
        cell = torch.arange(CELLS, device=self.device)
        y, x = ((d[:, None] + cell) % world.GRID for d in (dy, dx))
        at = b[:, None, None], k[:, None, None], y[:, :, None], x[:, None, :]
        cells = video.view(*video.shape[:3], world.GRID, world.CELL, world.GRID, world.CELL, 3).permute(0, 1, 3, 5, 2, 7, 4, 6)
        z[at] = self.encoder.encode(cells[at].flatten(3))
        return z.permute(0, 1, 4, 2, 3).contiguous(), F.avg_pool2d(masks.flatten(0, 1), world.SIDE // world.TOKENS).unflatten(0, masks.shape[:2])


def captions(scenes: list[world.Scene], rng: random.Random) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids [B, TEXT_LEN] and references [B, REFERENCES, 2] = (word, thing), (−1, 0) where there is none."""
    ids, refs = [], []
    for scene in scenes:
        words, ties = world.caption(scene, rng)
        tied = [(w, o) for w, o, kind in ties if kind != "motion"][:REFERENCES]
        ids.append(world.encode(words))
        refs.append(tied + [(-1, 0)] * (REFERENCES - len(tied)))
    return torch.tensor(ids), torch.tensor(refs)


def check() -> None:
    """Latents put together equal encoded videos."""
    rng = random.Random(0)
    encoder = Encoder()
    encoder.start()
    torch.nn.init.normal_(encoder.out.weight, std=0.1)
    tables = Tables(encoder.requires_grad_(False))
    scenes = [world.sample_scene(rng, None, 0.7) for _ in range(60)]
    starts, firsts = np.array([[rng.randrange(8), rng.randrange(8)] for _ in scenes]), [rng.randrange(5) for _ in scenes]
    z, masks = tables.scenes(scenes, starts, firsts, 2)
    for b, scene in enumerate(scenes):
        video, covers = world.render(scene, tuple(starts[b]), firsts[b], 2)
        error = (encoder(torch.from_numpy(video).permute(0, 3, 1, 2)) - z[b]).abs().max().item()
        cover = F.avg_pool2d(torch.from_numpy(covers), 16).view(2, 2, 4, 8, 8).mean(2).transpose(0, 1)
        assert error < 5e-3 and (cover - masks[b]).abs().max() < 1e-3, (scene, error, (cover - masks[b]).abs().max())
    print("composed latents and encoded videos agree")


if __name__ == "__main__":
    check()
