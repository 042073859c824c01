"""Writes files by torch.save for the weight-file tests. Standard input is JSON: {"folder"}; each case becomes FOLDER/NAME.pth and
FOLDER/NAME.legacy.pth. Standard output maps each name to its value as pytorch.test.ts writes values down (plainTexts of files.ts)."""

import io
import json
import pickle
import struct
import sys
import warnings
import zipfile
from argparse import Namespace
from collections import Counter, defaultdict, OrderedDict
from datetime import datetime
from pathlib import Path

import numpy as np
import torch

warnings.simplefilter("ignore")
folder = Path(json.load(sys.stdin)["folder"])

DTYPES = """bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128 complex32 uint16 uint32 uint64
float8_e5m2 float8_e4m3fn float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu""".split()


def made(name, shape, seed):
    dtype = getattr(torch, name)
    count = torch.Size(shape).numel() * dtype.itemsize
    data = bytearray((11 * i + seed) % (2 if name == "bool" else 239) for i in range(count))
    return torch.frombuffer(data, dtype=torch.uint8).clone().view(dtype).reshape(shape)


def text(value):
    if isinstance(value, np.ndarray):
        return text(torch.from_numpy(np.ascontiguousarray(value.astype(value.dtype.newbyteorder("="))).reshape(value.shape)))
    if isinstance(value, np.generic):
        return text(value.item())
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, Namespace):
        return text(vars(value))
    if isinstance(value, (torch.Tensor, torch.UntypedStorage, torch.TypedStorage)):
        if isinstance(value, torch.TypedStorage):
            value = torch.tensor([], dtype=value.dtype).set_(value.untyped(), 0, (value.size(),))
        elif isinstance(value, torch.UntypedStorage):
            value = torch.tensor([], dtype=torch.uint8).set_(value, 0, (value.nbytes(),))
        value = value.detach().resolve_conj().resolve_neg()
        data = value.contiguous().reshape(-1)
        raw = bytes(data.view(torch.uint8).numpy().tobytes()) if data.numel() else b""
        return {"dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape), "bytes": raw.hex()}
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: text(each) for key, each in value.items()}
        return {"map": [[text(key), text(each)] for key, each in value.items()]}
    if isinstance(value, (list, tuple)):
        return [text(each) for each in value]
    if isinstance(value, (set, frozenset)):
        return {"set": [text(each) for each in value]}
    if isinstance(value, (bytes, bytearray)):
        return {"hex": value.hex()}
    if isinstance(value, complex):
        return {"re": value.real, "im": value.imag}
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return {"bigint": str(value)}
    return value


net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.Linear(3, 2))
optimizer = torch.optim.AdamW(net[2].parameters(), lr=0.1)
net[2](torch.ones(1, 3)).sum().backward()
optimizer.step()
base = torch.arange(24, dtype=torch.float32)
pair = torch.view_as_complex(torch.arange(8, dtype=torch.float32).reshape(4, 2))

