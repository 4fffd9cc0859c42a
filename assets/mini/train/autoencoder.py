"""Video to latents and back, with Wan's contract: 8×8 pixels and four frames become one cell of 16 channels.

The encoder is linear and sees each block of 8×8×4 pixels alone: 16 principal components of the world's blocks. Nothing
else keeps the transformer's task as easy: a block that moves by a cell is the same latent, and latents of any scene can
be put together from a table of sprites, without rendering (see `latents.py`). It is needed for training only.

The decoder is TAEHV's, layer for layer, with smaller widths, so that the loader of real TAEHV files reads it.
"""

from __future__ import annotations

import math
import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import world

CHANNELS = 16
BLOCK = world.FRAMES * 3 * world.CELL**2


def blocks(video: torch.Tensor) -> torch.Tensor:
    """[T·4, 3, H, W] to [T, 768, H/8, W/8]; within a block the order is frame, colour, row, column."""
    x = F.pixel_unshuffle(video, world.CELL)
    return x.reshape(-1, BLOCK, *x.shape[2:])


class Encoder:
    """`latent = (projection · block − mean) · scale`, per channel."""

    def __init__(self, state: dict[str, torch.Tensor]):
        self.projection, self.mean, self.scale = state["projection"], state["mean"], state["scale"]

    def __call__(self, video: torch.Tensor) -> torch.Tensor:
        """Video [4T, 3, H, W] in 0..1 to latents [T, 16, H/8, W/8]."""
        z = torch.einsum("cb,tbhw->tchw", self.projection, blocks(video))
        return (z - self.mean[:, None, None]) * self.scale[:, None, None]

    @staticmethod
    def fit(scenes: int = 500, seed: int = 1) -> dict[str, torch.Tensor]:
        """Principal components of rendered blocks.

        Scales: a channel's deviation is taken to the power 1/2. Fully whitened, barely visible detail would weigh as
        much in the loss as colour; unscaled, it would drown in noise. Detail is zero in most cells and large at edges:
        the factor keeps it below about 6, which the decoder's clamp, tanh(z/3)·3, can still tell apart.
        """
        rng = random.Random(seed)
        total, count, outer = torch.zeros(BLOCK), 0, torch.zeros(BLOCK, BLOCK)
        for _ in range(scenes):
            start, first = (rng.randrange(world.TOKENS), rng.randrange(world.TOKENS)), rng.randrange(12)
            video, _ = world.render(world.sample_scene(rng, None), start, first, 1)
            x = blocks(torch.from_numpy(video).permute(0, 3, 1, 2)).flatten(2)[0].T
            total, count, outer = total + x.sum(0), count + len(x), outer + x.T @ x
        mean = total / count
        values, vectors = torch.linalg.eigh(outer / count - torch.outer(mean, mean))
        projection = vectors.flip(1)[:, :CHANNELS].T.contiguous()
        deviation = values.flip(0)[:CHANNELS].sqrt()
        spread = (0.6 * deviation.sqrt()).clamp(max=1.0)
        rest = values.flip(0)[CHANNELS:].clamp(min=0).sum() / BLOCK
        print("deviations", [round(v, 3) for v in deviation.tolist()], f"a linear decoder gives {-10 * math.log10(rest):.1f} dB")
        return {"projection": projection, "mean": projection @ mean, "scale": spread / deviation}


