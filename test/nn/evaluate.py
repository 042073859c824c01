"""Evaluates expressions over torch, for the tests of losses and initialisation.

Reads [{"expression", "tensors": {name: {"data", "dtype", "requiresGrad"}}, "seed"}]. In an expression, `torch`, `nn`, `F` and
the tensors are known. Answers {"values", "shape", "grads": {name: numbers}} with the gradients of the result's sum.
"""

import json
import sys

import torch
import torch.nn.functional as F


def flat(tensor):
    return tensor.detach().double().flatten().tolist()


def run(case):
    tensors = {
        name: torch.tensor(each["data"], dtype=getattr(torch, each["dtype"]), requires_grad=each["requiresGrad"])
        for name, each in case["tensors"].items()
    }
    torch.manual_seed(case["seed"])
    result = eval(case["expression"], {"torch": torch, "nn": torch.nn, "F": F, **tensors})
    wanted = {name: each for name, each in tensors.items() if each.requires_grad}
    if wanted:
        result.sum().backward()
    grads = {name: flat(each.grad) for name, each in wanted.items()}
    return {"values": flat(result), "shape": list(result.shape), "grads": grads}


print(json.dumps([run(case) for case in json.load(sys.stdin)]))
