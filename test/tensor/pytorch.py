"""Answers for the tensor tests. Standard input is JSON:
{"printed": [tensor, ...], "evaluated": [[setup, expression], ...], "inputs": {name: tensor}}.

A tensor is {"dtype", "shape", "bytes"} (hexadecimal, row-major). Printed tensors give their repr. An evaluated expression
gives {"tensor": ...}, {"list": [...]}, {"value": ...} or {"text": repr}, or {"error": "IndexError"}; it sees what setup defines, and
copies of the inputs.
"""

import json
import sys
import warnings

import torch

warnings.simplefilter("ignore")


def decode(tensor):
    dtype = getattr(torch, tensor["dtype"])
    data = bytearray.fromhex(tensor["bytes"])
    if not data:
        return torch.empty(tensor["shape"], dtype=dtype)
    return torch.frombuffer(data, dtype=torch.uint8).view(dtype).reshape(tensor["shape"]).clone()


def encode(value):
    if isinstance(value, torch.Tensor):
        data = value.detach().resolve_conj().resolve_neg().contiguous().reshape(-1)
        return {"tensor": {
            "dtype": str(value.dtype).removeprefix("torch."),
            "shape": list(value.shape),
            "bytes": data.view(torch.uint8).numpy().tobytes().hex() if data.numel() else "",
        }}
    if isinstance(value, (list, tuple)):
        return {"list": [encode(each) for each in value]}
    if isinstance(value, (bool, int, float)):
        return {"value": value}
    return {"text": str(value)}


def evaluate(setup, expression, inputs):
    names = {"torch": torch, "F": torch.nn.functional, "tensor": torch.tensor, "inf": float("inf"), "nan": float("nan")}
    names.update((name, decode(each)) for name, each in inputs.items())
    try:
        exec(setup, names)
        return encode(eval(expression, names))
    except Exception as error:  # what PyTorch refuses is an answer too
        return {"error": type(error).__name__}


request = json.load(sys.stdin)
json.dump({
    "printed": [repr(decode(each)) for each in request.get("printed", [])],
    "evaluated": [evaluate(*each, request.get("inputs", {})) for each in request.get("evaluated", [])],
}, sys.stdout)
