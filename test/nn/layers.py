"""Layers as PyTorch makes them: initial numbers, outputs, gradients and keys, for test/nn/layers.test.ts.

Reads [{"name", "layer", "args", "options", "input", "dtype", "train", "seed"}], answers per case
{"keys", "state", "output", "inputGrad", "grads", "after"}: tensors are flat lists in float64.
"""

import json
import sys

import torch

SPECIAL = {"GroupNorm": {}, "LayerNorm": {}}


def flat(tensor):
    return tensor.detach().double().flatten().tolist()


def run(case):
    torch.manual_seed(case["seed"])
    layer = getattr(torch.nn, case["layer"])(*case["args"], **case["options"])
    state = {key: flat(value) for key, value in layer.state_dict().items()}
    dtype = getattr(torch, case["dtype"])
    layer = layer.to(dtype)
    layer.train(case["train"])
    if case["layer"] == "Embedding":
        x = torch.tensor(case["input"], dtype=torch.int64)
    else:
        x = torch.randn(case["input"], generator=torch.Generator().manual_seed(7)).to(dtype).requires_grad_()
    outputs = []
    for _ in range(2):  # twice, so that running statistics are used
        y = layer(x)
        outputs.append(flat(y))
    weight = torch.randn(y.shape, generator=torch.Generator().manual_seed(8)).to(dtype)
    (y * weight).sum().backward()
    return {
        "keys": list(state),
        "state": state,
        "outputs": outputs,
        "inputGrad": flat(x.grad) if x.requires_grad else None,
        "grads": [flat(p.grad) for p in layer.parameters()],
        "after": {key: flat(value) for key, value in layer.state_dict().items()},
    }


print(json.dumps([run(case) for case in json.load(sys.stdin)]))