cases = {
    "net": net.state_dict(),
    "checkpoint": {"state_dict": net.state_dict(), "epoch": 3, "optimizer": optimizer.state_dict(), "best": 0.25, "done": False, "note": None},
    "dtypes": {name: made(name, (2, 3), i) for i, name in enumerate(DTYPES)},
    "views": {
        "base": base, "tied": base, "transposed": base.reshape(4, 6).t(), "strided": base[3::5], "expanded": base[7].expand(2, 3), "scalar": base[5],
        "empty": torch.empty(0, 3), "channels_last": base.reshape(1, 2, 3, 4).to(memory_format=torch.channels_last), "conj": pair.conj(), "neg": pair.clone().conj().imag,
        "no_dims": torch.tensor(2.5), "bools": (base > 5)[4:9],
    },
    "plain": {
        "ints": [0, 1, 255, 256, 65535, 65536, -1, 2**31 - 1, -(2**31), 2**31, 2**53 - 1, 2**53, -(2**53), 2**64, -(2**70), 2**200],
        "floats": [0.1, -1.5, 1e300], "text": "ä\u20ac\U0001f600", "long": "x" * 70000, "tuple": (1, (2, 3), ()), "list": [[], [1, [2]]],
        "bytes": b"\x00\xffabc", "no_bytes": b"", "bytearray": bytearray(b"xyz"), "complex": 1 - 2j, "set": {7}, "frozen": frozenset([8]),
        "size": torch.Size([1, 2, 3]), "dtype": torch.bfloat16, "device": torch.device("cuda:1"), "cpu": torch.device("cpu"),
        "numbered": {0: {"step": 1}, 1: "b"}, "mixed": {"a": 1, 2: "b"}, "__proto__": 5, "ordered": OrderedDict([("b", 1), ("a", 2)]), "none": None, "yes": True,
        "many": list(range(2500)),
    },
    "attributes": {"tensor": torch.arange(3.0), "parameter": torch.nn.Parameter(torch.ones(2))},
    "parameters": {"parameter": torch.nn.Parameter(torch.ones(2)), "buffer": torch.nn.Buffer(torch.zeros(2)), "grad": torch.ones(2, requires_grad=True)},
    "storages": {"typed": torch.arange(3, dtype=torch.int16).storage(), "untyped": torch.arange(3, dtype=torch.int16).untyped_storage()},
    "numpy": {
        "scalars": [np.dtype(code).type(value) for code in "f8 f4 f2 i8 i4 i2 i1 u8 u4 u2 u1 b1 c8 c16".split() for value in (1, 0)],
        "edges": [np.float64(0.1), np.float16(-0.3), np.float16(6e-8), np.int64(2**62), np.int64(-(2**53)), np.uint64(2**64 - 1), np.int8(-7), np.complex64(1 - 2j), np.bool_(True)],
        "arrays": [np.arange(6).reshape(2, 3).astype(code) for code in "f8 f4 f2 i8 i4 i2 i1 u8 u4 u2 u1 b1 c8 c16".split()],
        "big": [np.arange(6).reshape(2, 3).astype(code) for code in (">f8", ">i2", ">c8")], "big_scalar": np.array([1.5], ">f8")[0],
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "no_dims": np.array(2.5), "turned": np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0), "empty": np.zeros((0, 3), np.float32), "dtype": np.dtype("f4"),
    },
    "containers": {
        "default": defaultdict(list, {"a": [1]}), "counts": defaultdict(int, {1: 2}), "none": defaultdict(None, {"b": 1}), "counter": Counter("abca"),
        "args": Namespace(lr=0.1, seeds=[1, 2], inner=Namespace(x=None)),
    },
    "tensor": torch.arange(3),
    "list": [torch.arange(3), {"a": torch.ones(1)}],
}
for each in cases["attributes"].values():
    each.note = {"of": "mine"}
answer = {}
for name, value in cases.items():
    torch.save(value, folder / f"{name}.pth")
    try:
        torch.save(value, folder / f"{name}.legacy.pth", _use_new_zipfile_serialization=False)
    except Exception as error:  # Of float8 and other dtypes that the older form has no storages for.
        (folder / f"{name}.legacy.pth").unlink(missing_ok=True)
        print(f"{name}: {error}", file=sys.stderr)
    answer[name] = text(value)

torch.save(cases["net"], folder / "net4.pth", pickle_protocol=4)
torch.save(cases["net"], folder / "net5.legacy.pth", pickle_protocol=5, _use_new_zipfile_serialization=False)
for protocol in (3, 4, 5):
    for name in ("plain", "numpy", "containers"):
        torch.save(cases[name], folder / f"{name}{protocol}.pth", pickle_protocol=protocol)
torch.save(cases["plain"], folder / "plain5.legacy.pth", pickle_protocol=5, _use_new_zipfile_serialization=False)

# The dtypes that the older form has.
older = {name: made(name, (2, 3), i) for i, name in enumerate(DTYPES[:12])}
torch.save(older, folder / "older.legacy.pth", _use_new_zipfile_serialization=False)
answer["older"] = text(older)


class Evil:
    def __init__(self, function, *args):
        self.made = (function, args)

    def __reduce__(self):
        return self.made


import os

