"""torch.optim.lr_scheduler on given cases, for torch.test.ts.

Standard input: [{"optimizer": "SGD", "lrs": [0.1, ...], "steps": 200, "schedulers": [spec, ...]}, ...] with one lr per group.
A spec is {"name": "StepLR", "options": {"stepSize": 30}, "arguments": [...]}: options in camelCase, the argument of each step()
if it takes any; schedulers among the options are specs. Schedulers of a case step in turn.

Standard output: for each case {"lr": [[...], ...], "momentum": [[...], ...], "failed": null} with one row per step, after
construction first. When a scheduler raises, "failed" is the number of rows and the rest is missing.
"""

import json
import re
import sys
import warnings

import torch
from torch.optim import lr_scheduler

warnings.simplefilter("ignore")
torch.set_num_threads(1)

NAMES = {"tMax": "T_max", "t0": "T_0", "tMult": "T_mult"}


def hyperbola(slope):
    return lambda epoch: 1 / (1 + slope * epoch)


def option(optimizer, name, value):
    if name == "schedulers":
        return [create(optimizer, spec) for spec in value]
    if name == "lrLambda":
        return [hyperbola(slope) for slope in value] if isinstance(value, list) else hyperbola(value)
    # JSON does not tell 0 from 0.0.
    return float(value) if name == "pctStart" else value


def create(optimizer, spec):
    options = dict(spec["options"])
    if spec["name"] == "WarmupLR":
        after = options.pop("after", None)
        linear = lr_scheduler.LinearLR(optimizer, options.pop("startFactor", 1 / 3), total_iters=options.pop("totalIters", 5))
        if after is None:
            return lr_scheduler.SequentialLR(optimizer, [linear], [])
        return lr_scheduler.SequentialLR(optimizer, [linear, create(optimizer, after)], [linear.total_iters])
    snake = {NAMES.get(name, re.sub("[A-Z]", lambda m: "_" + m[0].lower(), name)): option(optimizer, name, value) for name, value in options.items()}
    return getattr(lr_scheduler, spec["name"])(optimizer, **snake)


def run(case):
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in case["lrs"]]
    optimizer = getattr(torch.optim, case["optimizer"])(groups)
    answer = {"lr": [], "momentum": [], "failed": None}

    def record():
        answer["lr"].append([group["lr"] for group in optimizer.param_groups])
        answer["momentum"].append([group["betas"][0] if "betas" in group else group["momentum"] for group in optimizer.param_groups])

    try:
        schedulers = [create(optimizer, spec) for spec in case["schedulers"]]
        record()
        for step in range(case["steps"]):
            for scheduler, spec in zip(schedulers, case["schedulers"]):
                argument = spec.get("arguments", [None] * case["steps"])[step]
                scheduler.step() if argument is None else scheduler.step(argument)
            record()
    except (ValueError, ZeroDivisionError):
        answer["failed"] = len(answer["lr"])
    return answer


json.dump([run(case) for case in json.load(sys.stdin)], sys.stdout)
