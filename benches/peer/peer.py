"""PyTorch's side of the comparison: answers `version`, `output TASK` and `run TASK`, one line each.

The layer is Self-Forcing's in its fastest plain form: fused norms and attention, rotation by precomputed cosines and sines, keys
and values of past frames in a preallocated cache.
"""

import sys
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

FOLDER = sys.argv[1]
HEADS, GRID = 12, (3, 20, 36)
torch.set_grad_enabled(False)


class Layer:
    def __init__(self):
        self.w = load_file(f"{FOLDER}/layer.safetensors")
        k, v = self.w["in.k"], self.w["in.v"]
        tokens = GRID[0] * GRID[1] * GRID[2]
        empty = torch.zeros(1, tokens, *k.shape[2:])
        self.k, self.v = torch.cat([k, empty], 1), torch.cat([v, empty], 1)
        self.past = k.shape[1]
        self.cos, self.sin = self.rotation(int(self.w["in.first_frame"][0]), k.shape[-1])
        text = self.w["in.text"]
        self.prompt_k = self.split(self.norm("cross_attn.norm_k", self.linear("cross_attn.k", text)))
        self.prompt_v = self.split(self.linear("cross_attn.v", text))

    def rotation(self, first_frame, d):
        frames, rows, columns = GRID
        space = 2 * (d // 6)
        axes = ((first_frame, frames, d - 2 * space), (0, rows, space), (0, columns, space))
        angles = [
            torch.outer(torch.arange(a, a + n, dtype=torch.float64), 10000.0 ** (-torch.arange(0, m, 2, dtype=torch.float64) / m))
            for a, n, m in axes
        ]
        grid = [angles[0][:, None, None], angles[1][None, :, None], angles[2][None, None]]
        a = torch.cat([x.expand(frames, rows, columns, -1) for x in grid], -1).reshape(1, -1, 1, d // 2)
        return a.cos().float(), a.sin().float()

    def rotate(self, x):
        pairs = x.unflatten(-1, (-1, 2))
        x0, x1 = pairs[..., 0], pairs[..., 1]
        return torch.stack([x0 * self.cos - x1 * self.sin, x0 * self.sin + x1 * self.cos], -1).flatten(-2)

    def linear(self, name, x):
        return F.linear(x, self.w[f"{name}.weight"], self.w[f"{name}.bias"])

    def norm(self, name, x):
        return F.rms_norm(x, x.shape[-1:], self.w[f"{name}.weight"], 1e-6)

    def split(self, x):
        return x.unflatten(-1, (HEADS, -1))

    def attend(self, q, k, v):
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)

    def __call__(self):
        w, x = self.w, self.w["in.x"]
        m = [e.squeeze(2)[:, :, None] for e in (w["modulation"][:, None] + w["in.time"]).split(1, 2)]
        frames = lambda y: y.unflatten(1, (GRID[0], -1))
        modulated = lambda y, shift, scale: (frames(F.layer_norm(y, y.shape[-1:], eps=1e-6)) * (1 + scale) + shift).flatten(1, 2)
        gated = lambda y, gate: (frames(y) * gate).flatten(1, 2)

        a = modulated(x, m[0], m[1])
        q = self.rotate(self.split(self.norm("self_attn.norm_q", self.linear("self_attn.q", a))))
        self.k[:, self.past :] = self.rotate(self.split(self.norm("self_attn.norm_k", self.linear("self_attn.k", a))))
        self.v[:, self.past :] = self.split(self.linear("self_attn.v", a))
        x = x + gated(self.linear("self_attn.o", self.attend(q, self.k, self.v)), m[2])

        c = F.layer_norm(x, x.shape[-1:], w["norm3.weight"], w["norm3.bias"], 1e-6)
        q = self.split(self.norm("cross_attn.norm_q", self.linear("cross_attn.q", c)))
        x = x + self.linear("cross_attn.o", self.attend(q, self.prompt_k, self.prompt_v))

        b = modulated(x, m[3], m[4])
        return x + gated(self.linear("ffn.2", F.gelu(self.linear("ffn.0", b), approximate="tanh")), m[5])


class Taehv:
    """The decoder as taehv.py runs it: all frames of the chunk at once, with the memory of the chunk before."""

    def __init__(self):
        self.w = load_file(f"{FOLDER}/taehv.safetensors")
        self.memory = {}
        self.memory = self.decode()[1]

    def conv(self, name, x):
        weight = self.w[f"{name}.weight"]
        return F.conv2d(x, weight, self.w.get(f"{name}.bias"), padding=weight.shape[-1] // 2)

    def decode(self):
        memory = {}

        def mem_block(name, x):
            first = self.memory.get(name, torch.zeros_like(x[:1]))
            memory[name] = x[-1:]
            y = torch.cat([x, torch.cat([first, x[:-1]])], 1)
            y = F.relu(self.conv(f"{name}.conv.2", F.relu(self.conv(f"{name}.conv.0", y))))
            return F.relu(self.conv(f"{name}.conv.4", y) + x)

        x = F.relu(self.conv("decoder.1", torch.tanh(self.w["in.latents"] / 3) * 3))
        for first in (3, 9, 15):
            for i in range(first, first + 3):
                x = mem_block(f"decoder.{i}", x)
            x = F.interpolate(x, scale_factor=2)
            _, c, h, w = x.shape
            x = self.conv(f"decoder.{first + 4}.conv", x).reshape(-1, c, h, w)
            x = self.conv(f"decoder.{first + 5}", x)
        return self.conv("decoder.22", F.relu(x)).clamp(0, 1), memory

    def __call__(self):
        return self.decode()[0]


class Product:
    """The product of a linear layer, in the dtype that the name of the task ends in."""

    def __init__(self, dtype):
        tensors = load_file(f"{FOLDER}/product.safetensors")
        self.x, self.weight = (tensors[name].to(dtype) for name in ("x", "weight"))

    def __call__(self):
        return F.linear(self.x, self.weight).float()


TASKS = {
    "layer": Layer,
    "taehv": Taehv,
    "product-f32": lambda: Product(torch.float32),
    "product-bf16": lambda: Product(torch.bfloat16),
}


def main():
    tasks = {}
    for line in sys.stdin:
        verb, *rest = line.split()
        if verb == "version":
            print(torch.__version__, f"{torch.get_num_threads()} threads", torch.backends.cpu.get_cpu_capability(), flush=True)
            continue
        if rest[0] not in tasks:
            tasks[rest[0]] = TASKS[rest[0]]()
        task = tasks[rest[0]]
        start = time.perf_counter()
        output = task()
        seconds = time.perf_counter() - start
        if verb == "output":
            save_file({"output": output.contiguous()}, f"{FOLDER}/output.safetensors")
        print(seconds, flush=True)


main()
