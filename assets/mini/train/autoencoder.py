"""Video to latents and back, with Wan's contract: 8×8 pixels and four frames become one cell of 16 channels.

The encoder sees each block of 8×8×4 pixels alone: 16 principal components of the world's blocks, and a hidden layer that is trained
together with the decoder adds to them what makes pictures sharper. Nothing else keeps the transformer's task as easy: a block that
moves by a cell is the same latent, and latents of any scene are made in milliseconds, without rendering videos (`latents.py`).

The decoder is TAEHV's, layer for layer, with smaller widths, so that the loader of real TAEHV files reads it; so is `TaehvEncoder`,
which learns to give the block encoder's latents for videos of any origin.
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


def principal(scenes: int = 400, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean [768], principal components [16, 768] and their deviations [16] of the blocks that things touch, and some others."""
    rng = random.Random(seed)
    total, count, outer = torch.zeros(BLOCK), 0, torch.zeros(BLOCK, BLOCK)
    for _ in range(scenes):
        start, first = (rng.randrange(world.TOKENS), rng.randrange(world.TOKENS)), rng.randrange(12)
        video, masks = world.render(world.sample_scene(rng, None), start, first, 1)
        x = blocks(torch.from_numpy(video).permute(0, 3, 1, 2)).flatten(2)[0].T
        busy = blocks(torch.from_numpy(masks.max(0))[:, None].expand(-1, 3, -1, -1)).amax(1).flatten() > 0
        x = torch.cat([x[busy], x[~busy][::4]])   # grounds are simple
        total, count, outer = total + x.sum(0), count + len(x), outer + x.T @ x
    mean = total / count
    values, vectors = torch.linalg.eigh(outer / count - torch.outer(mean, mean))
    rest = values.flip(0)[CHANNELS:].clamp(min=0).sum() / BLOCK
    print(f"a linear autoencoder would give {-10 * math.log10(rest):.1f} dB on these blocks", flush=True)
    return mean, vectors.flip(1)[:, :CHANNELS].T.contiguous(), values.flip(0)[:CHANNELS].sqrt()


POWER = 0.5   # mean square of the latents of blocks around things


class Encoder(nn.Module):
    """Blocks to latents: a linear part, and a hidden layer that starts with no say.

    The latents' mean square over a batch is held at POWER while it is trained, and the decoder sees them with noise. So detail has to
    be worth its amplitude, as in any channel of limited power, and hardly visible detail cannot fill the transformer's loss.
    """

    def __init__(self, hidden: int = 256):
        super().__init__()
        self.linear = nn.Linear(BLOCK, CHANNELS)
        self.hidden, self.out = nn.Linear(BLOCK, hidden), nn.Linear(hidden, CHANNELS, bias=False)
        self.register_buffer("gain", torch.ones(()))

    @torch.no_grad()
    def start(self) -> None:
        mean, components, deviation = principal()
        weight = components * ((0.6 * deviation.sqrt()).clamp(max=1.0) / deviation)[:, None]
        self.linear.weight.copy_(weight)
        self.linear.bias.copy_(-weight @ mean)
        nn.init.normal_(self.hidden.weight, std=2 / BLOCK**0.5)
        self.hidden.bias.copy_(-self.hidden.weight @ mean)
        nn.init.zeros_(self.out.weight)

    def raw(self, x: torch.Tensor) -> torch.Tensor:
        """Blocks [..., 768] to latents [..., 16] before the gain."""
        return self.linear(x) + self.out(F.gelu(self.hidden(x), approximate="tanh"))

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Blocks [..., 768] to latents [..., 16]."""
        return self.raw(x) * self.gain

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        """Video [4T, 3, H, W] in 0..1 to latents [T, 16, H/8, W/8]."""
        return self.encode(blocks(video).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    @classmethod
    def load(cls, path) -> "Encoder":
        encoder = cls()
        encoder.load_state_dict(torch.load(path, map_location="cpu")["model"])
        return encoder.eval().requires_grad_(False)


class MemBlock(nn.Module):
    """Three convolutions over a frame and the one before it, around which the frame goes unchanged."""

    def __init__(self, dim: int):
        super().__init__()
        conv = lambda i, o: nn.Conv2d(i, o, 3, padding=1)
        self.conv = nn.Sequential(conv(2 * dim, dim), nn.ReLU(), conv(dim, dim), nn.ReLU(), conv(dim, dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, T, C, H, W] to the same."""
        past = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)
        y = self.conv(torch.cat([x, past], 2).flatten(0, 1)).reshape(x.shape)
        return F.relu(x + y)


class TGrow(nn.Module):
    """`stride` frames for each."""

    def __init__(self, dim: int, stride: int):
        super().__init__()
        self.conv = nn.Conv2d(dim, dim * stride, 1, bias=False)


WIDTHS = (96, 48, 24, 16)
MEMORIES = (2, 2, 1)      # MemBlocks of each size; TAEHV has 3, 3, 3
TIME_UPSCALE = (1, 2, 2)


class TPool(nn.Module):
    """One frame for `stride`."""

    def __init__(self, dim: int, stride: int):
        super().__init__()
        self.conv = nn.Conv2d(dim * stride, dim, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, t, c, h, w = x.shape
        stride = self.conv.in_channels // c
        return self.conv(x.reshape(b * t // stride, stride * c, h, w)).view(b, t // stride, c, h, w)


class TaehvEncoder(nn.Module):
    """Conv, ReLU, then three times TPool, a conv that halves the sides, MemBlocks, and at last a conv: as in `taehv.py`."""

    WIDTHS, MEMORIES, TIME = (16, 32, 64, 96), (1, 1, 2), (2, 2, 1)

    def __init__(self):
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, self.WIDTHS[0], 3, padding=1), nn.ReLU()]
        for narrow, wide, memories, stride in zip(self.WIDTHS, self.WIDTHS[1:], self.MEMORIES, self.TIME):
            layers += [TPool(narrow, stride), nn.Conv2d(narrow, wide, 3, padding=1, stride=2, bias=False)]
            layers += [MemBlock(wide) for _ in range(memories)]
        self.encoder = nn.ModuleList(layers + [nn.Conv2d(self.WIDTHS[-1], CHANNELS, 3, padding=1)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Video [B, 4T, 3, H, W] in 0..1 to latents [B, T, 16, H/8, W/8]."""
        for layer in self.encoder:
            if isinstance(layer, (MemBlock, TPool)):
                x = layer(x)
            else:
                y = layer(x.flatten(0, 1))
                x = y.view(*x.shape[:2], *y.shape[1:])
        return x


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
                x = layer.conv(x.flatten(0, 1)).reshape(b, -1, c, h, w)
            else:
                x = layer(x.flatten(0, 1)).reshape(*x.shape[:2], -1, *self._side(layer, x))
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
        # Mean colour minus a half as a linear function of the latent: the best one for blocks of any single colour.
        colors = torch.rand(500, 3)
        z = encoder.encode(colors[:, None, :, None].expand(-1, world.FRAMES, -1, world.CELL**2).flatten(1))
        fit = torch.linalg.lstsq(torch.cat([z, torch.ones(len(z), 1)], 1), colors - 0.5).solution.T
        read, offset = fit[:, :-1], fit[:, -1]
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
