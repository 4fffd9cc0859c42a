"""Writes the PyTorch checkpoints of this folder. Made with torch 2.15; run it in this folder.

Every tensor counts up by 0.5 from a start of its own, so that the tests can tell them apart without this script.
"""

import argparse
import collections
import datetime

import torch


def count(start, *shape, dtype=torch.float32):
    n = torch.Size(shape).numel()
    return (start + 0.5 * torch.arange(n, dtype=torch.float32)).reshape(shape).to(dtype)


# A training checkpoint: two generators, of which the averaged one has FSDP's names, and what a trainer keeps beside.
torch.save(
    {
        "generator": {"model.norm.weight": count(1, 4), "model.blocks.0.ffn.0.weight": count(2, 2, 3)},
        "generator_ema": collections.OrderedDict(
            {
                "model._fsdp_wrapped_module.norm.weight": count(10, 4, dtype=torch.bfloat16),
                "model.blocks.0._fsdp_wrapped_module.ffn.0.weight": count(20, 2, 3),
            }
        ),
        "critic": {"norm.weight": count(30, 4)},
        "step": 1 << 40,
        "when": datetime.datetime(2025, 1, 1),
        "args": argparse.Namespace(lr=1e-5, names={"a", "b"}, device=torch.device("cpu")),
    },
    "training.pt",
)

shared = count(0, 12)
module = torch.nn.Linear(3, 2)
module.weight = torch.nn.Parameter(count(40, 2, 3))
module.bias = torch.nn.Parameter(count(50, 2))
views = module.state_dict()  # an OrderedDict with an attribute
views.update(
    {
        "half": count(1, 3, dtype=torch.float16),
        "brain": count(2, 3, dtype=torch.bfloat16),
        "double": count(3, 3, dtype=torch.float64),
        "long": torch.arange(3),
        "bool": torch.tensor([True, False]),
        "fp8": count(4, 2, 2).to(torch.float8_e4m3fn),
        "fp8_e5m2": torch.tensor([1.5, -2.0]).to(torch.float8_e5m2),
        "complex": torch.zeros(2, dtype=torch.complex64),
        "parameter": torch.nn.Parameter(count(5, 2)),
        "scalar": torch.tensor(7.5),
        "empty": torch.zeros(0, 3),
        "transposed": count(6, 2, 3).t(),
        "permuted": count(7, 2, 3, 4).permute(2, 0, 1),
        "shared": shared,
        "shared_tail": shared[8:],
        "shared_grid": shared.reshape(3, 4)[1:, 1:3],
        "every_other": shared[::2],
    }
)
torch.save(views, "views.pt")
torch.save(views, "views_protocol4.pt", pickle_protocol=4)

torch.save(
    {"generator_lora": {f"base_model.model.blocks.0.ffn.0.lora_{x}.weight": count(1, *s) for x, s in (("A", (1, 3)), ("B", (2, 1)))}},
    "lora.pt",
)

torch.save(count(1, 4), "tensor.pt")
torch.save({"norm.weight": count(1, 4)}, "before_1_6.pt", _use_new_zipfile_serialization=False)
