"""The line search of torch.optim.LBFGS on functions of one step, for line-search.test.ts.

Standard input: [{"bumps": [[a, w, p]], "slope", "firstStep", "toleranceChange", "maxIterations"}]: the function is the sum of
a / (1 + (w t - p)^2) and slope * t, in this order. Standard output: [[t, evaluations]].
"""

import json
import sys

import torch
from torch.optim.lbfgs import _strong_wolfe


def evaluate(case, t):
    value, slope = case["slope"] * t, case["slope"]
    for a, w, p in case["bumps"]:
        x = w * t - p
        y = 1 + x * x
        value += a / y
        slope += -2 * a * w * x / (y * y)
    return value, slope


def run(case):
    direction = torch.ones(1, dtype=torch.float64)

    def at(t):
        value, slope = evaluate(case, float(t))
        return value, torch.tensor([slope], dtype=torch.float64)

    f, g = at(0.0)
    _, _, t, evaluations = _strong_wolfe(
        lambda x, t, d: at(t), None, case["firstStep"], direction, f, g, g.dot(direction),
        tolerance_change=case["toleranceChange"], max_ls=case["maxIterations"],
    )
    return [float(t), evaluations]


json.dump([run(case) for case in json.load(sys.stdin)], sys.stdout)
