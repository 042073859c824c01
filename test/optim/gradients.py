"""torch.nn.utils on given gradients in float64, for gradients.test.ts.

Standard input: {"cases": [{"grads": [{"dtype", "shape", "bytes"} | null, ...], "maxNorm": number | null, "normType": number | null,
"clipValue": number | null}]}; tensors are float64 or complex128 (hexadecimal, row-major), null numbers are infinite.
Standard output: for each case {"norm", "byNorm", "byValue"}: the total norm as a tensor, the gradients after clip_grad_norm_,
and those after clip_grad_value_, null for complex ones.
"""

import json
import math
import sys

import torch


def decode(tensor):
    dtype = getattr(torch, tensor["dtype"])
    data = bytearray.fromhex(tensor["bytes"])
    return torch.frombuffer(data, dtype=dtype).reshape(tensor["shape"]).clone() if data else torch.empty(tensor["shape"], dtype=dtype)


def encode(tensor):
    data = tensor.detach().contiguous().reshape(-1)
    return {
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": list(tensor.shape),
        "bytes": data.view(torch.uint8).numpy().tobytes().hex() if data.numel() else "",
    }


def parameters(grads):
    result = []
    for grad in grads:
        param = torch.zeros(1 if grad is None else grad["shape"], dtype=torch.float64 if grad is None else getattr(torch, grad["dtype"]))
        param.grad = None if grad is None else decode(grad)
        result.append(param)
    return result


def gradients(params):
    return [None if p.grad is None else encode(p.grad) for p in params]


def run(case):
    number = lambda name: math.inf if case[name] is None else float(case[name])  # noqa: E731
    clipped = parameters(case["grads"])
    # PyTorch has no infinity norm of an empty tensor; here it counts as zero.
    norm = torch.nn.utils.clip_grad_norm_([p for p in clipped if p.grad is None or p.grad.numel()], number("maxNorm"), number("normType"))
    by_value = parameters(case["grads"])
    real = [p for p in by_value if p.grad is not None and not p.is_complex()]
    # PyTorch's does not take an empty list.
    if real:
        torch.nn.utils.clip_grad_value_(real, number("clipValue"))
    return {
        "norm": encode(norm.double()),
        "byNorm": gradients(clipped),
        "byValue": [None if p.is_complex() else grad for p, grad in zip(by_value, gradients(by_value))],
    }


request = json.load(sys.stdin)
torch.set_num_threads(1)
json.dump([run(case) for case in request["cases"]], sys.stdout)
