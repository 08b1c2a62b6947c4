"""Writes quants.gguf, random blocks of every type that weights/dequant.go decodes, and quants.safetensors,
what the gguf package (0.19.0, by the authors of ggml) dequantises them to.

    python make_quants.py
"""
import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.quants import dequantize
from safetensors.numpy import save_file

ROWS, COLUMNS = 3, 512
# Where the halves (scales, minima) of a block are; all other bytes may be anything.
HALVES = {
    T.F16: range(0, 2, 2), T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0],
    T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208],
}

rng = np.random.default_rng(20261122)
writer = gguf.GGUFWriter("quants.gguf", "none")
expected = {}
for kind in (T.F32, T.F16, T.BF16, *list(HALVES)[1:]):
    block, size = gguf.GGML_QUANT_SIZES[kind]
    if kind == T.F32:
        raw = rng.standard_normal((ROWS, COLUMNS), dtype=np.float32).view(np.uint8)
    elif kind == T.BF16:
        raw = (rng.standard_normal((ROWS, COLUMNS), dtype=np.float32).view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
    else:
        raw = rng.integers(0, 256, (ROWS, COLUMNS // block * size), dtype=np.uint8)
        blocks = raw.reshape(-1, size)
        for at in HALVES[kind]:
            blocks[:, at : at + 2] = rng.standard_normal((len(blocks), 1)).astype(np.float16).view(np.uint8)
    writer.add_tensor(kind.name, raw, raw_dtype=kind)
    values = dequantize(raw, kind) if kind not in (T.F32, T.F16) else raw.view(np.float32 if kind == T.F32 else np.float16)
    expected[kind.name] = np.ascontiguousarray(values.astype(np.float32).reshape(ROWS, COLUMNS))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
save_file(expected, "quants.safetensors")
