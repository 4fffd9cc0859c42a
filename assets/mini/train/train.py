"""Trains the transformer and the text encoder together; can be stopped at any moment and continued.

    python train.py RUN_DIR [--from FOLDER] [--steps N] [--decay N] [--compile]

`RUN_DIR/state.pt` holds weights, their moving average, both optimizers, the step and the random states; it is written
every few minutes and at the end. The learning rate is constant, so there is no length to decide in advance: weights to
ship come from `--decay N`, which starts from the state, lowers the rate to zero over N steps and writes `decayed.pt`
beside it, without touching the state. A decay that was stopped goes on, unless the state has been trained since.
Everything is scheduled by step, so pauses cost nothing. `--from` begins with exported weights instead of nothing: the words that
they know keep their embeddings, new ones start anew; `training_steps` of their configuration is the step.

What a step trains is drawn anew for each (`MODES`): one latent frame alone; the first chunk of a clip; a chunk after a clean
one (at t = 0, as the cache pass makes it).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

import latents
import model as wan
import world
from autoencoder import Encoder
from model import CHUNK, STEPS, Mini
from muon import Muon

# mode: (noisy frames, clean frames, batch)
MODES = {"image": (1, 0, 36), "first": (CHUNK, 0, 12), "next": (CHUNK, CHUNK, 6)}
COMPILED = "image", "first"   # modes worth a compilation, if --compile is given
IMAGE_STEPS = 4000            # steps that train single frames only: they show three times as many scenes for the same time
SHARES = {"image": 0.25, "first": 0.45, "next": 0.3}
RATE_MUON, RATE_ADAM, RATE_TEXT, WARMUP, AVERAGE = 0.02, 2e-3, 1e-3, 50, 0.997
GROUNDING, GROUNDING_LEFT, GROUNDING_END = 0.06, 0.0012, 5000   # weight of the loss on the maps at first, and what is left at the end
GROUNDED = range(1, wan.LAYERS - 1)     # layers whose maps it looks at
FREE = 0.2                              # share of the image batches with things anywhere, whatever the noise says
OWN = 0.25                              # share of batches that undo the model's own estimate instead of the true clip
OWN_FROM = 6000
BOOST, BOOST_END = 2.5, 3000            # by how many deviations the chosen token is lifted over the others at first, and until when


class Trainer:
    def __init__(self, run: Path, device: str, seed: int = 0, batch: float = 1.0):
        self.run, self.device, self.batch = run, device, batch
        torch.manual_seed(seed)
        self.rng = random.Random(seed)
        if not (run / "encoder.pt").exists():
            raise SystemExit(f"there is no {run / 'encoder.pt'} yet: train_autoencoder.py makes it")
        self.tables = latents.Tables(Encoder.load(run / "encoder.pt"), device)
        self.model = Mini().to(device)
        named = dict(self.model.named_parameters())
        # Not the text encoder: without 1/√d and with a product in its FFN, steps of constant size drive its attention to
        # one-hot and its residual stream to a hundred times the embedding's size within a thousand steps.
        is_matrix = lambda name, p: p.ndim == 2 and name.startswith("dit.blocks")
        self.muon = Muon([p for n, p in named.items() if is_matrix(n, p)], BF16)
        text = [p for n, p in named.items() if n.startswith("text.")]
        others = [p for n, p in named.items() if not n.startswith("text.") and not is_matrix(n, p)]
        self.rest = others + text
        groups = [dict(params=others, rate=RATE_ADAM), dict(params=text, rate=RATE_TEXT)]
        self.adam = torch.optim.AdamW(groups, lr=RATE_ADAM, betas=(0.9, 0.98), weight_decay=0.01)
        self.average = {n: p.detach().clone() for n, p in named.items()}
        self.step = self.born = 0   # born: the step it began at

    # ------------------------------------------------------------------------------------------------------- state

    def save(self, name: str = "state.pt", **more) -> None:
        state = dict(model=self.model.state_dict(), average=self.average, adam=self.adam.state_dict(), momenta=self.muon.momenta,
                     step=self.step, born=self.born, rng=self.rng.getstate(), torch_rng=torch.get_rng_state(), preferred=(world.PREFERRED, world.PREFERENCE), **more)
        torch.save(state, self.run / "writing.pt")
        os.replace(self.run / "writing.pt", self.run / name)

    def load(self, path: Path) -> dict:
        state = torch.load(path, map_location=self.device, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.adam.load_state_dict(state["adam"])
        for mine, saved in zip(self.muon.momenta, state["momenta"]):
            mine.copy_(saved)
        self.average = state["average"]
        self.step, self.born = state["step"], state["born"]
        world.PREFERRED, world.PREFERENCE = state.get("preferred", ([], 0.0))
        torch.set_rng_state(state["torch_rng"].cpu())
        self.rng.setstate(state["rng"])
        return state

    def begin_with(self, folder: Path, share: float | None) -> None:
        """Starts from exported weights, of a world that may know fewer things."""
        weights = {f"{part}.{name}": tensor.float() for part, file in (("dit", "transformer"), ("text", "text_encoder"))
                   for name, tensor in load_file(folder / f"{file}.safetensors").items()}
        known = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
        own = self.model.text.token_embedding.weight.detach().cpu().clone()
        for word, i in world.VOCABULARY.items():
            if word in known:
                own[i] = weights["text.token_embedding.weight"][known[word]]
        weights["text.token_embedding.weight"] = own
        self.model.load_state_dict(weights)
        self.average = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        config = json.loads((folder / "config.json").read_text())
        self.step = self.born = config["training_steps"]
        new = [thing for thing in world.THINGS if thing not in config["words"]["things"]]
        print("beginning with", folder, "at step", self.step, *(["; new:", ", ".join(new)] if new else []), flush=True)
        if new and share:   # they have much to catch up on
            world.PREFERRED, world.PREFERENCE = new, share

    # -------------------------------------------------------------------------------------------------------- data

    def timesteps(self, count: int) -> torch.Tensor:
        """Noise levels in 0..1, seven in ten of them the sampler's, pure noise most often: finding the place is hardest."""
        u = torch.rand(count)
        anywhere = (3 * u / (1 + 2 * u)).clamp(min=0.02)
        fixed = torch.tensor(STEPS)[torch.multinomial(torch.tensor([0.5, 0.2, 0.15, 0.15]), count, True)] / 1000
        return torch.where(torch.rand(count) < 0.7, fixed, anywhere)

    def clips(self, mode: str):
        noisy, clean, count = MODES[mode]
        count = max(1, int(count * self.batch))
        scenes = [world.sample_scene(self.rng) for _ in range(count)]
        noise = torch.randn(count, clean + noisy, wan.CHANNELS, world.GRID, world.GRID, device=self.device)
        free = clean or mode == "image" and self.rng.random() < FREE
        if free:  # any place and any time; the noise has no say
            starts = torch.tensor([self.rng.choice(np.argwhere(world.starts_of(s)).tolist()) for s in scenes])
            meets = lambda s: s.things[0].motion == world.MEETING   # nothing new after two chunks
            firsts = [(CHUNK if clean else 1) * self.rng.randrange((2 if clean else 5) if meets(s) else 16) for s in scenes]
        else:
            starts, firsts = latents.start_of(noise, scenes), [0] * count
            latents.lift(noise, starts, BOOST * max(0.0, 1 - self.step / BOOST_END))
        truth, masks = self.tables.scenes(scenes, starts.cpu().numpy(), firsts, clean + noisy)
        ids, refs = latents.captions(scenes, self.rng)
        level = self.timesteps(count)
        if free and not clean:  # in pure noise the place could not be known
            level = torch.where(level > 0.9, 0.1 + 0.8 * torch.rand(count), level)
        return truth, noise, masks, ids.to(self.device), refs.to(self.device), level.to(self.device)

    # -------------------------------------------------------------------------------------------------------- loss

    def losses(self, mode: str) -> tuple[torch.Tensor, torch.Tensor, float]:
        """The loss, the grounding loss, and the part of the first from pure noise, which tells whether places are found."""
        noisy, clean, _ = MODES[mode]
        with torch.autocast(self.device.split(":")[0], enabled=False):   # batches are exact
            truth, noise, masks, ids, refs, level = self.clips(mode)
        text = self.model.text(ids)
        own = self.step >= OWN_FROM and self.rng.random() < OWN and bool((level > 0.99).any())  # not where places are free
        context = truth[:, :clean]
        if clean:
            context = context + 0.1 * torch.rand(len(ids), 1, 1, 1, 1, device=self.device) * noise[:, :clean]
        estimate = truth[:, clean:]
        if own:
            with torch.compiler.set_stance("force_eager"):   # not worth three more compilations
                context, estimate = self.own_estimates(context, noise, text, clean)
        mix = level[:, None, None, None, None]
        x = torch.cat([context, (1 - mix) * estimate + mix * noise[:, clean:]], 1)
        t = 1000 * level[:, None].repeat(1, clean + noisy)
        t[:, :clean] = 0
        velocity, maps, _ = self.model.dit(x, t, text)
        # The velocity that leads from x to the truth, whatever the estimate was.
        error = (velocity - (x - truth) / mix)[:, clean:].pow(2).mean((2, 3, 4))
        if own:  # where little noise is left, an estimate's fault would count without bound
            error = error * (level[:, None] / 0.6).clamp(max=1) ** 2
        pure = error.detach()[level > 0.99].mean().item()
        return error.mean(), self.grounding(maps, masks, refs, level, clean, noisy), pure

    @torch.no_grad()
    def own_estimates(self, context, noise, text, clean: int):
        """What the model itself would have made by now: the context after some noise was undone, the chunk from pure noise."""
        full = lambda x, value: torch.full(x.shape[:2], value, device=self.device)
        if clean:  # every chunk by itself
            level, chunks = self.rng.choice(STEPS[2:]), clean // CHUNK
            x = (1 - level / 1000) * context + level / 1000 * torch.randn_like(context)
            x = x.reshape(-1, CHUNK, *x.shape[2:])
            x = x - level / 1000 * self.model.dit(x, full(x, level), text.repeat_interleave(chunks, 0))[0]
            context = x.view_as(context)
        x = torch.cat([context, noise[:, clean:]], 1)
        t = full(x, 1000.0)
        t[:, :clean] = 0
        return context, (x - self.model.dit(x, t, text)[0])[:, clean:]

    def grounding(self, maps, masks, refs, level, clean: int, noisy: int) -> torch.Tensor:
        """−log of the share of a word's map (mean of heads) that lies on what the word names."""
        B, seen = len(refs), range(clean, clean + noisy)
        w = torch.stack([maps[i].float().mean(1) for i in GROUNDED], 1)
        w = w.view(B, len(GROUNDED), clean + noisy, world.TOKENS**2, -1)[:, :, clean:]
        word = refs[..., 0].clamp(min=0)[:, None, None, None].expand(-1, len(GROUNDED), noisy, world.TOKENS**2, -1)
        share = w.gather(4, word)
        share = share / (share.sum(3, keepdim=True) + 1e-6)
        here = masks[:, clean:].flatten(3)
        both = here.sum(2, keepdim=True)
        here = torch.cat([(2 * here).clamp(max=1), 1 - both.clamp(max=1), (2 * both).clamp(max=1)], 2)  # [B, F, 4, 64]
        named = here.gather(2, refs[..., 1][:, None, :, None].expand(-1, noisy, -1, here.shape[-1])).transpose(2, 3)
        mass = (share * named[:, None]).sum(3).mean(1)                                                # [B, F, REFERENCES]
        # Pure noise counts too: it says where the object will be, and this loss is what teaches to see it there early on.
        weight = ((refs[..., 0] >= 0)[:, None] * (1 - 0.5 * level)[:, None, None]).expand_as(mass)
        return (-(mass + 0.02).log() * weight).sum() / weight.sum()

    def grounding_weight(self) -> float:
        return max(GROUNDING_LEFT, GROUNDING * (1 - self.step / GROUNDING_END))

    # -------------------------------------------------------------------------------------------------------- step

    def train_step(self, factor: float) -> tuple[str, float, float, float]:
        mode = "image" if self.step < IMAGE_STEPS else self.rng.choices(list(SHARES), list(SHARES.values()))[0]
        factor *= min(1.0, (self.step - self.born + 1) / WARMUP)   # optimizers have to get going
        for group in self.adam.param_groups:
            group["lr"] = group["rate"] * factor
        stance = torch.compiler.set_stance("default" if mode in COMPILED else "force_eager")
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=BF16), stance:
            loss, grounding, pure = self.losses(mode)
            (loss + self.grounding_weight() * grounding).backward()
        nn.utils.clip_grad_norm_(self.rest, 1.0)
        self.adam.step()
        self.muon.step(RATE_MUON * factor)
        self.adam.zero_grad()
        self.step += 1
        keep = min(AVERAGE, self.step / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), [p.detach() for p in self.model.parameters()], 1 - keep)
        return mode, loss.item(), grounding.item(), pure


