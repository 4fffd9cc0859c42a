"""ggml's side of the comparison: answers `version`, `output FORMAT` and `run FORMAT`, one line each.

Each run is one product of a linear layer, `x Wᵀ`, with the weight in a number format of ggml.
"""

import ctypes
import os
import sys
import time

import ggml
import numpy
from safetensors.numpy import load_file, save_file

FOLDER = sys.argv[1]
THREADS = os.cpu_count()
FORMATS = {"f32": ggml.GGML_TYPE_F32, "f16": ggml.GGML_TYPE_F16, "bf16": ggml.GGML_TYPE_BF16, "q8": ggml.GGML_TYPE_Q8_0}


class Product:
    def __init__(self, name):
        tensors = load_file(f"{FOLDER}/product.safetensors")
        x, weight = tensors["x"], tensors["weight"]
        (rows, inner), outputs = x.shape, weight.shape[0]
        self.shape = (rows, outputs)
        self.ctx = ggml.ggml_init(ggml.ggml_init_params(mem_size=1 << 30, mem_buffer=None, no_alloc=False))
        kind = FORMATS[name]
        a = ggml.ggml_new_tensor_2d(self.ctx, kind, inner, outputs)
        b = ggml.ggml_new_tensor_2d(self.ctx, ggml.GGML_TYPE_F32, inner, rows)
        ctypes.memmove(ggml.ggml_get_data(b), x.ctypes.data, x.nbytes)
        source = weight.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        if name == "f32":
            ctypes.memmove(ggml.ggml_get_data(a), weight.ctypes.data, weight.nbytes)
        else:
            ggml.ggml_quantize_chunk(kind, source, ggml.ggml_get_data(a), 0, outputs, inner, None)
        self.y = ggml.ggml_mul_mat(self.ctx, a, b)
        self.graph = ggml.ggml_new_graph(self.ctx)
        ggml.ggml_build_forward_expand(self.graph, self.y)
        plan = ggml.ggml_graph_plan(self.graph, THREADS, None)
        self.work = (ctypes.c_uint8 * max(plan.work_size, 1))()
        plan.work_data = ctypes.cast(self.work, ctypes.POINTER(ctypes.c_uint8))
        self.plan = plan

    def __call__(self):
        ggml.ggml_graph_compute(self.graph, ctypes.byref(self.plan))

    def output(self):
        data = ctypes.cast(ggml.ggml_get_data(self.y), ctypes.POINTER(ctypes.c_float))
        return numpy.ctypeslib.as_array(data, self.shape).copy()


def main():
    tasks = {}
    for line in sys.stdin:
        verb, *rest = line.split()
        if verb == "version":
            features = [name for name in ("avx2", "avx512", "avx512_bf16") if getattr(ggml, f"ggml_cpu_has_{name}")()]
            print(f"{ggml.__version__}, {THREADS} threads,", *features, flush=True)
            continue
        name = rest[0].removeprefix("product-")
        if name not in tasks:
            tasks[name] = Product(name)
        start = time.perf_counter()
        tasks[name]()
        seconds = time.perf_counter() - start
        if verb == "output":
            save_file({"output": tasks[name].output()}, f"{FOLDER}/output.safetensors")
        print(seconds, flush=True)


main()
