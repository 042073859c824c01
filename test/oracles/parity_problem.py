"""The fixed small problem of lib/reference/problem.ts, trained by torch.optim and by dgsam_pytorch.py.

Standard input is one JSON object:

    {"steps": 100, "every": 10, "runs": [{"algorithm": "dgsam", "base": "Adam", "dtype": "float64",
      "options": {"rho": 0.05, "lr": 0.01}, "groups": [{"count": 2}, {"count": 4, "rho": 0.1}], "domains": 3}, ...]}

`algorithm` is erm, sam or dgsam; `options` and `groups` carry the options in PyTorch's spelling; `groups` (one group by
default) cuts the six parameters into groups of `count`; `domains` (all three by default) takes the first few domains;
`unused` names parameters that the loss does not reach. DGSAM visits the domains in the order that the problem defines,
or in the closures' order when there are fewer than three. Standard output is one JSON object:

    {"torch": VERSION, "problem": {"params", "x", "y", "orders"}, "runs": [{"steps": [10, 20, ...], "params": [...]}, ...]}

with every parameter flat, as Python prints a float: exactly.
"""

import json
import sys

import torch

from dgsam_pytorch import DGSAM, SAM

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


def train(run, steps, every):
    dtype = getattr(torch, run["dtype"])
    unused = run.get("unused", [])
    params = [p.to(dtype).requires_grad_() for p in initial_params()]
    # An unused parameter takes part with its starting value, detached, so its gradient is None.
    read = [p.detach().clone() if index in unused else p for index, p in enumerate(params)]

    def closure_of(x, y):
        def closure():
            h = x.to(dtype)
            for layer in range(0, len(read), 2):
                h = torch.nn.functional.linear(h, read[layer], read[layer + 1])
                if layer < len(read) - 2:
                    h = torch.tanh(h)
            return torch.nn.functional.cross_entropy(h, y)

        return closure

    closures = [closure_of(x, y) for x, y in batches()[: run.get("domains", DOMAINS)]]

    def mean_closure():
        return sum(closure() for closure in closures) / len(closures)

    groups, first = [], 0
    for group in run.get("groups", [{"count": len(params)}]):
        options = {key: value for key, value in group.items() if key != "count"}
        groups.append({"params": params[first : first + group["count"]], **options})
        first += group["count"]
    base = getattr(torch.optim, run["base"])
    options = dict(run["options"])
    if run["algorithm"] == "erm":
        optimizer = base(groups, **options)
    elif run["algorithm"] == "sam":
        optimizer = SAM(groups, base, **options)
    else:
        optimizer = DGSAM(groups, base, order="fixed", **options)

    checkpoints = {"steps": [], "params": []}
    for step, order in enumerate(orders(steps), start=1):
        if run["algorithm"] == "erm":
            optimizer.zero_grad()
            mean_closure().backward()
            optimizer.step()
        elif run["algorithm"] == "sam":
            optimizer.step(mean_closure)
        else:
            optimizer.step([closures[domain] for domain in order] if len(closures) == DOMAINS else closures)
        if step % every == 0:
            checkpoints["steps"].append(step)
            checkpoints["params"].append([p.detach().flatten().tolist() for p in params])
    return checkpoints


def main():
    torch.set_num_threads(1)
    request = json.load(sys.stdin)
    data = batches()
    answer = {
        "torch": torch.__version__,
        "problem": {
            "params": [p.flatten().tolist() for p in initial_params()],
            "x": [x.flatten().tolist() for x, _ in data],
            "y": [y.tolist() for _, y in data],
            "orders": orders(request["steps"]),
        },
        "runs": [train(run, request["steps"], request["every"]) for run in request["runs"]],
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
