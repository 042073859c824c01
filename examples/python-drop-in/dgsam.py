"""DGSAM (arXiv 2503.23430) as an optimizer of torch.optim, over the operators of libdgsam_ops.so.

    order <- random permutation of the S domains; the first one comes again at the end
    g_j   <- gradient of domain order[j]'s loss at p_(j-1);    p_j <- p_(j-1) + rho g_j / (||g_j|| + 1e-12)
    G     <- S/(S+1) * sum of all S+1 gradients;               p   <- base optimizer(p, G), from where the step began

After any exception in the climb, a loss or gradient that is not finite included, the parameters are, bit for bit, what they were
before the step. What the base optimizer's own step() does before it fails is that optimizer's affair.
"""

import json
import math
import os
import pathlib
import random

import torch

DEFAULT_LIBRARY = pathlib.Path(__file__).resolve().parents[2] / "build" / "Release" / "libdgsam_ops.so"


def load_library(path=None):
    """Loads the operators: from `path`, else from where DGSAM_OPS says, else from this checkout's build. Raises OSError."""
    path = pathlib.Path(path or os.environ.get("DGSAM_OPS") or DEFAULT_LIBRARY).absolute()
    if not path.is_file():
        raise OSError(f"{path}: there is no such library; build it as README.md says, or name it in DGSAM_OPS")
    record = path.with_name("dgsam-build.json")
    built = json.loads(record.read_text())["libtorch"]["version"] if record.is_file() else str(torch.__version__)
    if built != torch.__version__:
        raise OSError(f"{path}: built against LibTorch {built}, but this Python has torch {torch.__version__}; build it against that one")
    try:
        torch.ops.load_library(str(path))
    except OSError as error:
        raise OSError(f"{path}: torch {torch.__version__} cannot load it: {error.__cause__ or error}") from None


class DGSAM(torch.optim.Optimizer):
    """Wraps an optimizer class of torch.optim; options that are not named here go to it.

    params:    as of any optimizer; a group may name its own `rho`
    rho:       radius of each climb
    adaptive:  scale each element's climb by the parameter's square (ASAM, elementwise form)
    order:     the domains' order in a step: "random", from a generator of its own with this `seed`, or "fixed"
    reuse:     False takes new gradients for the descent after each climb, 2S in all
    reduction: "sum" as published, or "mean" for the learning rates of a mean loss
    """

    def __init__(self, params, base, rho=0.05, adaptive=False, order="random", seed=0, reuse=True, reduction="sum", **options):
        if order not in ("random", "fixed") or reduction not in ("sum", "mean"):
            raise ValueError(f'DGSAM: expected order "random" or "fixed" and reduction "sum" or "mean", got {order!r} and {reduction!r}')
        super().__init__(params, {"rho": rho})
        self.base = base(self.param_groups, **options)
        if "rho" in self.base.defaults:
            raise ValueError(f"DGSAM: {base.__name__} keeps a `rho` of its own in its groups, where the radius is kept here; choose another base")
        self.defaults.update(self.base.defaults)
        self.adaptive, self.order, self.reuse, self.reduction = adaptive, order, reuse, reduction
        self.generator = random.Random(seed)
        self._saved, self._sums = [], []
        self._share()

    def _share(self):
        # Schedulers, zero_grad and add_param_group work on the groups of the base optimizer, which are these.
        self.param_groups, self.state = self.base.param_groups, self.base.state

    @torch.no_grad()
    def step(self, closures):
        """One step over `closures`, one per domain; each returns its loss and does not call backward().

        Returns the domains' losses. Raises FloatingPointError naming the domain when a loss or a gradient is not finite.
        """
        if callable(closures) or not closures:
            raise TypeError("DGSAM.step(closures): expected a list of closures, one per domain")
        params = [p for group in self.param_groups for p in group["params"]]
        rho = [float(group["rho"]) for group in self.param_groups for _ in group["params"]]
        if not all(0 <= radius < math.inf for radius in rho):
            raise ValueError(f"DGSAM: rho: expected finite numbers of at least 0, got {rho}")
        count, generator, climbed = len(closures), self.generator.getstate(), False
        try:
            order = list(range(count))
            if self.order == "random":
                self.generator.shuffle(order)
            visits = order + order[:1] if self.reuse else [domain for domain in order for _ in range(2)]
            scale = (count / (count + 1) if self.reuse else 1.0) / (count if self.reduction == "mean" else 1)
            saved, sums = self._scratch(params)
            losses, summed = [math.nan] * count, [False] * len(params)
            for j, domain in enumerate(visits):
                loss = self._differentiate(closures[domain], params, domain)
                losses[domain] = loss if math.isnan(losses[domain]) else losses[domain]
                if j == len(visits) - 1:
                    norm, gathered, _ = torch.ops.dgsam.gather_(params, saved, sums if any(summed) else [], scale, scale)
                    climbed = False
                    _check(gathered if math.isfinite(norm) else norm, "gradient", domain)
                elif self.reuse or j % 2 == 0:
                    norm, _ = torch.ops.dgsam.climb_(params, saved, sums if self.reuse else [], rho, not climbed, self.adaptive)
                    _check(norm, "gradient", domain)
                    climbed = True
                else:
                    _check(torch.ops.dgsam.accumulate_(params, sums, not any(summed))[0], "gradient", domain)
                if self.reuse or j % 2 == 1:
                    summed = [before or p.grad is not None for before, p in zip(summed, params)]
            for p, total, was_summed in zip(params, sums, summed):
                if p.grad is None and was_summed:  # It had no gradient in the last pass.
                    p.grad = total * scale
                    _check(torch.ops.dgsam.global_norm([p.grad]).item(), "gradient", domain)
            self.base.step()
            return losses
        except BaseException:
            if climbed:
                torch.ops.dgsam.restore_(params, saved)
            self.generator.setstate(generator)
            self.zero_grad()
            raise

    def _differentiate(self, closure, params, domain):
        for p in params:
            p.grad = None
        with torch.enable_grad():
            loss = closure()
            value = _check(loss.item(), "loss", domain)
            loss.backward()
        return value

    def _scratch(self, params):
        """One copy of the parameters and one sum of gradients. They are made anew when the parameters changed, and no state."""
        if [(s.shape, s.dtype, s.device) for s in self._saved] != [(p.shape, p.dtype, p.device) for p in params]:
            self._saved, self._sums = [[torch.empty_like(p, requires_grad=False) for p in params] for _ in range(2)]
        return self._saved, self._sums

    def state_dict(self):
        """The base optimizer's, and the state of the generator that draws the order."""
        return {**self.base.state_dict(), "generator": self.generator.getstate()}

    def load_state_dict(self, state_dict):
        version, numbers, gauss = state_dict["generator"]
        generator = random.Random()
        generator.setstate((version, tuple(numbers), gauss))
        self.base.load_state_dict(state_dict)  # Checks the rest, and changes nothing when it does not fit.
        self.generator = generator
        self._share()


def _check(value, what, domain):
    if not math.isfinite(value):
        raise FloatingPointError(f"DGSAM: the {what} of domain {domain} is {value}; nothing of the step was applied")
    return value