class MemBlock(nn.Module):
    """Three convolutions over a frame and the one before it, around which the frame goes unchanged."""

    def __init__(self, dim: int):
        super().__init__()
        conv = lambda i, o: nn.Conv2d(i, o, 3, padding=1)
        self.conv = nn.Sequential(conv(2 * dim, dim), nn.ReLU(), conv(dim, dim), nn.ReLU(), conv(dim, dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, T, C, H, W] to the same."""
        past = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)
        y = self.conv(torch.cat([x, past], 2).flatten(0, 1)).view_as(x)
        return F.relu(x + y)


class TGrow(nn.Module):
    """`stride` frames for each."""

    def __init__(self, dim: int, stride: int):
        super().__init__()
        self.conv = nn.Conv2d(dim, dim * stride, 1, bias=False)


WIDTHS = (64, 40, 24, 16)
MEMORIES = (2, 2, 1)      # MemBlocks of each size; TAEHV has 3, 3, 3
TIME_UPSCALE = (1, 2, 2)


class Decoder(nn.Module):
    """Clamp, conv, ReLU, then three times MemBlocks, Upsample, TGrow, conv, and at last ReLU, conv: as in `taehv.py`."""

    def __init__(self):
        super().__init__()
        layers: list[nn.Module] = [nn.Identity(), nn.Conv2d(CHANNELS, WIDTHS[0], 3, padding=1), nn.ReLU()]
        for wide, narrow, memories, stride in zip(WIDTHS, WIDTHS[1:], MEMORIES, TIME_UPSCALE):
            layers += [MemBlock(wide) for _ in range(memories)]
            layers += [nn.Upsample(scale_factor=2), TGrow(wide, stride), nn.Conv2d(wide, narrow, 3, padding=1, bias=False)]
        self.decoder = nn.ModuleList(layers + [nn.ReLU(), nn.Conv2d(WIDTHS[-1], 3, 3, padding=1)])

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Latents [B, T, 16, h, w] to RGB around 0..1, [B, 4T, 3, 8h, 8w]. A player drops the first three frames."""
        x = torch.tanh(z / 3) * 3
        for layer in self.decoder:
            if isinstance(layer, MemBlock):
                x = layer(x)
            elif isinstance(layer, TGrow):
                b, t, c, h, w = x.shape
                x = layer.conv(x.flatten(0, 1)).view(b, -1, c, h, w)
            else:
                x = layer(x.flatten(0, 1)).view(*x.shape[:2], -1, *self._side(layer, x))
        return x

    @staticmethod
    def _side(layer: nn.Module, x: torch.Tensor) -> tuple[int, int]:
        factor = 2 if isinstance(layer, nn.Upsample) else 1
        return x.shape[-2] * factor, x.shape[-1] * factor

    @torch.no_grad()
    def start_from(self, encoder: Encoder) -> None:
        """Initial weights with which the decoder already shows each cell's mean colour.

        Six channels (three colours and their negatives) carry it from end to end through the ReLUs; the other channels
        start at random and little of them reaches these six. From a usual start the same decoder needs many times the
        steps to get as far.
        """
        for layer in self.decoder.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                layer.weight[:6] *= 0.1
                if layer.bias is not None:
                    layer.bias.zero_()
        # Mean colour minus a half as a linear function of the latent.
        per_color = encoder.projection.view(CHANNELS, world.FRAMES, 3, -1).mean((1, 3)).T   # [3, 16]
        read, offset = per_color / encoder.scale, per_color @ encoder.mean - 0.5
        # The 16 components do not span the constant blocks exactly; the rest goes into the offset.
        grey = torch.full((world.FRAMES, 3, 8, 8), 0.2)
        offset = offset + 0.2 - 0.5 - (read @ encoder(grey)[0, :, 0, 0] + offset)
        eye = torch.eye(6)
        first = True
        for layer in self.decoder:
            if isinstance(layer, MemBlock):
                layer.conv[4].weight *= 0.1
            elif isinstance(layer, TGrow):
                layer.conv.weight *= 0.3
                w = layer.conv.weight.view(-1, layer.conv.in_channels, layer.conv.in_channels)
                w[:, :6] = 0
                w[:, :6, :6] = eye
            elif isinstance(layer, nn.Conv2d) and first:
                layer.weight[:6] = 0
                layer.weight[:3, :, 1, 1], layer.weight[3:6, :, 1, 1] = read, -read
                layer.bias[:3], layer.bias[3:6] = offset, -offset
                first = False
            elif isinstance(layer, nn.Conv2d) and layer.out_channels > 3:
                layer.weight[:6] *= 0.1
                layer.weight[:6, :6] = 0
                layer.weight[:6, :6, 1, 1] = eye
            elif isinstance(layer, nn.Conv2d):
                layer.weight *= 0.1
                layer.weight[:, :6] = 0
                layer.weight[:, :6, 1, 1] = torch.cat([torch.eye(3), -torch.eye(3)], 1)
                layer.bias.fill_(0.5)
