"""Checks examples/python-drop-in/dgsam.py against the oracle's DGSAM, and that it leaves nothing of a failing step behind.

    python check_drop_in.py PATH_TO_LIBDGSAM_OPS

prints "N passed, N failed" last and exits 1 when a check failed.
"""

import io
import itertools
import json
import pathlib
import shutil
import sys
import tempfile
import traceback

import torch

from sharpness import dgsam as oracle

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples" / "python-drop-in"))
from dgsam import DGSAM, load_library  # noqa: E402

DOMAINS = 3
checks = []


def check(function):
    checks.append(function)
    return function


class Problem:
    """A small network in float64, of which one layer belongs to domain 0 alone, and a closure per domain."""

    def __init__(self):
        generator = torch.Generator().manual_seed(0)

        def randn(*shape):
            return torch.randn(*shape, dtype=torch.float64, generator=generator)

        self.params = [(randn(*shape) * 0.3).requires_grad_() for shape in ((8, 6), (8,), (4, 8), (4,), (4,))]
        self.batches = [(randn(16, 6), torch.randint(4, (16,), generator=generator)) for _ in range(DOMAINS)]
        self.closures = [lambda domain=domain: self.loss(domain) for domain in range(DOMAINS)]

    def loss(self, domain):
        w1, b1, w2, b2, own = self.params
        x, y = self.batches[domain]
        out = torch.tanh(x @ w1.t() + b1) @ w2.t() + b2
        return torch.nn.functional.cross_entropy(out + own if domain == 0 else out, y)

    def values(self):
        return [p.detach().clone() for p in self.params]


def groups_of(params):
    return [{"params": params[:2], "rho": 0.2, "lr": 0.02}, {"params": params[2:]}]


def same(actual, expected, what):
    for i, (a, b) in enumerate(zip(actual, expected, strict=True)):
        assert torch.equal(a, b), f"{what}: parameter {i} is off by {(a - b).abs().max().item()}"


def raises(kind, text, function):
    try:
        function()
    except BaseException as error:
        # Not a subclass, and nothing else: that is what crossed the border.
        assert type(error) is kind and text in str(error), f"{type(error).__name__}: {error}"
    else:
        raise AssertionError(f'no error, "{text}" was due')


BASES = ((torch.optim.SGD, dict(lr=0.05, momentum=0.9)), (torch.optim.Adam, dict(lr=0.01)), (torch.optim.AdamW, dict(lr=0.01)))


@check
def a_base_with_a_rho_of_its_own_is_refused():
    raises(ValueError, "Adadelta keeps a `rho` of its own", lambda: DGSAM([torch.zeros(2, requires_grad=True)], torch.optim.Adadelta))


@check
def it_is_the_oracles_dgsam_over_200_steps():
    variants = itertools.product(BASES, ("random", "fixed"), (True, False), ("sum", "mean"), (True, False), (list, groups_of))
    for (base, options), order, reuse, reduction, adaptive, arrange in variants:
        # Every option with every other would take minutes: with Adam each alone and all together, else the defaults.
        changed = [order == "fixed", not reuse, reduction == "mean", adaptive].count(True)
        if changed not in ((0, 1, 4) if base is torch.optim.Adam else (0,)):
            continue
        ours, theirs = Problem(), Problem()
        settings = dict(rho=0.05, order=order, reuse=reuse, reduction=reduction, adaptive=adaptive, seed=3, **options)
        optimizer = DGSAM(arrange(ours.params), base, **settings)
        reference = oracle.DGSAM(arrange(theirs.params), base, **settings)
        for _ in range(200):
            optimizer.step(ours.closures)
            reference.step(theirs.closures)
        for p, q in zip(ours.params, theirs.params):
            error = ((p - q).abs().max() / q.abs().max()).item()
            assert error <= 1e-12, f"{base.__name__} {settings}: {error}"
        assert not torch.equal(ours.params[0], Problem().params[0])


@check
def a_step_tells_the_losses_where_the_domains_were_first_seen():
    problem = Problem()
    expected = problem.loss(0).item()
    losses = DGSAM(problem.params, torch.optim.Adam, order="fixed").step(problem.closures)
    assert losses[0] == expected and losses[1] != problem.loss(1).item() and len(losses) == DOMAINS


def failing(problem, at, fail):
    """Closures of which the call number `at` is `fail`'s."""
    calls = itertools.count()
    return [lambda closure=closure: fail(closure) if next(calls) == at else closure() for closure in problem.closures]


def nan_loss(closure):
    return closure() * float("nan")


def infinite_gradient(closure):
    loss = closure()
    loss.register_hook(lambda gradient: gradient * float("inf"))
    return loss


def throws(_closure):
    raise KeyError("the data ran out")


def calls_backward(closure):
    loss = closure()
    loss.backward()
    return loss


FAILURES = (
    (nan_loss, FloatingPointError, "the loss of domain"),
    (infinite_gradient, FloatingPointError, "the gradient of domain"),
    (throws, KeyError, "the data ran out"),
    (calls_backward, RuntimeError, "backward through the graph a second time"),
)


