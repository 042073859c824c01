"""The models in PyTorch, for test/models/models.test.ts.

Reads [{"model", "options", "input", "dtype", "seed"}], answers {"state", "output", "grads"} as flat lists of numbers.
"""

import json
import sys

import torch
from torch import nn
from torch.nn import functional


class MnistCnn(nn.ModuleDict):
    """The network of DomainBed's MNIST experiments as its paper and state-dict keys describe it, with a classifier."""

    def __init__(self, channels, classes, width):
        wide = 2 * width
        sizes = [(channels, width, 1), (width, wide, 2), (wide, wide, 1), (wide, wide, 1)]
        super().__init__(
            {f"conv{i + 1}": nn.Conv2d(before, after, 3, stride=stride, padding=1) for i, (before, after, stride) in enumerate(sizes)}
            | {f"bn{i}": nn.GroupNorm(8, after) for i, (_, after, _) in enumerate(sizes)}
            | {"classifier": nn.Linear(wide, classes)}
        )

    def forward(self, x):
        for i in range(4):
            x = self[f"bn{i}"](functional.relu(self[f"conv{i + 1}"](x)))
        return self["classifier"](x.mean(dim=(2, 3)))


class MLP(nn.Module):
    def __init__(self, sizes, activation):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in zip(sizes, sizes[1:]))
        self.activation = getattr(nn, activation)()

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


def flat(tensor):
    return tensor.detach().double().flatten().tolist()


def run(case):
    torch.manual_seed(case["seed"])
    model = {"MnistCnn": MnistCnn, "MLP": MLP}[case["model"]](**case["options"])
    state = {key: flat(value) for key, value in model.state_dict().items()}
    model = model.to(getattr(torch, case["dtype"]))
    x = torch.randn(case["input"], generator=torch.Generator().manual_seed(7)).to(getattr(torch, case["dtype"]))
    output = model(x)
    output.square().sum().backward()
    return {"state": state, "output": flat(output), "grads": [flat(p.grad) for p in model.parameters()]}


print(json.dumps([run(case) for case in json.load(sys.stdin)]))
