"""Checks of adam_ and sgd_: the numbers of torch.optim's fused optimizers, bit for bit, and what the kernels trust."""

import itertools

import torch

from dgsam_ops.problem import LAYOUTS, REAL, SHAPES, check, near, numbers, ops, problem, raises, same

ADAM = dict(lr=0.01, beta1=0.9, beta2=0.99, eps=1e-8, weight_decay=0.1, maximize=False)
SGD = dict(lr=0.01, momentum=0.9, dampening=0.1, weight_decay=0.1, nesterov=False, maximize=False)


def real(tensor):
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def twins(params):
    """Copies for torch.optim, which takes complex parameters as pairs only."""
    copies = [real(p.detach().clone()).requires_grad_() for p in params]
    for copy, p in zip(copies, params):
        copy.grad = None if p.grad is None else real(p.grad.clone())
    return copies


def state_of(params, filled=torch.zeros_like):
    return [filled(p, requires_grad=False) for p in params]


def renew(params, twin, seed):
    for i, (p, t) in enumerate(zip(params, twin)):
        if p.grad is not None:
            p.grad = numbers(p.shape, seed + i, torch.float64, 0.1).to(p.dtype)
            t.grad = real(p.grad.clone())


def run_adam(params, amsgrad, decoupled, **options):
    """Three steps of ours and of torch.optim's; returns the twins."""
    twin = twins(params)
    averages, squares, steps = state_of(params), state_of(params), [torch.zeros(()) for _ in params]
    largest = state_of(params) if amsgrad else []
    ours = {**ADAM, **options}
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    theirs = kind(twin, lr=ours["lr"], betas=(ours["beta1"], ours["beta2"]), eps=ours["eps"], weight_decay=ours["weight_decay"],
                  maximize=ours["maximize"], amsgrad=amsgrad, fused=True)
    for step in range(3):
        renew(params, twin, 200 + 50 * step)
        ops.adam_(params, averages, squares, largest, steps, decoupled=decoupled, **ours)
        theirs.step()
    assert [s.item() for s in steps] == [0 if p.grad is None else 3 for p in params]
    return twin


@check
def adam_is_torch_optims():
    for dtype in REAL:
        for amsgrad in (False, True):
            for decoupled in (False, True):
                for maximize in (False, True):
                    params, _, _ = problem(dtype, missing=(2, 5))
                    for p, t in zip(params, run_adam(params, amsgrad, decoupled, maximize=maximize)):
                        same(p, t, f"{dtype} amsgrad={amsgrad} decoupled={decoupled}")


@check
def sgd_is_torch_optims():
    for dtype in REAL:
        for options in ({}, {"momentum": 0.0, "dampening": 0.0}, {"dampening": 0.0, "nesterov": True}, {"maximize": True}):
            ours = {**SGD, **options}
            params, _, _ = problem(dtype, missing=(2, 5))
            twin = twins(params)
            # PyTorch's fused SGD loses what it computes of 16-bit parameters: every 32 elements but the last few.
            theirs = torch.optim.SGD(twin, fused=dtype.itemsize > 2, **ours)
            buffers = state_of(params, torch.empty_like) if ours["momentum"] else []
            for step in range(3):
                renew(params, twin, 200 + 50 * step)
                ops.sgd_(params, buffers, first=step == 0, **ours)
                theirs.step()
            for p, t in zip(params, twin):
                same(p, t, f"{dtype} {options}")


@check
def dtypes_may_mix_and_complex_numbers_are_pairs():
    params = [numbers((3, 5), i).to(dtype).requires_grad_() for i, dtype in enumerate((*REAL, torch.complex64, torch.complex128, torch.float32))]
    for i, p in enumerate(params):
        p.grad = numbers(p.shape, 50 + i).to(p.dtype)
    for p, t in zip(params, run_adam(params, False, True)):
        same(real(p.detach()), t, str(p.dtype))


@check
def gradients_may_lie_in_another_order():
    for name, layout in LAYOUTS.items():
        params, _, _ = problem(torch.float32, SHAPES[-3:], grad_layout=layout)
        twin = twins(params)
        for t, p in zip(twin, params):
            t.grad = p.grad.contiguous()
        for list_ in (params, twin):
            ops.sgd_(list_, [], first=False, **{**SGD, "momentum": 0.0})
        for p, t in zip(params, twin):
            same(p, t, name)
    p = torch.ones(4, requires_grad=True)
    p.grad = torch._neg_view(torch.full((4,), -1.0))
    ops.sgd_([p], [], lr=0.5, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False, first=False)
    same(p, torch.full((4,), 0.5), "lazily negated gradient")


