"""torch.optim on given gradients, for optimizers.test.ts.

Standard input: {"params": [[...]], "steps": [[[...] | null, ...], ...], "cases": [{"name": "Adam", "options": {...}}]}
with the gradients of every step. Standard output: for each case the parameters after every step, in float64.
"""

import json
import sys

import torch


def run(case, start, steps):
    params = [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in start]
    # foreach=False: the formulas of the _single_tensor_ functions, which the twins follow.
    optimizer = getattr(torch.optim, case["name"])(params, foreach=False, **case["options"])
    trajectory = []
    for grads in steps:
        for p, grad in zip(params, grads):
            p.grad = None if grad is None else torch.tensor(grad, dtype=torch.float64)
        optimizer.step()
        trajectory.append([p.tolist() for p in params])
    return trajectory


# JSON does not tell 0 from 0.0, and Adam refuses betas of mixed types.
request = json.load(sys.stdin, parse_int=float)
torch.set_num_threads(1)
json.dump([run(case, request["params"], request["steps"]) for case in request["cases"]], sys.stdout)