refused = {
    "system": Evil(os.system, f"touch {folder}/harmed"),
    "eval": Evil(eval, "1"),
    "module": torch.nn.Linear(1, 1),
    "date": {"when": datetime(2020, 1, 1)},
    "sparse": {"a": torch.eye(2).to_sparse()},
    "quantized": {"a": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)},
    "objects": {"list": [1, {"a": np.array([{}], dtype=object)}]},
    "np_text": {"a": np.str_("x")},
    "np_dates": {"a": np.zeros(2, "M8[s]")},
    "longdouble": {"a": np.longdouble(1)},
    "random": {"a": np.random.RandomState(1)},
}
for name, value in refused.items():
    torch.save(value, folder / f"{name}.refused.pth")

# A checkpoint as trainers write it: what its other entries hold is nobody's business who asks for one.
run = {
    "args": Namespace(lr=0.1), "when": datetime(2020, 1, 1), "system": Evil(os.system, f"touch {folder}/harmed"), "sparse": torch.eye(2).to_sparse(), "net": net,
    "loss": np.array([{}], dtype=object), "texts": np.array(["x"], dtype=np.dtypes.StringDType()), "default": defaultdict(os.getpid), "model_hparams": {"lr": np.float64(0.1), "seen": [datetime(2020, 1, 1)]}, "model_dict": net.state_dict(),
}
torch.save(run, folder / "domainbed.legacy.pkl", _use_new_zipfile_serialization=False)
torch.save(run | {"quantized": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}, folder / "domainbed.pkl")

# As NumPy 1 wrote its names.
with zipfile.ZipFile(folder / "numpy.pth") as source, zipfile.ZipFile(folder / "numpy1.pth", "w") as target:
    for name in source.namelist():
        target.writestr(name, source.read(name).replace(b"cnumpy._core.", b"cnumpy.core."))

# As a big-endian machine would have written it.
swapped = {"f": made("float32", (2, 2), 1), "h": made("bfloat16", (2, 2), 2), "c": made("complex64", (3,), 3), "b": made("uint8", (3,), 4), "l": torch.tensor([1, -2])}
buffer = io.BytesIO()
torch.save(swapped, buffer)
source = zipfile.ZipFile(buffer)
sizes = [4, 2, 4, 1, 8]
with zipfile.ZipFile(folder / "big.pth", "w") as target:
    for name in source.namelist():
        data = source.read(name)
        if name.startswith("archive/data/"):
            size = sizes[int(name.rsplit("/")[-1])]
            data = b"".join(data[i : i + size][::-1] for i in range(0, len(data), size))
        if name == "archive/byteorder":
            data = b"big"
        target.writestr(name, data)
answer["big"] = text(swapped)

# As other zip programs may pack it again: deflated, and with zip64 sizes.
with zipfile.ZipFile(folder / "deflated.pth", "w", zipfile.ZIP_DEFLATED) as target:
    for name in source.namelist():
        with target.open(zipfile.ZipInfo(name), "w", force_zip64=True) as entry:
            entry.write(source.read(name))
answer["deflated"] = text(swapped)


# As PyTorch before 0.4 wrote views: parts of a storage, in the persistent id.
class Old:
    def __init__(self, offset, count):
        self.id = ("storage", torch.FloatStorage, "7", "cpu", 6, (f"view{offset}", offset, count))


class OldPickler(pickle.Pickler):
    def persistent_id(self, value):
        return value.id if isinstance(value, Old) else None


class Rebuilt:
    def __init__(self, *args):
        self.args = args

    def __reduce__(self):
        return torch._utils._rebuild_tensor, self.args


with open(folder / "parts.legacy.pth", "wb") as target:
    for value in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}):
        pickle.dump(value, target, 2)
    OldPickler(target, 2).dump({"low": Rebuilt(Old(0, 2), 0, (2,), (1,)), "high": Rebuilt(Old(2, 4), 1, (3,), (1,))})
    pickle.dump(["7"], target, 2)
    target.write(struct.pack("<q6f", 6, *range(6)))
answer["parts"] = {"low": text(torch.tensor([0.0, 1.0])), "high": text(torch.tensor([3.0, 4.0, 5.0]))}

torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), folder / "script.refused.pth")
print(json.dumps(answer))
