"""torch.optim.swa_utils.update_bn on a small net, for update-batch-norm.test.ts.

Standard input: {"state": {key: nested list}, "batches": [nested list]}. Standard output: the state afterwards.
"""

import json
import sys

import torch
from torch.optim.swa_utils import update_bn

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
request = json.load(sys.stdin)
net = torch.nn.Sequential(
    torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4, momentum=0.3), torch.nn.ReLU(), torch.nn.Linear(4, 2), torch.nn.BatchNorm1d(2),
)
net.load_state_dict({key: torch.tensor(value) for key, value in request["state"].items()})
net.eval()
update_bn([torch.tensor(each) for each in request["batches"]], net)
assert not net.training and [net[1].momentum, net[4].momentum] == [0.3, 0.1]
json.dump({key: value.tolist() for key, value in net.state_dict().items()}, sys.stdout)
