"""Checks of adagrad_, rmsprop_, adadelta_, nadam_, radam_ and adamax_: the numbers of torch.optim, bit for bit where the
same calls are made, and what is checked before anything changes."""

import itertools

import torch

from dgsam_ops.descent import real, renew, state_of, twins
from dgsam_ops.problem import LAYOUTS, REAL, SHAPES, check, near, numbers, ops, problem, raises, same

COMPLEX = (torch.complex64, torch.complex128)


def scalars(params, value=0.0):
    return [torch.full((), value) for _ in params]


class Ours:
    """One of our operators with its state, called as torch.optim's class of the name would be made."""

    def __init__(self, name, params, **options):
        self.step = getattr(self, name)(params, **options)

    def Adagrad(self, params, lr=0.01, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10, maximize=False):
        sums = [torch.full_like(real(p.detach()), initial_accumulator_value) for p in params]
        sums = [torch.view_as_complex(s) if p.is_complex() else s for s, p in zip(sums, params)]
        self.steps = scalars(params)
        return lambda: ops.adagrad_(params, sums, self.steps, lr, lr_decay, eps, weight_decay, maximize)

    def RMSprop(self, params, lr=0.01, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False, maximize=False):
        buffers = state_of(params) if momentum else []
        averages = state_of(params) if centered else []
        squares, self.steps = state_of(params), scalars(params)
        return lambda: ops.rmsprop_(params, squares, buffers, averages, self.steps, lr, alpha, eps, weight_decay, momentum, maximize)

    def Adadelta(self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0, maximize=False):
        squares, deltas, self.steps = state_of(params), state_of(params), scalars(params)
        return lambda: ops.adadelta_(params, squares, deltas, self.steps, lr, rho, eps, weight_decay, maximize)

    def NAdam(self, params, lr=0.002, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, momentum_decay=4e-3, decoupled_weight_decay=False, maximize=False):
        averages, squares, products, self.steps = state_of(params), state_of(params), scalars(params, 1.0), scalars(params)
        return lambda: ops.nadam_(params, averages, squares, products, self.steps, lr, *betas, eps, weight_decay, momentum_decay, maximize, decoupled_weight_decay)

    def RAdam(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled_weight_decay=False, maximize=False):
        averages, squares, self.steps = state_of(params), state_of(params), scalars(params)
        return lambda: ops.radam_(params, averages, squares, self.steps, lr, *betas, eps, weight_decay, maximize, decoupled_weight_decay)

    def Adamax(self, params, lr=0.002, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, maximize=False):
        averages, largest, self.steps = state_of(params), state_of(params), scalars(params)
        return lambda: ops.adamax_(params, averages, largest, self.steps, lr, *betas, eps, weight_decay, maximize)


