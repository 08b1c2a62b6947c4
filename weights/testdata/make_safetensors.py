"""Writes reference.safetensors with the reference implementation (safetensors 0.8.0, torch 2.15.0).

    python make_safetensors.py

The Go writer must give the same bytes, the Go reader the values that the test lists.
"""
import torch
from safetensors.torch import save_file

save_file(
    {
        "z.f32": torch.tensor([[1.5, -2.0, 3.25], [0.0, -0.0, 1e30]]),
        "a.f16": torch.tensor([1.0, -2.5, 65504.0, 6e-8, float("inf")], dtype=torch.float16),
        "b.bf16": torch.tensor([[1.0], [-3.140625]], dtype=torch.bfloat16),
        "ids": torch.tensor([[1, -2], [1 << 40, 4]], dtype=torch.int64),
        "mask": torch.tensor([True, False, True]),
        "u8": torch.tensor([7, 255], dtype=torch.uint8),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 4),
        "quote\"d <&> \u00e9": torch.tensor([3], dtype=torch.int32),
    },
    "reference.safetensors",
    metadata={"format": "pt"},
)
