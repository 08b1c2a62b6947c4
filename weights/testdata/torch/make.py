"""Makes the PyTorch checkpoints beside it: python3 make.py (torch 2.15, transformers 5.23, safetensors 0.8; seed 0).

Each good file NAME.bin has NAME.safetensors with the same tensors, written by the safetensors library: that is what the
reader must give. The files bad_* are hostile or damaged.
"""

import collections
import json
import os
import pickle
import struct
import zipfile

import torch
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(0)


def path(name):
    return os.path.join(HERE, name)


def expect(name, tensors):
    save_file({k: v.contiguous().clone() for k, v in tensors.items()}, path(name + ".safetensors"))


def both(name, obj, tensors, **options):
    torch.save(obj, path(name + ".bin"), **options)
    expect(name, tensors)


base = torch.randn(4, 6)
tied = torch.randn(5, 3)
ints = torch.randint(-100, 100, (3, 4))
tensors = collections.OrderedDict(
    f32=torch.randn(2, 3),
    f64=torch.randn(3, dtype=torch.float64),
    f16=torch.randn(2, 2).half(),
    bf16=torch.randn(2, 5).bfloat16(),
    i64=ints,
    i32=ints.int(),
    i16=ints.short(),
    i8=ints.char(),
    u8=torch.randint(0, 255, (7,), dtype=torch.uint8),
    flags=torch.tensor([True, False, True]),
    scalar=torch.tensor(3.5),
    empty=torch.zeros(0, 4),
    transposed=base.t(),
    column=base[:, 2],
    block=base[1:3, 1:5:2],
    tail=base[2:],
    embed=tied,
    head=tied,
    ones=torch.arange(4).expand(1, -1),
)
both("zip", tensors, tensors)
both("legacy", tensors, tensors, _use_new_zipfile_serialization=False)
both("protocol4", tensors, tensors, pickle_protocol=4)

# Dtypes without a storage class go through _rebuild_tensor_v3.
newer = {"f8": torch.randn(4).to(torch.float8_e4m3fn), "u16": torch.arange(5).to(torch.uint16)}
both("newer", newer, newer)

# What training scripts save: the state dict below a key, parameters, names of DataParallel.
inner = collections.OrderedDict([("module.a.weight", torch.nn.Parameter(torch.randn(2, 2))), ("module.a.bias", torch.randn(2))])
inner._metadata = collections.OrderedDict([("", {"version": 1})])
both(
    "nested",
    {"epoch": 3, "state_dict": inner, "args": {"lr": 1e-4, "name": "run", "layers": [1, 2], "size": torch.Size([2, 3]), "none": None}},
    {k.removeprefix("module."): v.detach() for k, v in inner.items()},
)


def rezip(source, target, edit=lambda name, data: data, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path(source)) as z, zipfile.ZipFile(path(target), "w", compression) as out:
        for item in z.infolist():
            data = edit(item.filename.split("/", 1)[1], z.read(item))
            if data is not None:
                out.writestr(item.filename, data)


# The same numbers as a big-endian machine writes them. torch.save has no switch for it, so bytes are swapped here.
swap = {"a": torch.randn(3, 2), "b": torch.arange(4, dtype=torch.int16)}
torch.save(swap, path("big_endian.bin"))
expect("big_endian", swap)
widths = {"data/0": 4, "data/1": 2}


def to_big(name, data):
    if name == "byteorder":
        return b"big"
    w = widths.get(name)
    return data if w is None else b"".join(data[i : i + w][::-1] for i in range(0, len(data), w))


os.rename(path("big_endian.bin"), path("little.tmp"))
rezip("little.tmp", "big_endian.bin", to_big)
rezip("little.tmp", "compressed.bin", compression=zipfile.ZIP_DEFLATED)
expect("compressed", swap)
os.remove(path("little.tmp"))

# --- hostile ---------------------------------------------------------------------------------------------------------


class Call:
    def __init__(self, f, *args):
        self.f, self.args = f, args

    def __reduce__(self):
        return self.f, self.args


def archive(name, pickled, **records):
    with zipfile.ZipFile(path(name), "w") as z:
        z.writestr("archive/data.pkl", pickled)
        z.writestr("archive/byteorder", "little")
        z.writestr("archive/version", "3\n")
        for record, data in records.items():
            z.writestr("archive/data/" + record.removeprefix("s"), data)


marker = "touch /tmp/janus-was-here"
archive("bad_os_system.bin", pickle.dumps({"w": Call(os.system, marker)}, 2))
with open(path("bad_bare.bin"), "wb") as f:  # a pickle as it is, which torch.load runs, too
    f.write(pickle.dumps({"w": Call(os.system, marker)}, 2))
