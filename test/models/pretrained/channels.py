"""DomainBed's ResNet for images of other than 3 channels, for test/models/pretrained/channels.test.ts.

Reads {"folder", "channels"}, leaves the weights of a network for 3 channels in folder/rgb.pth, and answers, per number of channels, with what comes out
for images drawn from seed 7 once its first convolution is replaced.
"""

import json
import sys
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "oracles"))
import torchvision_for_cpu  # noqa: E402, F401
from torchvision import models  # noqa: E402

torch.set_num_threads(1)
request = json.load(sys.stdin)
torch.manual_seed(5)
network = models.resnet18(num_classes=4).eval()
torch.save(network.state_dict(), Path(request["folder"]) / "rgb.pth")
tmp = network.conv1.weight.data.clone()
answers = []
for nc in request["channels"]:
    # domainbed/networks.py
    network.conv1 = nn.Conv2d(nc, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False)
    for i in range(nc):
        network.conv1.weight.data[:, i, :, :] = tmp[:, i % 3, :, :]
    x = torch.randn(2, nc, 40, 40, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        answers.append(network(x).flatten().tolist())
print(json.dumps(answers))
