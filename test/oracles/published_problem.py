"""The fixed small problem trained by the package pytorch_optimizer 3.8.1, whose authors know nothing of this repository.

Standard input as parity_problem.py takes it, with `algorithm` SAM, GSAM or LookSAM; standard output as there, without the
problem. What of the package follows another rule than ours is in test/reference/published.test.ts.
"""

import json
import sys

import pytorch_optimizer
import torch

from parity_problem import closures_over, make


class ConstantRho:
    """GSAM takes its radius from a scheduler."""

    def __init__(self, rho):
        self.rho = rho

    def step(self):
        return self.rho


def backward(params, closures):
    """A closure as the package wants it: it clears the gradients, and calls backward() itself."""

    def closure():
        for p in params:
            p.grad = None
        with torch.enable_grad():
            loss = sum(each() for each in closures) / len(closures)
        loss.backward()
        return None, loss

    return closure


def train(run, steps, every):
    params, groups, closures = make(run)
    options = dict(run["options"])
    base = getattr(torch.optim, run["base"])
    if run["algorithm"] == "LookSAM":
        # The package takes angle and norms for each tensor by itself: one tensor makes them those of all parameters.
        flat = torch.cat([p.detach().flatten() for p in params]).requires_grad_()
        shapes = [p.shape for p in params]
        params = [flat]
        closures = closures_over(lambda: [p.view(s) for p, s in zip(flat.split([s.numel() for s in shapes]), shapes)], run)
        optimizer = pytorch_optimizer.LookSAM(params, base, **options)
    elif run["algorithm"] == "GSAM":
        own = {name: options.pop(name) for name in ("alpha", "adaptive") if name in options}
        rho = ConstantRho(options.pop("rho"))
        optimizer = pytorch_optimizer.GSAM(params, base(params, **options), torch.nn.Module(), rho, perturb_eps=0.0, **own)
    else:
        optimizer = pytorch_optimizer.SAM(groups, base, **options)
    closure = backward(params, closures)
    checkpoints = []
    for step in range(steps):
        if run["algorithm"] != "GSAM":
            closure()
        optimizer.step(closure)
        if (step + 1) % every == 0:
            checkpoints.append([p.detach().flatten().tolist() for p in params])
    return checkpoints


def main():
    torch.set_num_threads(1)
    request = json.load(sys.stdin)
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for run in request["runs"]:
        print(json.dumps({"params": train(run, request["steps"], request["every"])}), flush=True)


if __name__ == "__main__":
    main()
