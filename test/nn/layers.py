"""Layers as PyTorch makes and runs them, for test/nn/layers.test.ts.

Reads [{"layer", "args", "options", "input", "dtype", "train", "seed", "load"}] and answers, per case, with
  state     key -> numbers of the new layer, in float32, in PyTorch's order
  outputs   of two passes, so that running statistics are used
  inputGrad, grads   of the last output's sum weighted by random numbers
  after     the state after the passes
  evaluated the output in evaluation after the passes
  loaded    the output in evaluation of another new layer that loaded the state dict "load" strictly
Tensors are flat lists.
"""

import json
import math
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "oracles"))
import torchvision_for_cpu  # noqa: E402, F401
from torchvision.models.convnext import LayerNorm2d  # noqa: E402
from torchvision.ops import Permute, StochasticDepth  # noqa: E402


class MultiheadAttention(torch.nn.MultiheadAttention):
    """Of its input to itself."""

    def forward(self, x):
        return super().forward(x, x, x, need_weights=False)[0]


class SamePaddedConv2d(torch.nn.Conv2d):
    """TensorFlow's "SAME"."""

    def forward(self, x):
        border = []
        for axis in (1, 0):
            size, reach = x.shape[2 + axis], self.dilation[axis] * (self.kernel_size[axis] - 1) + 1
            missing = max(0, (math.ceil(size / self.stride[axis]) - 1) * self.stride[axis] + reach - size)
            border += [missing // 2, missing - missing // 2]
        return super().forward(torch.nn.functional.pad(x, border))


OTHERS = {each.__name__: each for each in (LayerNorm2d, MultiheadAttention, Permute, SamePaddedConv2d, StochasticDepth)}


def flat(tensor):
    return tensor.detach().to_dense().double().flatten().tolist()


def flat_state(layer):
    return {key: flat(value) for key, value in layer.state_dict().items()}


def make(case):
    return (OTHERS.get(case["layer"]) or getattr(torch.nn, case["layer"]))(*case["args"], **case["options"])


def random(shape, seed, dtype):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def evaluate(layer, x):
    return flat(layer.eval()(x))


def run(case):
    dtype = getattr(torch, case["dtype"])
    torch.manual_seed(case["seed"])
    layer = make(case)
    state = flat_state(layer)
    layer = layer.to(dtype).train(case["train"])
    if case["layer"] == "Embedding":
        x = torch.tensor(case["input"])
    else:
        x = random(case["input"], 7, dtype).requires_grad_()
    torch.manual_seed(case["seed"])
    outputs = [layer(x) for _ in range(2)]
    y = outputs[-1]
    (y * random(y.shape, 8, dtype)).sum().backward()
    answer = {
        "state": state,
        "outputs": [flat(each) for each in outputs],
        "inputGrad": flat(x.grad) if x.requires_grad else None,
        "grads": [flat(p.grad) for p in layer.parameters()],
        "after": flat_state(layer),
        "evaluated": evaluate(layer, x),
    }
    other = make(case).to(dtype)
    shapes = {key: value.shape for key, value in other.state_dict().items()}
    load = {key: torch.tensor(value, dtype=torch.float64).reshape(shapes[key]) for key, value in case["load"].items()}
    other.load_state_dict(load, strict=True)
    answer["loaded"] = evaluate(other, x)
    return answer


print(json.dumps([run(case) for case in json.load(sys.stdin)]))
