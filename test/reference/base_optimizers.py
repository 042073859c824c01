"""torch.optim on given gradients, for optimizers.test.ts.

Standard input: {"params": [[...]], "steps": [[[...] | null, ...], ...], "compared": [true, ...], "cases": [{"name": "Adam", "options": {...}}]}
with the gradients of every step. Standard output: for each case the parameters after every step that is compared, in float64.
"""

import json
import sys

import torch


def run(case, start, steps, compared):
    params = [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in start]
    # foreach=False: the formulas of the _single_tensor_ functions, which the twins follow.
    optimizer = getattr(torch.optim, case["name"])(params, foreach=False, **case["options"])
    trajectory = []
    for grads, kept in zip(steps, compared):
        for p, grad in zip(params, grads):
            p.grad = grad
        optimizer.step()
        if kept:
            trajectory.append([p.tolist() for p in params])
    return trajectory


# JSON does not tell 0 from 0.0, and Adam refuses betas of mixed types.
request = json.load(sys.stdin, parse_int=float)
torch.set_num_threads(1)
steps = [[None if grad is None else torch.tensor(grad, dtype=torch.float64) for grad in grads] for grads in request["steps"]]
json.dump([run(case, request["params"], steps, request["compared"]) for case in request["cases"]], sys.stdout)
