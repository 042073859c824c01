"""Writes the state dict and a checkpoint of weights.test.ts's Net. Standard input is JSON: {"folder"}."""

import json
import sys
from pathlib import Path

import torch

folder = Path(json.load(sys.stdin)["folder"])


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(3)
        self.head = torch.nn.Linear(3, 2)


net = Net()
with torch.no_grad():
    net.head.weight.copy_(torch.arange(6.0).reshape(2, 3))
    net.norm.num_batches_tracked.fill_(7)
torch.save(net.state_dict(), folder / "net.pth")
torch.save(net.state_dict(), folder / "net.legacy.pth", _use_new_zipfile_serialization=False)
torch.save({"epoch": 4, "state_dict": net.state_dict(), "ema": {"shadow": net.state_dict(), "decay": 0.9}}, folder / "checkpoint.pth")
print("{}")
