"""Writes files by NumPy and reads ours back, for the tests. Standard input is JSON: {"folder", "written": [name]}; standard output maps what
NumPy wrote, and what it read of ours, to arrays as files.ts writes tensors down."""

import json
import sys
import zipfile
from pathlib import Path

import numpy as np

request = json.load(sys.stdin)
folder = Path(request["folder"])


def text(array):
    native = array.astype(array.dtype.newbyteorder("="))
    return {"dtype": native.dtype.name, "shape": list(native.shape), "bytes": native.tobytes("C").hex()}


DTYPES = "bool uint8 int8 uint16 int16 uint32 int32 uint64 int64 float16 float32 float64 complex64 complex128".split()
answer = {"arrays": {}, "archives": {}, "ours": {}}


def save(name, array, version=(1, 0)):
    with open(folder / f"{name}.npy", "wb") as file:
        np.lib.format.write_array(file, array, version=version)
    answer["arrays"][name] = text(array)


for i, name in enumerate(DTYPES):
    array = ((np.arange(24).reshape(2, 3, 4) * 5 + i) % 7 - (0 if name[0] in "ub" else 2)).astype(name)
    save(name, array)
    save(f"{name}-big", array.astype(array.dtype.newbyteorder(">")))
    save(f"{name}-fortran", np.asfortranarray(array))
save("scalar", np.array(1.5))
save("empty", np.zeros((0, 3), np.float32))
save("vector", np.arange(5.0))
save("version2", np.arange(6).reshape(2, 3), (2, 0))
save("version3", np.arange(6).reshape(2, 3), (3, 0))
save("large", np.arange(400_000, dtype=np.float64))

parts = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "layer.0/ä": np.array([True, False]), "f": np.asfortranarray(np.arange(6).reshape(2, 3))}
np.savez(folder / "stored.npz", **parts)
np.savez_compressed(folder / "deflated.npz", **parts)
np.savez(folder / "nothing.npz")
answer["archives"] = {name: {key: text(array) for key, array in parts.items()} for name in ("stored", "deflated")} | {"nothing": {}}

refused = {
    "object": np.array([1, 2.5], dtype=object), "text": np.array(["abc"]), "ascii": np.array([b"abc"]), "records": np.zeros(2, dtype=[("a", "f4"), ("b", "i8")]), "void": np.zeros(2, "V4"),
    "longdouble": np.zeros(2, dtype=np.longdouble), "longcomplex": np.zeros(2, dtype=np.clongdouble), "dates": np.zeros(2, dtype="datetime64[s]"), "times": np.zeros(2, "timedelta64[s]"),
}
for name, array in refused.items():
    np.save(folder / f"{name}.npy", array, allow_pickle=True)
# As the errors advise.
for name, dtype in {"object": "float64", "longdouble": "float64", "longcomplex": "complex128", "dates": "int64", "times": "int64"}.items():
    np.save(folder / f"{name}-converted.npy", refused[name].astype(dtype))

for name in request["written"]:
    loaded = np.load(folder / name)
    answer["ours"][name] = text(loaded) if name.endswith(".npy") else {key: text(loaded[key]) for key in loaded.files}
with zipfile.ZipFile(folder / "many.npz") as many:
    answer["many"] = len(many.namelist())
print(json.dumps(answer))
