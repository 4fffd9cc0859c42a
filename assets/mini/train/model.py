"""Wan 2.1's transformer and UMT5's encoder at toy width, in the original layouts and with the original key names.

Conventions that are easy to get wrong are those of Wan: patches are taken channel first and put back channel last, the
time embedding is [cos | sin] in f64, modulation is per frame, q and k are RMS-normed over the full width before heads are
split, padded text rows are zero rows that attention does see, UMT5 has no 1/√d and a relative bias of its own per layer.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

import world
from latents import beacon

DIM, FFN, HEADS, LAYERS, FREQ, CHANNELS = 192, 768, 6, 6, 256, 16
TEXT_DIM, TEXT_FFN, TEXT_HEADS, TEXT_LAYERS, BUCKETS = 128, 256, 4, 2, 32
EPS = 1e-6
CHUNK = 3                                    # latent frames made together
STEPS = [1000.0, 937.5, 833.3333, 625.0]     # timesteps of the sampler


class RMSNorm(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight, EPS)


def rope_table(frames: int, side: int, first: int) -> tuple[torch.Tensor, torch.Tensor]:
    """cos and sin [frames·side², head_dim / 2]; head_dim d is split d−4(d//6), 2(d//6), 2(d//6) over time, rows, columns."""
    d = DIM // HEADS
    parts = []
    for start, count, width in ((first, frames, d - 4 * (d // 6)), (0, side, 2 * (d // 6)), (0, side, 2 * (d // 6))):
        rate = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
        parts.append(torch.outer(torch.arange(start, start + count, dtype=torch.float64), rate))
    time, row, column = parts
    shape = (frames, side, side, -1)
    angles = torch.cat([time[:, None, None].expand(shape), row[None, :, None].expand(shape), column.expand(shape)], -1)
    return angles.flatten(0, 2).cos().float(), angles.flatten(0, 2).sin().float()


def rotate(x: torch.Tensor, rope: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """x [B, L, HEADS, d], pairs of neighbours turned."""
    cos, sin = (r[None, :, None] for r in rope)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """[B, L, HEADS, d]. In f32 under autocast too: in bfloat16 a CPU's backward pass is much slower."""
    with torch.autocast(q.device.type, enabled=False):
        return F.scaled_dot_product_attention(*(t.transpose(1, 2).float() for t in (q, k, v))).transpose(1, 2)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(DIM, DIM) for _ in range(4))
        self.norm_q, self.norm_k = RMSNorm(DIM), RMSNorm(DIM)

    def heads(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(*x.shape[:2], HEADS, -1)


class Block(nn.Module):
    """One layer."""

    def __init__(self):
        super().__init__()
        self.self_attn, self.cross_attn = Attention(), Attention()
        self.norm3 = nn.LayerNorm(DIM, EPS)
        self.ffn = nn.Sequential(nn.Linear(DIM, FFN), nn.GELU("tanh"), nn.Linear(FFN, DIM))
        self.modulation = nn.Parameter(torch.randn(1, 6, DIM) / DIM**0.5)

    def forward(self, x, e0, context, rope, segment: int, past_k, past_v):
        """x [B, L, DIM], e0 [B, frames, 6, DIM]. Each `segment` of tokens sees itself and the one before it, of which `past`
        holds the cached keys and values for the first. Gives x, the cross-attention maps [B, HEADS, L, TEXT_LEN], and
        the keys and values of x."""
        B, L, _ = x.shape
        frames = e0.shape[1]
        shift1, scale1, gate1, shift2, scale2, gate2 = (self.modulation[:, None] + e0).unbind(2)
        per_frame = lambda y: y.view(B, frames, -1, DIM)
        modulated = lambda y, shift, scale: (
            per_frame(F.layer_norm(y, (DIM,), eps=EPS)) * (1 + scale[:, :, None]) + shift[:, :, None]).view(B, L, DIM)
        gated = lambda y, gate: (per_frame(y) * gate[:, :, None]).view(B, L, DIM)

        a, y = self.self_attn, modulated(x, shift1, scale1)
        q, k, v = rotate(a.heads(a.norm_q(a.q(y))), rope), rotate(a.heads(a.norm_k(a.k(y))), rope), a.heads(a.v(y))
        keys, values = (k, v) if past_k is None else (torch.cat([past_k, k], 1), torch.cat([past_v, v], 1))
        before, seen = keys.shape[1] - L, []
        for at in range(0, L, segment):
            span = slice(max(0, before + at - segment) if at else 0, before + at + segment)
            seen.append(attend(q[:, at : at + segment], keys[:, span], values[:, span]))
        y = torch.cat(seen, 1) if len(seen) > 1 else seen[0]
        x = x + gated(a.o(y.reshape(B, L, DIM)), gate1)

        a = self.cross_attn
        q = a.heads(a.norm_q(a.q(self.norm3(x)))).transpose(1, 2)
        text_k, text_v = a.heads(a.norm_k(a.k(context))).transpose(1, 2), a.heads(a.v(context)).transpose(1, 2)
        maps = (q @ text_k.transpose(-1, -2).to(q.dtype) * q.shape[-1] ** -0.5).softmax(-1)
        x = x + a.o((maps.to(text_v.dtype) @ text_v).transpose(1, 2).reshape(B, L, DIM))

        return x + gated(self.ffn(modulated(x, shift2, scale2)), gate2), maps, k, v


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch_embedding = nn.Conv3d(CHANNELS, DIM, (1, 2, 2), (1, 2, 2))
        self.text_embedding = nn.Sequential(nn.Linear(TEXT_DIM, DIM), nn.GELU("tanh"), nn.Linear(DIM, DIM))
        self.time_embedding = nn.Sequential(nn.Linear(FREQ, DIM), nn.SiLU(), nn.Linear(DIM, DIM))
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(DIM, 6 * DIM))
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.head = nn.Module()
        self.head.head = nn.Linear(DIM, 4 * CHANNELS)
        self.head.modulation = nn.Parameter(torch.randn(1, 2, DIM) / DIM**0.5)
        self._rope: dict = {}
        self._initialise()

    def _initialise(self) -> None:
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)
        # It starts by giving back its input, which is most of a velocity: 64 dimensions of the stream carry the patch from end to
        # end (the channel is outermost in a patch that comes in, innermost in one that goes out).
        patch = 4 * CHANNELS
        nn.init.normal_(self.patch_embedding.weight, std=0.3 / patch**0.5)
        nn.init.zeros_(self.patch_embedding.bias)
        nn.init.zeros_(self.head.head.weight)
        nn.init.normal_(self.head.modulation, std=0.02)
        order = torch.arange(patch).view(CHANNELS, 4).T.flatten()
        with torch.no_grad():
            self.patch_embedding.weight.flatten(1)[:patch] = torch.eye(patch)
            self.patch_embedding.weight.flatten(1)[patch] = beacon().flatten()   # one more tells how far a token of noise stands out
            self.head.head.weight[torch.arange(patch), order] = (patch / DIM) ** 0.5
        for m, std in ((self.time_embedding[0], 0.05), (self.time_embedding[2], 0.08), (self.time_projection[1], 0.03)):
            nn.init.normal_(m.weight, std=std)
        for m in (self.text_embedding[0], self.text_embedding[2]):
            nn.init.normal_(m.weight, std=0.08)

    def time(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        half = FREQ // 2
        rate = 10000.0 ** (-torch.arange(half, dtype=torch.float64, device=t.device) / half)
        angle = t.double()[..., None] * rate
        e = self.time_embedding(torch.cat([angle.cos(), angle.sin()], -1).float())
        return e, self.time_projection(e).unflatten(-1, (6, DIM))

    def forward(self, x, t, text, first: int = 0, past=None):
        """x [B, F, 16, H, W], t [B, F] in 0..1000, text [B, TEXT_LEN, TEXT_DIM] to the velocity, shaped like x, the maps
        of each layer, and each layer's keys and values. A chunk sees itself and the chunk before it; `first` is the number
        of the first frame, `past` the cached keys and values of frames before it."""
        B, frames, C, H, W = x.shape
        h, w = H // 2, W // 2
        e, e0 = self.time(t)
        context = self.text_embedding(text)
        patches = x.view(B, frames, C, h, 2, w, 2).permute(0, 1, 3, 5, 2, 4, 6).reshape(B, frames * h * w, 4 * C)
        y = F.linear(patches, self.patch_embedding.weight.view(DIM, 4 * C), self.patch_embedding.bias)
        key = (frames, h, first)
        if key not in self._rope:
            self._rope[key] = tuple(r.to(x.device) for r in rope_table(frames, h, first))
        maps, cache = [], []
        for i, block in enumerate(self.blocks):
            k, v = past[i] if past else (None, None)
            y, m, k, v = block(y, e0, context, self._rope[key], min(frames, CHUNK) * h * w, k, v)
            maps.append(m)
            cache.append((k, v))
        shift, scale = (self.head.modulation[:, None] + e[:, :, None]).unbind(2)
        y = F.layer_norm(y, (DIM,), eps=EPS).view(B, frames, -1, DIM) * (1 + scale[:, :, None]) + shift[:, :, None]
        y = self.head.head(y).view(B, frames, h, w, 2, 2, C).permute(0, 1, 6, 2, 4, 3, 5).reshape(B, frames, C, H, W)
        return y.float(), maps, cache


class TextLayer(nn.Module):
    def __init__(self):
        super().__init__()
        linear = lambda i, o, std: self._linear(i, o, std)
        d, f, head = TEXT_DIM, TEXT_FFN, TEXT_DIM // TEXT_HEADS
        self.norm1, self.norm2 = RMSNorm(d), RMSNorm(d)
        self.attn, self.ffn, self.pos_embedding = nn.Module(), nn.Module(), nn.Module()
        self.attn.q, self.attn.k = linear(d, d, (d * head) ** -0.5), linear(d, d, d**-0.5)
        self.attn.v, self.attn.o = linear(d, d, d**-0.5), linear(d, d, 0.4 * d**-0.5)
        self.ffn.gate = nn.Sequential(linear(d, f, d**-0.5), nn.GELU("tanh"))
        self.ffn.fc1, self.ffn.fc2 = linear(d, f, d**-0.5), linear(f, d, 0.4 * f**-0.5)
        self.pos_embedding.embedding = nn.Embedding(BUCKETS, TEXT_HEADS)
        # Heads begin with a look at the word before, the word after, the five before and the five after: what a colour
        # belongs to stands there. From a flat start this model learns words long before it learns to bind them.
        bias = torch.full((BUCKETS, TEXT_HEADS), -2.0)
        after = BUCKETS // 2
        bias[1, 0] = bias[after + 1, 1] = 3.0
        bias[0:6, 2] = bias[after : after + 6, 3] = 1.0
        self.pos_embedding.embedding.weight.data.copy_(bias)

    @staticmethod
    def _linear(i: int, o: int, std: float) -> nn.Linear:
        layer = nn.Linear(i, o, bias=False)
        nn.init.normal_(layer.weight, std=std)
        return layer

    def forward(self, x, mask, buckets):
        B, L, _ = x.shape
        y = self.norm1(x)
        q, k, v = (m(y).view(B, L, TEXT_HEADS, -1).transpose(1, 2) for m in (self.attn.q, self.attn.k, self.attn.v))
        weights = (q @ k.transpose(-1, -2) + self.pos_embedding.embedding(buckets).permute(2, 0, 1) + mask).softmax(-1)
        x = x + self.attn.o((weights @ v).transpose(1, 2).reshape(B, L, -1))
        y = self.norm2(x)
        return x + self.ffn.fc2(self.ffn.fc1(y) * self.ffn.gate(y))


def relative_buckets(length: int) -> torch.Tensor:
    """T5's bidirectional buckets of key position − query position; distances up to 128."""
    offset = torch.arange(length)[None] - torch.arange(length)[:, None]
    half, near = BUCKETS // 2, BUCKETS // 4
    side, distance = (offset > 0).long() * half, offset.abs()
    far = near + (torch.log(distance.float().clamp(min=1) / near) / math.log(128 / near) * (half - near)).long()
    return side + torch.where(distance < near, distance, far.clamp(max=half - 1))


class TextEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.token_embedding = nn.Embedding(len(world.WORDS), TEXT_DIM)
        self.blocks = nn.ModuleList(TextLayer() for _ in range(TEXT_LAYERS))
        self.norm = RMSNorm(TEXT_DIM)
        nn.init.normal_(self.token_embedding.weight)
        self.register_buffer("buckets", relative_buckets(world.TEXT_LEN), persistent=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Token ids [B, TEXT_LEN] to embeddings; rows of padding are zero."""
        real = ids != 0
        mask = torch.where(real, 0.0, -1e9)[:, None, None]
        x = self.token_embedding(ids)
        for block in self.blocks:
            x = block(x, mask, self.buckets)
        return self.norm(x) * real[..., None]


class Mini(nn.Module):
    def __init__(self):
        super().__init__()
        self.text, self.dit = TextEncoder(), Transformer()


@torch.no_grad()
def generate(model: Mini, ids, chunks: int, seed: int = 0, steps=tuple(STEPS), renoise: str = "same", window: int = CHUNK, side: int = world.GRID):
    """Chunk after chunk as the engine does it; gives latents [B, 3·chunks, 16, side, side] and the maps of the last step of
    each chunk. After a step the clean estimate is noised again, with the noise the chunk began with ("same") or with new
    noise ("fresh"); `window` is how many earlier latent frames the cache holds."""
    generator = torch.Generator().manual_seed(seed)
    B, text = len(ids), model.text(ids)
    draw = lambda: torch.randn(B, CHUNK, CHANNELS, side, side, generator=generator).to(ids.device)
    past, latents, maps = None, [], []
    for chunk in range(chunks):
        noise = x = draw()
        for t, after in zip(steps, [*steps[1:], None]):
            velocity, m, _ = model.dit(x, torch.full((B, CHUNK), t, device=x.device), text, first=chunk * CHUNK, past=past)
            clean = x - t / 1000 * velocity
            if after is not None:
                noise = noise if renoise == "same" else draw()
                x = (1 - after / 1000) * clean + after / 1000 * noise
        latents.append(clean)
        maps.append(m)
        _, _, cache = model.dit(clean, torch.zeros(B, CHUNK, device=x.device), text, first=chunk * CHUNK, past=past)
        keep = window * (side // 2) ** 2
        both = lambda old, new: new if old is None else torch.cat([old, new], 1)
        past = [tuple(both(o, n)[:, -keep:] for o, n in zip(old, new)) for old, new in zip(past or [(None, None)] * LAYERS, cache)]
    return torch.cat(latents, 1), maps
