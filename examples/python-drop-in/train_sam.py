"""Before: a PyTorch script as there are many, with the SAM of which everybody has a copy."""

import time

import torch

from digits import SOURCES, batch, network, report

STEPS = 300


class SAM(torch.optim.Optimizer):
    def __init__(self, params, base, rho=0.05, **options):
        super().__init__(params, dict(rho=rho, **options))
        self.base = base(self.param_groups, **options)
        self.param_groups = self.base.param_groups

    @torch.no_grad()
    def first_step(self):
        norm = torch.stack([p.grad.norm() for group in self.param_groups for p in group["params"]]).norm()
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["old"] = p.clone()
                p.add_(p.grad * (group["rho"] / (norm + 1e-12)))
        self.zero_grad()

    @torch.no_grad()
    def second_step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.copy_(self.state[p]["old"])
        self.base.step()
        self.zero_grad()


def train(steps=STEPS):
    """The trained model, the mean losses, and the seconds a step took."""
    model, generator = network(), torch.Generator().manual_seed(0)
    optimizer = SAM(model.parameters(), torch.optim.Adam, rho=0.05, lr=3e-3)
    history, seconds = [], 0.0
    for _ in range(steps):
        batches = [batch(degrees, 32, generator) for degrees in SOURCES]
        start = time.perf_counter()

        def mean_loss():
            return sum(torch.nn.functional.cross_entropy(model(x), y) for x, y in batches) / len(batches)

        loss = mean_loss()
        loss.backward()
        optimizer.first_step()
        mean_loss().backward()
        optimizer.second_step()

        seconds += time.perf_counter() - start
        history.append(loss.item())
    return model, history, seconds / steps


if __name__ == "__main__":
    trained, losses, _ = train()
    report("SAM", losses, trained)
