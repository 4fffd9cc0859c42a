"""Trains the encoder of blocks together with the decoder, then the decoder alone; can be stopped and continued.

    python train_autoencoder.py RUN_DIR --steps 4000              encoder and decoder; at the end the encoder is final
    python train_autoencoder.py RUN_DIR --steps 30000 --decoder   the decoder goes on with the final encoder
    python train_autoencoder.py RUN_DIR --steps 3000 --taehv      an encoder in TAEHV's layout learns the encoder's latents

    python train_autoencoder.py RUN_DIR --from FOLDER             encoder and decoder of exported weights, to go on with

`encoder.pt`, `decoder.pt` and `taehv_encoder.pt` in RUN_DIR hold weights, optimizer and step. The rate is constant for the first 40 %
of `--steps` and falls to zero at the end. A quarter of the latents is left clean; the others get up to 0.25 of noise, so that the
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
from safetensors.torch import load_file
from torch import nn

import world
from autoencoder import POWER, Decoder, Encoder, TaehvEncoder, blocks

BATCH, LATENTS, CROP, RATE = 4, 2, 8, 2e-3   # CROP in cells
ALONE = 0.4                                  # share of the rate when the decoder is trained alone
THINGS_WEIGH = 2.0                           # how much more a pixel of a thing counts than one of the ground


def batch(rng: random.Random) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels [BATCH, 4·LATENTS, 3, 8·CROP, 8·CROP] around things, and the things' coverage [BATCH, 4·LATENTS, 1, …]."""
    pixels, covers = [], []
    while len(pixels) < BATCH:
        scene = world.sample_scene(rng)
        start, first = (rng.randrange(8), rng.randrange(8)), rng.randrange(6)
        video, masks = world.render(scene, start, first, LATENTS)
        video, mask = torch.from_numpy(video).permute(0, 3, 1, 2), torch.from_numpy(masks.max(0))[:, None]
        for i in range(len(scene.things)):
            dy, dx = world.place_of(scene, i, start, first)
            y, x = (min(max((d + rng.randrange(-2, 3)) % 16, 0), 16 - CROP) for d in (dy, dx))
            cut = slice(8 * y, 8 * (y + CROP)), slice(8 * x, 8 * (x + CROP))
            pixels.append(video[:, :, *cut])
            covers.append(mask[:, :, *cut])
    return torch.stack(pixels[:BATCH]), torch.stack(covers[:BATCH])


def noisy(z: torch.Tensor) -> torch.Tensor:
    return z + 0.25 * (torch.rand(len(z), 1, 1, 1, 1) - 0.25).clamp(min=0) / 0.75 * torch.randn_like(z)


