"""The fixed small problem of lib/reference/problem.ts, trained by torch.optim and by the transcriptions in sharpness/.

Standard input is one JSON object:

    {"steps": 200, "every": 10, "runs": [{"algorithm": "DGSAM", "base": "Adam", "dtype": "float64",
      "options": {"rho": 0.05, "lr": 0.01}, "groups": [{"count": 2}, {"count": 4, "rho": 0.1}], "domains": 3}, ...]}

`algorithm` is one of sharpness.ALGORITHMS; `options` and `groups` carry the options in PyTorch's spelling; `groups` (one
group by default) cuts the six parameters into groups of `count`; `domains` (all three by default) takes the first few
domains; `unused` names parameters that the loss does not reach; `orders` lists the order of the domains at every step (the
problem's own by default, the closures' where there are fewer than three); `omitted` lists steps that are not taken,
counted from 0.

Standard output is one JSON object a line: {"torch": VERSION, "problem": {"params", "x", "y", "orders"}}, then for each run
{"params": [...]}, the parameters after every so many steps, each flat, as Python prints a float: exactly.
"""

import json
import sys

import torch

from sharpness import ALGORITHMS

SIZES = [8, 16, 16, 4]
DOMAINS = 3
EXAMPLES = 16


def draws(seed):
    state = seed
    while True:
        state = (1664525 * state + 1013904223) % 2**32
        yield (state >> 16) / 65536 - 0.5


def initial_params():
    draw = draws(1)
    params = []
    for inner, outer in zip(SIZES, SIZES[1:]):
        for shape in ([outer, inner], [outer]):
            count = outer * inner if len(shape) == 2 else outer
            params.append(torch.tensor([next(draw) for _ in range(count)], dtype=torch.float64).reshape(shape))
    return params


def batches():
    result = []
    for domain in range(DOMAINS):
        draw = draws(21 + domain)
        examples = [[next(draw) for _ in range(SIZES[0])] for _ in range(EXAMPLES)]
        x = torch.tensor([[4 * u + domain / 2 for u in example] for example in examples], dtype=torch.float64)
        y = torch.tensor([2 * (example[0] > 0) + (example[1] > 0) for example in examples])
        result.append((x, y))
    return result


def orders(steps):
    draw = draws(99)
    result = []
    for _ in range(steps):
        order = list(range(DOMAINS))
        for i in range(DOMAINS - 1, 0, -1):
            j = int((next(draw) + 0.5) * (i + 1))
            order[i], order[j] = order[j], order[i]
        result.append(order)
    return result


def closures_over(read, run):
    """A closure for the loss of each of a run's domains; `read` gives the six parameters at each call."""
    dtype = getattr(torch, run["dtype"])

    def closure_of(x, y):
        x = x.to(dtype)

        def closure():
            params, h = read(), x
            for layer in range(0, len(params), 2):
                h = torch.nn.functional.linear(h, params[layer], params[layer + 1])
                if layer < len(params) - 2:
                    h = torch.tanh(h)
            return torch.nn.functional.cross_entropy(h, y)

        return closure

    return [closure_of(x, y) for x, y in batches()[: run.get("domains", DOMAINS)]]


def make(run):
    """A run's parameters, its parameter groups and the closures of its domains."""
    unused = run.get("unused", [])
    params = [p.to(getattr(torch, run["dtype"])).requires_grad_() for p in initial_params()]
    # An unused parameter takes part with its starting value, detached, so it has no gradient.
    reached = [p.detach().clone() if index in unused else p for index, p in enumerate(params)]
    groups, first = [], 0
    for group in run.get("groups", [{"count": len(params)}]):
        options = {key: value for key, value in group.items() if key != "count"}
        groups.append({"params": params[first : first + group["count"]], **options})
        first += group["count"]
    return params, groups, closures_over(lambda: reached, run)


def train(run, steps, every):
    params, groups, closures = make(run)
    options = dict(run["options"])
    if run["algorithm"] == "DGSAM":
        options["order"] = "fixed"
    optimizer = ALGORITHMS[run["algorithm"]](groups, getattr(torch.optim, run["base"]), **options)
    own = orders(steps) if len(closures) == DOMAINS else [range(len(closures))] * steps
    checkpoints = []
    for step, order in enumerate(run.get("orders", own)):
        if step not in run.get("omitted", []):
            optimizer.step([closures[domain] for domain in order])
        if (step + 1) % every == 0:
            checkpoints.append([p.detach().flatten().tolist() for p in params])
    return checkpoints


def main():
    torch.set_num_threads(1)
    request = json.load(sys.stdin)
    data = batches()
    problem = {
        "params": [p.flatten().tolist() for p in initial_params()],
        "x": [x.flatten().tolist() for x, _ in data],
        "y": [y.tolist() for _, y in data],
        "orders": orders(request["steps"]),
    }
    print(json.dumps({"torch": torch.__version__, "problem": problem}), flush=True)
    for run in request["runs"]:
        print(json.dumps({"params": train(run, request["steps"], request["every"])}), flush=True)


if __name__ == "__main__":
    main()