BF16 = False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=10**9, help="train until this step")
    parser.add_argument("--more", type=int, help="train so many steps beyond where --from began")
    parser.add_argument("--decay", type=int, help="lower the rate to zero over so many steps and write decayed.pt")
    parser.add_argument("--compile", action="store_true", help="compile the layers (about a minute for each mode, then twice as fast)")
    parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--batch", type=float, default=1.0, help="multiple of the batch sizes; about 16 for a large GPU")
    parser.add_argument("--from", dest="origin", type=Path, help="begin with the weights of this folder, if RUN_DIR has no state yet")
    parser.add_argument("--new", type=float, default=0.5, help="share of scenes with things that --from does not know")
    parser.add_argument("--save-every", type=int, default=300, help="steps")
    args = parser.parse_args()
    global BF16
    BF16 = args.bf16
    torch.set_num_threads(args.threads)
    args.run.mkdir(parents=True, exist_ok=True)
    if args.compile:
        torch._dynamo.config.recompile_limit = 64
        wan.Block.forward = torch.compile(wan.Block.forward, dynamic=False)
    trainer = Trainer(args.run, args.device, batch=args.batch)
    if (args.run / "state.pt").exists():
        trainer.load(args.run / "state.pt")
        print("continuing at step", trainer.step, flush=True)
    elif args.origin:
        trainer.begin_with(args.origin, args.new)
    begin, state, decayed = trainer.step, args.run / "state.pt", args.run / "decayed.pt"
    if args.decay and decayed.exists() and decayed.stat().st_mtime > state.stat().st_mtime:
        begin = trainer.load(decayed)["decay_from"]
        print("continuing the decay at step", trainer.step, flush=True)
    end = begin + args.decay if args.decay else trainer.born + args.more if args.more else args.steps
    sums, since, busy = {}, time.time(), time.process_time()
    while trainer.step < end:
        factor = 1 - (trainer.step - begin) / args.decay if args.decay else 1.0
        mode, *values = trainer.train_step(factor)
        sums.setdefault(mode, []).append(values)
        if trainer.step % 100 == 0:
            row = {m: [round(v, 4) for v in np.nanmean(x, 0).tolist()] + [len(x)] for m, x in sums.items()}
            took, used = (time.time() - since) / 100, (time.process_time() - busy) / 100
            print(trainer.step, f"{took:.2f} s, {used:.2f} core s a step", row, flush=True)
            with open(args.run / ("decay.jsonl" if args.decay else "log.jsonl"), "a") as log:
                log.write(json.dumps({"step": trainer.step, "core_seconds": round(used, 3), **row}) + "\n")
            sums, since, busy = {}, time.time(), time.process_time()
        if trainer.step % args.save_every == 0 or trainer.step >= end:
            trainer.save("decayed.pt" if args.decay else "state.pt", decay_from=begin)


if __name__ == "__main__":
    main()