OPTIONS = {
    "Adagrad": ({}, {"lr": 0.1, "lr_decay": 0.5, "weight_decay": 0.1}, {"initial_accumulator_value": 0.1, "maximize": True}),
    "RMSprop": ({}, {"centered": True}, {"momentum": 0.5, "weight_decay": 0.1}, {"momentum": 0.5, "centered": True, "weight_decay": 0.1, "maximize": True}),
    "Adadelta": ({}, {"rho": 0.5, "weight_decay": 0.1}, {"lr": 0.1, "maximize": True}),
    "NAdam": ({}, {"momentum_decay": 0.1, "weight_decay": 0.1}, {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    "RAdam": ({}, {"weight_decay": 0.1, "maximize": True}, {"weight_decay": 0.1, "decoupled_weight_decay": True, "betas": (0.5, 0.9)}),
    "Adamax": ({}, {"weight_decay": 0.1, "maximize": True}, {"betas": (0.5, 0.8), "lr": 0.1}),
}
# eps under which no 16-bit denominator is 0.
LARGE_EPS = {"eps": 1e-3}


def compare(name, params, twin, options, steps, equal, label, **how):
    ours, theirs = Ours(name, params, **options), getattr(torch.optim, name)(twin, **options, **how)
    for step in range(steps):
        renew(params, twin, 200 + 50 * step)
        ours.step()
        theirs.step()
    for p, t in zip(params, twin):
        equal(real(p.detach()), t, f"{label} {name} {options}")
    assert [s.item() for s in ours.steps] == [0 if p.grad is None else steps for p in params]


@check
def they_are_torch_optims():
    for dtype, (name, variants) in itertools.product(REAL, OPTIONS.items()):
        # RAdam makes fewer calls than torch.optim's, so it rounds elsewhere; fused Adagrad is compared with fused Adagrad.
        equal = near if name == "RAdam" else same
        how = {"fused": True} if name == "Adagrad" else {"foreach": False}
        for options in variants:
            if dtype in (torch.bfloat16, torch.float16):
                options = {**options, **LARGE_EPS}
            params, _, _ = problem(dtype, missing=(2, 5))
            compare(name, params, twins(params), options, 8, equal, dtype, **how)


@check
def complex_numbers_are_pairs_and_dtypes_may_mix():
    for name, variants in OPTIONS.items():
        for options in variants:
            params = [numbers((3, 5), i).to(dtype).requires_grad_() for i, dtype in enumerate((torch.float64, *COMPLEX, torch.float32))]
            for i, p in enumerate(params):
                p.grad = numbers(p.shape, 50 + i).to(p.dtype)
            compare(name, params, twins(params), options, 7, near if name in ("RAdam", "Adagrad") else same, "mixed")


@check
def late_gradients_count_for_themselves():
    for name in OPTIONS:
        params, _, _ = problem(torch.float64, ((3,), (4,), (2, 2)))
        twin = twins(params)
        ours, theirs = Ours(name, params), getattr(torch.optim, name)(twin)
        for step in range(12):
            renew(params, twin, 300 + 50 * step)
            for i in (1, 2):
                if step < 3 * i or step % (i + 3) == 0:
                    held = params[i].grad, twin[i].grad
                    params[i].grad = twin[i].grad = None
                    ours.step() if i == 2 else None
                    theirs.step() if i == 2 else None
                    params[i].grad, twin[i].grad = held
            ours.step()
            theirs.step()
        for p, t in zip(params, twin):
            near(p, t, name)


@check
def layouts_do_not_change_a_descent():
    for (layout, change), name in itertools.product(LAYOUTS.items(), OPTIONS):
        params, _, _ = problem(torch.float32, SHAPES[-4:-1], grad_layout=change)
        twin = twins(params)
        for t, p in zip(twin, params):
            t.grad = p.grad.contiguous()
        Ours(name, params).step()
        Ours(name, twin).step()
        for p, t in zip(params, twin):
            same(p, t, f"{layout} {name}")
        whole = numbers((10, 5, 2), 1, torch.float32)
        between = whole[..., 1].clone()
        p = whole[..., 0].requires_grad_()
        t = p.detach().clone().requires_grad_()
        p.grad = numbers((10, 5), 2, torch.float32)
        t.grad = p.grad.clone()
        Ours(name, [p]).step()
        Ours(name, [t]).step()
        same(p, t, f"gaps {name}")
        same(whole[..., 1], between, "what lies between")


@check
def a_device_without_a_fused_adagrad_takes_the_foreach_one():
    p = torch.ones(3, device="meta", requires_grad=True)
    p.grad = torch.ones(3, device="meta")
    steps = [torch.zeros(())]
    ops.adagrad_([p], [torch.zeros(3, device="meta")], steps, 0.1, 0.5, 1e-10, 0.1, True)
    assert steps[0].item() == 1


@check
def a_descent_counts_versions_once():
    for name in OPTIONS:
        params, _, _ = problem(torch.float32, ((3,), (4,)), missing=(1,))
        loss = (params[0] * params[0]).sum()
        before = [p._version for p in params]
        Ours(name, params, weight_decay=0.1).step()
        assert [p._version - b for p, b in zip(params, before)] == [1, 0], name
        raises("modified by an inplace operation", loss.backward)


@check
def everything_is_checked_before_anything_changes():
    def refused(call, message):
        params, _, _ = problem(torch.float32, ((2, 3), (4,)))
        before = [p.detach().clone() for p in params]
        raises(message, lambda: call(params, state_of(params), scalars(params)))
        for p, b in zip(params, before):
            same(p, b, message)

    rest = (0.1, 0.9, 0.99, 1e-8, 0.0)
    refused(lambda p, s, t: ops.radam_(p, s[:1], s, t, *rest, False, False), "dgsam::radam_: expected 2 tensors in 'exp_avgs', one per parameter, got 1")
    refused(lambda p, s, t: ops.radam_(p, s, s, t[:1], *rest, False, False), "dgsam::radam_: expected 2 tensors in 'steps', one per parameter, got 1")
    refused(lambda p, s, t: ops.nadam_(p, s, s, t[:1], t, *rest, 4e-3, False, False), "dgsam::nadam_: expected 2 tensors in 'mu_products', one per parameter, got 1")
    refused(lambda p, s, t: ops.nadam_(p, s, s, [t[0], s[1]], t, *rest, 4e-3, False, False), "dgsam::nadam_: mu_products[1]: expected a float32 scalar, got Float of shape [4]")
    refused(lambda p, s, t: ops.adamax_(p, s, [s[0], s[0]], t, *rest, False), "dgsam::adamax_: exp_infs[1]: expected shape [4] as its parameter, got [2, 3]")
    refused(lambda p, s, t: ops.adadelta_(p, s, [torch.zeros(3, 2).t(), s[1]], t, 1.0, 0.9, 1e-6, 0.0, False), "dgsam::adadelta_: acc_deltas[0]: expected strides [3, 1] as its parameter, got [1, 2]")
    refused(lambda p, s, t: ops.adagrad_(p, s, [t[0], t[1].double()], 0.1, 0.0, 1e-10, 0.0, False), "dgsam::adagrad_: steps[1]: expected a float32 scalar, got Double of shape []")
    refused(lambda p, s, t: ops.rmsprop_(p, s, [], [], t, 0.1, 0.99, 1e-8, 0.0, 0.9, False), "dgsam::rmsprop_: a momentum needs 'momentum_buffers'")
    refused(lambda p, s, t: ops.rmsprop_(p, s, [], s[:1], t, 0.1, 0.99, 1e-8, 0.0, 0.0, False), "dgsam::rmsprop_: expected 2 tensors in 'grad_avgs', one per parameter, got 1")