@check
def the_number_of_threads_is_what_it_was():
    before = torch.get_num_threads()
    params, _, _ = problem(torch.float32, ((3,), (4,)))
    ops.sgd_(params, [], first=False, **{**SGD, "momentum": 0.0})
    assert torch.get_num_threads() == before


@check
def a_descent_counts_versions_and_autograd_says_nothing():
    params, _, _ = problem(torch.float32, ((3,), (4,)), missing=(1,))
    loss = (params[0] * params[0]).sum()
    before = [p._version for p in params]
    ops.sgd_(params, [], first=False, **{**SGD, "momentum": 0.0})
    assert [p._version - b for p, b in zip(params, before)] == [1, 0]
    assert all(p.is_leaf and p.requires_grad for p in params)
    raises("modified by an inplace operation", loss.backward)


@check
def what_the_kernels_trust_is_checked_before_anything_changes():
    def adam(change, message):
        params, _, _ = problem(torch.float32, ((2, 3), (4,)))
        before = [p.detach().clone() for p in params]
        lists = dict(exp_avgs=state_of(params), exp_avg_sqs=state_of(params), max_exp_avg_sqs=[], steps=[torch.zeros(()), torch.zeros(())])
        change(lists, params)
        raises(message, lambda: ops.adam_(params, *lists.values(), decoupled=False, **ADAM))
        for p, b in zip(params, before):
            same(p, b, message)

    adam(lambda lists, _: lists["exp_avgs"].pop(), "dgsam::adam_: expected 2 tensors in 'exp_avgs', one per parameter, got 1")
    adam(lambda lists, _: lists["steps"].pop(), "dgsam::adam_: expected 2 tensors in 'steps', one per parameter, got 1")
    adam(lambda lists, _: lists["max_exp_avg_sqs"].append(torch.zeros(2, 3)), "dgsam::adam_: expected 2 tensors in 'max_exp_avg_sqs', one per parameter, got 1")
    adam(lambda lists, _: lists["exp_avgs"].__setitem__(1, torch.zeros(5)), "dgsam::adam_: exp_avgs[1]: expected shape [4] as its parameter, got [5]")
    adam(lambda lists, _: lists["exp_avg_sqs"].__setitem__(0, torch.zeros(3, 2).t()), "dgsam::adam_: exp_avg_sqs[0]: expected strides [3, 1] as its parameter, got [1, 2]")
    adam(lambda lists, _: lists["steps"].__setitem__(0, torch.zeros((), dtype=torch.int64)), "dgsam::adam_: steps[0]: expected a float32 scalar, got Long of shape []")
    adam(lambda _, params: setattr(params[1], "grad", torch.zeros(4).to_sparse()), "dgsam::adam_: gradients of params[1]: expected a dense tensor, got layout Sparse")
    params, _, _ = problem(torch.float32, ((2, 3),))
    raises("dgsam::sgd_: a momentum needs 'momentum_buffers'", lambda: ops.sgd_(params, [], first=True, **SGD))
    shared = torch.zeros(1).expand(4).requires_grad_()
    shared.grad = torch.ones(4)
    raises("dgsam::sgd_: params[0]: expected elements of their own, got strides [0] over shape [4]",
           lambda: ops.sgd_([shared], [], first=False, **{**SGD, "momentum": 0.0}))


@check
def parameters_may_have_gaps():
    for momentum, steps in itertools.product((0.0, 0.9), (3,)):
        whole = numbers((10, 5, 2), 1, torch.float32)
        untouched = whole[..., 1].clone()
        p = whole[..., 0].requires_grad_()
        t = p.detach().clone().requires_grad_()
        buffers = [torch.empty_like(p, requires_grad=False)] if momentum else []
        theirs = torch.optim.SGD([t], lr=0.1, momentum=momentum)
        for step in range(steps):
            p.grad = numbers((10, 5), 10 + step, torch.float32)
            t.grad = p.grad.clone()
            ops.sgd_([p], buffers, first=step == 0, **{**SGD, "lr": 0.1, "momentum": momentum, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False, "maximize": False})
            theirs.step()
        near(p, t, f"momentum {momentum}")
        same(whole[..., 1], untouched, "what lies between")
        assert p.stride() == (10, 2)
