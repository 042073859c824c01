"""torch.optim.swa_utils on given weights, for averages.test.ts.

Standard input: {"params": [steps][tensors][values], "buffers": [steps][values], "cases": [{"average",
"decay", "useBuffers"}]}. Standard output: for each case and step [tensors][values]: the parameters' averages, then the
buffer's.
"""

import json
import sys

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, get_swa_multi_avg_fn


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


class Net(torch.nn.Module):
    def __init__(self, params, buffer):
        super().__init__()
        self.weights = torch.nn.ParameterList([torch.nn.Parameter(tensor(each)) for each in params])
        self.register_buffer("mean", tensor(buffer))


def run(case, request):
    net = Net(request["params"][0], request["buffers"][0])
    function = get_ema_multi_avg_fn(case["decay"]) if case["average"] == "EMA" else get_swa_multi_avg_fn()
    averaged = AveragedModel(net, multi_avg_fn=function, use_buffers=case["useBuffers"])
    answer = []
    for params, buffer in zip(request["params"], request["buffers"]):
        with torch.no_grad():
            for own, values in zip(net.weights, params):
                own.copy_(tensor(values))
            net.mean.copy_(tensor(buffer))
        averaged.update_parameters(net)
        answer.append([each.tolist() for each in [*averaged.module.weights, averaged.module.mean]])
    return answer


torch.set_num_threads(1)
# The weight 1 / (n + 1) of get_swa_multi_avg_fn is a tensor of the default dtype: in float32 it is off by 1e-8.
torch.set_default_dtype(torch.float64)
request = json.load(sys.stdin)
json.dump([run(case, request) for case in request["cases"]], sys.stdout)