archive("bad_eval.bin", pickle.dumps({"w": Call(eval, "__import__('os').system('%s')" % marker)}, 2))
archive("bad_eval4.bin", pickle.dumps({"w": Call(eval, "1")}, 4))
archive("bad_getattr.bin", pickle.dumps({"w": Call(getattr, 1, "real")}, 2))
archive("bad_subprocess.bin", b"\x80\x02csubprocess\nPopen\nX\x02\x00\x00\x00ls\x85R.")
archive("bad_inst.bin", b"(S'id'\nios\nsystem\n.".replace(b"S'id'\n", b"X\x02\x00\x00\x00id"))
archive("bad_torch_load.bin", b"\x80\x02ctorch\nload\nX\x05\x00\x00\x00x.bin\x85R.")
# BUILD sets the attributes of an object: only an OrderedDict's are passed over.
archive("bad_build.bin", b"\x80\x02ctorch\nFloatStorage\n}X\x01\x00\x00\x00aX\x01\x00\x00\x00bsb.")
# NEWOBJ makes an object without calling it.
archive("bad_newobj.bin", b"\x80\x02ccollections\nOrderedDict\n)\x81.")
# A list that holds itself, called.
archive("bad_cycle.bin", b"\x80\x02]q\x00h\x00a)R.")
# REDUCE of a storage class.
archive("bad_reduce.bin", b"\x80\x02ctorch\nFloatStorage\nJ\xff\xff\xff\x7f\x85R.")
# Lengths that lie.
archive("bad_length.bin", b"\x80\x02X\xff\xff\xff\x7fabc.")
archive("bad_frame.bin", b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.")
archive("bad_cut.bin", b"\x80\x02}X\x01\x00\x00\x00a")


def tensor_pickle(numel, offset, size, stride, key="0", storage="FloatStorage"):
    """A dict with one tensor "w" over storage key, by hand, so that its numbers may lie."""

    def s(text):
        return b"X" + struct.pack("<I", len(text)) + text.encode()

    def i(n):
        data = pickle.encode_long(n)
        return b"\x8a" + bytes([len(data)]) + data

    def t(numbers):
        return b"(" + b"".join(i(n) for n in numbers) + b"t"

    return (
        b"\x80\x02}" + s("w") + b"ctorch._utils\n_rebuild_tensor_v2\n((" + s("storage") + b"ctorch\n" + storage.encode() + b"\n"
        + s(key) + s("cpu") + i(numel) + b"tQ" + i(offset) + t(size) + t(stride) + b"\x89ccollections\nOrderedDict\n)RtRs."
    )


four = bytes(16)
archive("bad_giant.bin", tensor_pickle(4, 0, [1 << 40, 1 << 40], [0, 0]), s0=four)
archive("bad_expand.bin", tensor_pickle(4, 0, [1 << 30], [0]), s0=four)
archive("bad_outside.bin", tensor_pickle(4, 2, [4], [1]), s0=four)
archive("bad_stride.bin", tensor_pickle(4, 0, [2, 2], [1 << 62, 1 << 62]), s0=four)
archive("bad_negative.bin", tensor_pickle(4, -1, [2], [1]), s0=four)
archive("bad_numel.bin", tensor_pickle(1 << 40, 0, [4], [1]), s0=four)
archive("bad_record.bin", tensor_pickle(4, 0, [4], [1], key="../../../etc/passwd"), s0=four)
archive("bad_empty.bin", pickle.dumps({"epoch": 3}, 2))
archive("bad_list.bin", pickle.dumps([1, 2], 2))
with zipfile.ZipFile(path("bad_no_pickle.bin"), "w") as z:
    z.writestr("archive/readme", "hello")
with open(path("zip.bin"), "rb") as f:
    whole = f.read()
with open(path("bad_truncated.bin"), "wb") as f:
    f.write(whole[: len(whole) // 2])
with open(path("legacy.bin"), "rb") as f:
    whole = f.read()
with open(path("bad_truncated_legacy.bin"), "wb") as f:
    f.write(whole[:-20])

# --- a model ---------------------------------------------------------------------------------------------------------
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402

config = LlamaConfig(
    vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=64, tie_word_embeddings=False,
)
model = LlamaForCausalLM(config).eval()
for folder in ("llama_torch", "llama_sharded", "llama_safetensors"):
    os.makedirs(path(folder), exist_ok=True)
    config.architectures, config.dtype = ["LlamaForCausalLM"], torch.float32
    config.save_pretrained(path(folder))
state = model.state_dict()
model.save_pretrained(path("llama_safetensors"))
torch.save(state, path("llama_torch/pytorch_model.bin"))
names = sorted(state)
shards = {"pytorch_model-00001-of-00002.bin": names[: len(names) // 2], "pytorch_model-00002-of-00002.bin": names[len(names) // 2 :]}
weight_map = {}
for file, part in shards.items():
    torch.save({n: state[n].clone() for n in part}, path("llama_sharded/" + file))
    weight_map.update({n: file for n in part})
with open(path("llama_sharded/pytorch_model.bin.index.json"), "w") as f:
    json.dump({"metadata": {"total_size": sum(t.numel() * 4 for t in state.values())}, "weight_map": weight_map}, f, indent=2)
for folder in ("llama_torch", "llama_sharded", "llama_safetensors"):
    g = path(folder + "/generation_config.json")
    if os.path.exists(g):
        os.remove(g)

# --- an adapter as old versions of PEFT saved it: testdata/golden/lora/llama/plain_qv ----------------------------------
import shutil  # noqa: E402

from safetensors.torch import load_file  # noqa: E402

golden = os.path.join(HERE, "..", "..", "..", "testdata", "golden", "lora", "llama", "plain_qv")
os.makedirs(path("adapter"), exist_ok=True)
torch.save(load_file(os.path.join(golden, "adapter_model.safetensors")), path("adapter/adapter_model.bin"))
shutil.copy(os.path.join(golden, "adapter_config.json"), path("adapter/adapter_config.json"))