@check
def a_step_that_fails_in_any_pass_leaves_nothing_behind():
    for reuse, (fail, kind, text) in itertools.product((True, False), FAILURES):
        for at in range(DOMAINS + 1 if reuse else 2 * DOMAINS):
            problem, twin = Problem(), Problem()
            optimizer, undisturbed = (DGSAM(each.params, torch.optim.Adam, lr=0.01, reuse=reuse) for each in (problem, twin))
            for each, optimizer_of_it in ((problem, optimizer), (twin, undisturbed)):
                optimizer_of_it.step(each.closures)
            before = problem.values()
            raises(kind, text, lambda: optimizer.step(failing(problem, at, fail)))
            same(problem.values(), before, f"{fail.__name__} in pass {at}")
            assert all(p.grad is None for p in problem.params)
            # State and order, too, are what they were.
            for each, optimizer_of_it in ((problem, optimizer), (twin, undisturbed)):
                optimizer_of_it.step(each.closures)
            same(problem.values(), twin.values(), f"the step after {fail.__name__} in pass {at}")


@check
def it_goes_on_from_a_state_dict():
    problem = Problem()
    optimizer = DGSAM(groups_of(problem.params), torch.optim.Adam, lr=0.01, seed=7)
    for _ in range(3):
        optimizer.step(problem.closures)
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    other = Problem()
    for p, q in zip(other.params, problem.params):
        p.data.copy_(q)
    resumed = DGSAM(groups_of(other.params), torch.optim.Adam, lr=0.5)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert resumed.param_groups[0]["lr"] == 0.02 and resumed.param_groups[1]["lr"] == 0.01 and resumed.param_groups[0]["rho"] == 0.2
    for _ in range(5):
        optimizer.step(problem.closures)
        resumed.step(other.closures)
        same(other.values(), problem.values(), "resumed")
    before = resumed.generator.getstate()
    raises(ValueError, "loaded state dict has a different number of parameter groups", lambda: resumed.load_state_dict(DGSAM(Problem().params, torch.optim.Adam).state_dict()))
    assert resumed.generator.getstate() == before


@check
def schedulers_and_added_groups_reach_the_base():
    problem = Problem()
    optimizer = DGSAM(problem.params[:2], torch.optim.SGD, lr=0.1, rho=0.3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    optimizer.step(problem.closures)
    scheduler.step()
    optimizer.add_param_group({"params": problem.params[2:], "momentum": 0.9})
    assert [(group["lr"], group["momentum"], group["rho"]) for group in optimizer.base.param_groups] == [(0.05, 0, 0.3), (0.1, 0.9, 0.3)]
    before = problem.values()
    optimizer.step(problem.closures)
    assert all(not torch.equal(p, b) for p, b in zip(problem.params, before))


@check
def parameters_may_be_converted_between_steps():
    problem = Problem()
    optimizer = DGSAM(problem.params, torch.optim.SGD, lr=0.1)
    optimizer.step(problem.closures)
    for p in problem.params:
        p.grad = None
        p.data = p.data.float()
    problem.batches = [(x.float(), y) for x, y in problem.batches]
    optimizer.step(problem.closures)
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in problem.params)


@check
def what_it_is_told_is_checked():
    params, closures = Problem().params, Problem().closures
    raises(ValueError, "expected order", lambda: DGSAM(params, torch.optim.Adam, order="sorted"))
    raises(ValueError, "and reduction", lambda: DGSAM(params, torch.optim.Adam, reduction="max"))
    raises(ValueError, "rho: expected finite numbers of at least 0", lambda: DGSAM(params, torch.optim.Adam, rho=-1).step(closures))
    for nothing in ([], closures[0]):
        raises(TypeError, "expected a list of closures, one per domain", lambda: DGSAM(params, torch.optim.Adam).step(nothing))


def misused(name):
    """The operator called with one tensor too many in its last list; where it has one list only, with a sparse gradient; a ledger
    is no vector."""
    packet, _, overload = name.partition(".")
    operator = getattr(getattr(torch.ops.dgsam, packet), overload or "default")
    schema = operator._schema
    lists = [argument.name for argument in schema.arguments if "List" in str(argument.type) and "Tensor" in str(argument.type)]
    arguments = {}
    for argument in schema.arguments:
        kind = str(argument.type)
        if argument.name in lists:
            arguments[argument.name] = [torch.ones(2) for _ in range(2 if argument.name == lists[-1] else 1)]
        elif not argument.has_default_value():
            arguments[argument.name] = {"float": 0.5, "int": 1, "bool": False, "Tensor": torch.ones(()), "List[int]": [1], "Optional[float]": None, "Optional[bool]": None}.get(kind, [0.5])
    if len(lists) == 1:
        sparse = torch.ones(2).to_sparse()
        sparse.grad = sparse.clone()
        arguments[lists[0]] = [sparse]
    return lambda: operator(**arguments)


@check
def a_misused_operator_is_a_runtime_error_that_names_it():
    names = [name.removeprefix("dgsam::") for name in torch._C._dispatch_get_all_op_names() if name.startswith("dgsam::")]
    assert {"climb_", "accumulate_", "products", "gather_", "restore_", "global_norm"} <= set(names)
    for name in names:
        raises(RuntimeError, f"dgsam::{name.partition('.')[0]}: ", misused(name))


@check
def a_library_for_another_torch_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(shutil.copy(sys.argv[1], folder))
        (copy.parent / "dgsam-build.json").write_text(json.dumps({"libtorch": {"version": "2.7.1+cpu"}}))
        raises(OSError, f"{copy}: built against LibTorch 2.7.1+cpu, but this Python has torch {torch.__version__}", lambda: load_library(copy))


def main():
    torch.set_num_threads(1)
    load_library(sys.argv[1])
    failed = 0
    for function in checks:
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok    {name}")
        except Exception:  # Whatever goes wrong is this check's failure.
            failed += 1
            print(f"FAIL  {name}\n{traceback.format_exc()}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
