"""torch.optim.LBFGS on the problems of lbfgs-problems.ts.

Standard input: {"problems": {name: {"kind", ...}}, "cases": [{"problem", "options", "steps"}]}, options in PyTorch's
spelling. Standard output: for each case {"params": flat parameters after every step, "losses", "funcEvals", "nIter"}.
"""

import json
import sys

import torch
import torch.nn.functional as F


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def quadratic(problem):
    matrix, vector = tensor(problem["matrix"]), tensor(problem["vector"])

    def loss(params):
        x = torch.cat(params)
        return 0.5 * x @ matrix @ x - vector @ x

    return loss


def rosenbrock(_):
    def loss(params):
        x = torch.cat(params)
        return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    return loss


def mlp(problem):
    sizes = problem["sizes"]
    batches = [(tensor(x).reshape(-1, sizes[0]), torch.tensor(y)) for x, y in problem["batches"]]

    def loss(params):
        losses = []
        for x, y in batches:
            for layer in range(len(sizes) - 1):
                weight = params[2 * layer].reshape(sizes[layer + 1], sizes[layer])
                x = F.linear(x, weight, params[2 * layer + 1])
                if layer < len(sizes) - 2:
                    x = x.tanh()
            losses.append(F.cross_entropy(x, y))
        return sum(losses) / len(losses)

    return loss


def run(problem, options, steps):
    loss = {"quadratic": quadratic, "rosenbrock": rosenbrock, "mlp": mlp}[problem["kind"]](problem)
    params = [tensor(each).requires_grad_() for each in problem["params"]]
    # One that no loss reaches.
    unused = tensor([1.0, 2.0]).requires_grad_()
    optimizer = torch.optim.LBFGS([unused, *params], **options)

    def closure():
        optimizer.zero_grad()
        value = loss(params)
        value.backward()
        return value

    answer = {"params": [], "losses": [], "funcEvals": [], "nIter": []}
    state = optimizer.state[unused]
    for _ in range(steps):
        answer["losses"].append(optimizer.step(closure).item())
        answer["params"].append([value for each in params for value in each.tolist()])
        answer["funcEvals"].append(state["func_evals"])
        answer["nIter"].append(state["n_iter"])
    assert unused.tolist() == [1.0, 2.0]
    return answer


torch.set_num_threads(1)
request = json.load(sys.stdin)
json.dump([run(request["problems"][case["problem"]], case["options"], case["steps"]) for case in request["cases"]], sys.stdout)
