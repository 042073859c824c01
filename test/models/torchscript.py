"""TorchScript files into a folder, and what PyTorch computes with them: {"folder"} -> {}."""
import json
import os
import sys
import zipfile
from typing import Dict, List, Optional, Tuple

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracles"))
import torchvision_for_cpu  # noqa: F401  before torchvision

import numpy
import torch
import torchvision
from torch import Tensor, nn

torch.set_num_threads(1)
folder = json.load(sys.stdin)["folder"]


def path(name):
    return os.path.join(folder, name)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convA = nn.Conv2d(3, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn(self.convA(x)))
        return self.head(self.drop(x.mean([2, 3]) * 0.5))


class Values(nn.Module):
    def forward(self, x: Tensor, count: int, scale: float, name: str, flag: bool, extra: Optional[Tensor], parts: List[Tensor],
                pair: Tuple[Tensor, int], table: Dict[str, Tensor]) -> Dict[str, Tuple[Tensor, int, float, str, bool, List[int]]]:
        y = x * scale + count + pair[0] * pair[1]
        for part in parts:
            y = y + part
        for key in table:
            y = y + table[key]
        if extra is not None:
            y = y - extra
        return {name + "é€😀": (y, count + 1, scale / 2, name, not flag, [1, 2, 3])}


class Holding(nn.Module):
    """Submodules that are shared, a parameter with two names, one that is frozen, a method that changes the gradient mode."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = self.first
        self.third = nn.Linear(3, 3)
        self.third.weight = self.first.weight
        self.third.bias.requires_grad_(False)

    def forward(self, x: Tensor, fail: bool) -> Tensor:
        with torch.no_grad():
            y = self.first(x)
            if fail:
                raise ValueError("it was told to fail")
        return self.second(self.third(x)) + y


class Boxes(nn.Module):
    def forward(self, boxes: Tensor, scores: Tensor) -> Tensor:
        return torch.ops.torchvision.nms(boxes, scores, 0.5)


class Memory(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = torch.zeros([int(x.size(0)), 1 << 46])
        return y


def results(name, module, x, y):
    """What a module gives in training, its gradients, a step of SGD, and what it gives afterwards in evaluation."""
    arrays = {"x": x.numpy(), "y": y.numpy()}
    arrays.update({f"before.{key}": each.detach().clone().numpy() for key, each in module.state_dict().items()})
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    with torch.jit.optimized_execution(False):
        torch.manual_seed(7)
        out = module(x)
        nn.functional.cross_entropy(out, y).backward()
        arrays["out"] = out.detach().numpy()
        arrays.update({f"grad.{key}": each.grad.clone().numpy() for key, each in module.named_parameters()})
        optimizer.step()
        arrays.update({f"after.{key}": each.detach().clone().numpy() for key, each in module.state_dict().items()})
        module.eval()
        arrays["evaluated"] = module(x).detach().numpy()
    numpy.savez(path(f"{name}.npz"), **arrays)


torch.manual_seed(1)
x, y = torch.randn(6, 3, 8, 8), torch.randint(0, 4, (6,))
net = Net()
script = torch.jit.script(net)
script.save(path("script.pt"))
torch.jit.script(net.double()).save(path("script64.pt"))
net.float()
traced = torch.jit.trace(net.train(), x, check_trace=False)
traced.save(path("trace.pt"))
results("script", torch.jit.load(path("script.pt")), x, y)
results("trace", torch.jit.load(path("trace.pt")), x, y)
torch.jit.freeze(torch.jit.script(Net().eval())).save(path("frozen.pt"))

torch.manual_seed(2)
x, y = torch.randn(4, 3, 32, 32), torch.randint(0, 5, (4,))
resnet = torch.jit.trace(torchvision.models.resnet18(num_classes=5).train(), x, check_trace=False)
resnet.save(path("resnet.pt"))
results("resnet", torch.jit.load(path("resnet.pt")), x, y)

torch.jit.script(Values()).save(path("values.pt"))
torch.jit.script(Holding()).save(path("holding.pt"))
torch.jit.script(Boxes()).save(path("boxes.pt"))
torch.jit.script(Memory()).save(path("memory.pt"))
torch.save(Net().state_dict(), path("weights.pth"))

# Sound archives whose tensors have less memory than they say: of weights, and of constants.
torch.jit.freeze(torch.jit.script(nn.Linear(200, 3).eval())).save(path("constant.pt"))
torch.jit.script(nn.Linear(200, 3)).save(path("linear.pt"))
for name, data in (("linear", "/data/"), ("constant", "/constants/")):
    with zipfile.ZipFile(path(f"{name}.pt")) as archive:
        entries = [(each.filename, archive.read(each)) for each in archive.infolist()]
    longest = max((each for each in entries if data in each[0]), key=lambda each: len(each[1]))[0]
    for length in (0, 1000):
        with zipfile.ZipFile(path(f"{name}-{length}.pt"), "w") as archive:
            for entry, content in entries:
                archive.writestr(entry, content[:length] if entry == longest else content)
print(json.dumps({"holding": list(torch.jit.load(path("holding.pt")).state_dict()), "resnet": list(resnet.state_dict())}))
