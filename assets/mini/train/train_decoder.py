"""Trains the decoder on the encoder's latents; independent of the transformer's training, can be stopped and continued.

    python train_decoder.py RUN_DIR --steps 1500

`RUN_DIR/decoder.pt` holds weights, moving average, optimizer and step. The rate is constant for the first 40 % of `--steps`
and falls to zero at the end. A quarter of the latents is left clean; the others get up to 0.2 of noise, so that the
decoder forgives what a transformer gets slightly wrong.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

import world
from autoencoder import Decoder, Encoder

BATCH, LATENTS, CROP, RATE = 8, 2, 8, 2e-3   # CROP in cells


def batch(rng: random.Random, encoder: Encoder) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents [BATCH, LATENTS, 16, CROP, CROP] and pixels [BATCH, 4·LATENTS, 3, 8·CROP, 8·CROP], around an object."""
    latents, pixels = [], []
    while len(pixels) < BATCH:
        scene = world.sample_scene(rng)
        start, first = (rng.randrange(8), rng.randrange(8)), rng.randrange(16)
        video, _ = world.render(scene, start, first, LATENTS)
        video = torch.from_numpy(video).permute(0, 3, 1, 2)
        z = encoder(video)
        for i in range(len(scene.things)):
            dy, dx = world.place_of(scene, i, start, first)
            y, x = (min(max((d + 8) % 16 + rng.randrange(-3, 4) - CROP // 2, 0), 16 - CROP) for d in (dy, dx))
            latents.append(z[:, :, y : y + CROP, x : x + CROP])
            pixels.append(video[:, :, 8 * y : 8 * (y + CROP), 8 * x : 8 * (x + CROP)])
    z = torch.stack(latents[:BATCH])
    noise = 0.2 * (torch.rand(BATCH, 1, 1, 1, 1) - 0.25).clamp(min=0) / 0.75
    return z + noise * torch.randn_like(z), torch.stack(pixels[:BATCH])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    args.run.mkdir(parents=True, exist_ok=True)
    if not (args.run / "encoder.pt").exists():
        torch.save(Encoder.fit(), args.run / "encoder.pt")
    encoder = Encoder(torch.load(args.run / "encoder.pt"))
    decoder, path, step = Decoder(), args.run / "decoder.pt", 0
    decoder.start_from(encoder)
    adam = torch.optim.AdamW(decoder.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=1e-4)
    if path.exists():
        state = torch.load(path, weights_only=False)
        decoder.load_state_dict(state["model"])
        adam.load_state_dict(state["adam"])
        step = state["step"]
    average = {n: p.detach().clone() for n, p in (state["average"].items() if step else decoder.named_parameters())}
    rng, errors, since = random.Random(1000 + step), [], time.process_time()
    while step < args.steps:
        done = step / args.steps
        for group in adam.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 50) * min(1.0, (1.02 - done) / 0.62)
        z, pixels = batch(rng, encoder)
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            made = decoder(z)
        error = made.float() - pixels
        slope = lambda e: (e[..., 1:] - e[..., :-1]).abs().mean() + (e[..., 1:, :] - e[..., :-1, :]).abs().mean()
        loss = 4 * (error**2).mean() + 0.2 * (error**2 + 1e-4).sqrt().mean() + 0.05 * slope(error)
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        adam.step()
        step += 1
        with torch.no_grad():
            torch._foreach_lerp_(list(average.values()), list(decoder.parameters()), 1 - min(0.99, step / (step + 10)))
        errors.append((error**2).mean().item())
        if step % 50 == 0:
            used = (time.process_time() - since) / 50
            print(f"{step}: crops {-10 * math.log10(np.mean(errors)):.2f} dB, {used:.2f} core s a step", flush=True)
            errors, since = [], time.process_time()
        if step % 100 == 0 or step == args.steps:
            torch.save(dict(model=decoder.state_dict(), average=average, adam=adam.state_dict(), step=step), path)


if __name__ == "__main__":
    main()