class Part:
    """A module with its optimizer, moving average and file."""

    def __init__(self, module: nn.Module, path: Path, rate: float):
        self.module, self.path, self.rate, self.step = module, path, rate, 0
        self.adam = torch.optim.AdamW(module.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=1e-4)
        if path.exists():
            state = torch.load(path, weights_only=False)
            module.load_state_dict(state["model"])
            self.step = state["step"]
            if "adam" in state:
                self.adam.load_state_dict(state["adam"])
        saved = torch.load(path)["average"] if path.exists() else dict(module.named_parameters())
        self.average = {n: saved[n].detach().clone() for n, _ in module.named_parameters()}   # in the order of the parameters

    def update(self, factor: float) -> None:
        for group in self.adam.param_groups:
            group["lr"] = self.rate * factor * min(1, (self.step + 1) / 50)
        nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        self.adam.step()
        self.adam.zero_grad()
        self.step += 1
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), list(self.module.parameters()), 1 - min(0.99, self.step / (self.step + 10)))

    def save(self) -> None:
        torch.save(dict(model=self.module.state_dict(), average=self.average, adam=self.adam.state_dict(), step=self.step), self.path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--from", dest="origin", type=Path)
    parser.add_argument("--decoder", action="store_true")
    parser.add_argument("--taehv", action="store_true")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--bf16", action="store_true", help="compute the decoder in bfloat16: 1.7 times as fast on a processor with AMX")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.run.mkdir(parents=True, exist_ok=True)
    if args.origin and not (args.run / "encoder.pt").exists():
        for name, file in (("encoder", "train/block_encoder"), ("decoder", "decoder")):
            weights = {k: v.float() for k, v in load_file(args.origin / f"{file}.safetensors").items()}
            torch.save(dict(model=weights, average=weights, step=0), args.run / f"{name}.pt")
    final = (args.run / "encoder.pt").exists()
    if (args.decoder or args.taehv) and not final:
        raise SystemExit("there is no encoder.pt yet: train encoder and decoder together first")
    if args.origin and not args.steps:
        return
    if final and not (args.decoder or args.taehv):
        raise SystemExit("encoder.pt is final; --decoder trains the decoder further")
    torch.manual_seed(0)
    if final:
        encoder, parts = Encoder.load(args.run / "encoder.pt"), []
    else:
        encoder = Encoder()
        encoder.start()
        parts = [Part(encoder, args.run / "encoder_training.pt", RATE / 4)]
    if args.taehv:
        student = TaehvEncoder()
        parts.append(Part(student, args.run / "taehv_encoder.pt", RATE))
    else:
        decoder = Decoder().to(memory_format=torch.channels_last)   # a third faster
        decoder.start_from(encoder)
        parts.append(Part(decoder, args.run / "decoder.pt", RATE * (ALONE if final else 1)))
    rng, errors, since = random.Random(1000 + parts[-1].step), [], time.process_time()
    gain = encoder.gain.clone()
    while parts[-1].step < args.steps:
        step = parts[-1].step
        factor = min(1.0, (1.02 - step / args.steps) / 0.62)
        pixels, cover = batch(rng)
        flat = lambda x: x.unflatten(0, (BATCH, LATENTS))
        if args.taehv:
            with torch.no_grad():
                wanted = flat(encoder(pixels.flatten(0, 1)))
            loss = (student(pixels) - wanted).pow(2).mean()
            errors.append(loss.item())
        else:
            raw = flat(encoder.raw(blocks(pixels.flatten(0, 1)).permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
            scale = encoder.gain if final else (POWER / raw.pow(2).mean()).sqrt()
            gain = 0.995 * gain + 0.005 * scale.detach()
            with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
                made = decoder(noisy(raw * scale)).float()
            error = made - pixels
            weight = (1 + THINGS_WEIGH * cover) / (1 + THINGS_WEIGH * cover.mean())
            slope = lambda e: (e[..., 1:] - e[..., :-1]).abs().mean() + (e[..., 1:, :] - e[..., :-1, :]).abs().mean()
            loss = 4 * (weight * error**2).mean() + 0.2 * (weight * (error**2 + 1e-4).sqrt()).mean() + 0.05 * slope(error)
            # The decoder's clamp cannot tell large latents apart.
            loss = loss + (0 if final else 0.05 * ((raw * scale).abs() - 2.5).clamp(min=0).pow(2).mean())
            errors.append((error.detach() ** 2).mean().item())
        loss.backward()
        for part in parts:
            part.update(factor)
        done = parts[-1].step
        if done % 50 == 0:
            used = (time.process_time() - since) / 50
            print(f"{done}: {-10 * math.log10(np.mean(errors)):.2f} dB, {used:.2f} core s a step, gain {gain.item():.3f}", flush=True)
            errors, since = [], time.process_time()
        if done % 100 == 0 or done == args.steps:
            encoder.gain.copy_(gain if not final else encoder.gain)
            for part in parts:
                part.save()
    if not final:   # its moving average is what is used from now on
        encoder.load_state_dict({**encoder.state_dict(), **parts[0].average})
        torch.save(dict(model=encoder.state_dict()), args.run / "encoder.pt")


if __name__ == "__main__":
    main()
