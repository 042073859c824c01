"""Checks of what surrounds the numbers: versions, autograd, unusual tensors, empty lists, errors."""

import warnings

import torch

from dgsam_ops.problem import LAYOUTS, SHAPES, check, close, numbers, ops, problem, raises, run_climb, same


@check
def norm_of_nothing_is_zero():
    assert ops.global_norm([]).item() == 0 and ops.global_norm([None, None]).item() == 0 and ops.global_norm([torch.zeros(0)]).item() == 0


@check
def restore_works_whatever_the_gradients_are():
    p = torch.zeros(3, requires_grad=True)
    p.grad = torch.zeros(3).to_sparse()
    ops.restore_([p], [torch.ones(3)])
    same(p, torch.ones(3), "restored")


@check
def no_gradient_at_all_saves_and_clears():
    params, saved, sums = problem(torch.float32, missing=range(len(SHAPES)))
    assert run_climb(params, saved, sums, [0.05] * len(params), True) == 0
    assert all(torch.equal(p, s) for p, s in zip(params, saved)) and all((s == 0).all() for s in sums)
    assert ops.climb_([], [], [], [], first=True)[0] == 0


@check
def versions_count_every_write():
    def versions(tensors):
        return [t._version for t in tensors]

    for layout in LAYOUTS.values():
        params, saved, sums = problem(torch.float32, SHAPES[:12], missing=(3,), layout=layout)
        grads = [p.grad for p in params if p.grad is not None]

        def grown(call, *which):
            before = [versions(list_) for list_ in (params, saved, sums, grads)]
            call()
            after = [versions(list_) for list_ in (params, saved, sums, grads)]
            for name, old, new in zip(("params", "saved", "sums", "grads"), before, after):
                for i, (a, b) in enumerate(zip(old, new)):
                    if name in which:
                        # A parameter without gradient does not move in a climb.
                        assert b > a or (name == "params" and i == 3), f"{name}[{i}] was written, its version stayed {a}"
                    else:
                        assert b == a, f"{name}[{i}] was not written, its version went from {a} to {b}"

        rho = [0.05] * len(params)
        grown(lambda: ops.climb_(params, saved, sums, rho, first=True), "params", "saved", "sums")
        grown(lambda: ops.climb_(params, saved, sums, rho, first=False), "params", "sums")
        grown(lambda: ops.climb_(params, saved, [], rho, first=False), "params")
        grown(lambda: ops.accumulate_(params, sums, first=False), "sums")
        grown(lambda: ops.gather_(params, saved, sums, 0.5, 0.5), "params", "grads")
        grown(lambda: ops.gather_(params, [], sums, 0.5, 1.0), "grads")
        grown(lambda: ops.gather_(params, saved, [], 0.0, 1.0), "params")
        grown(lambda: ops.gather_(params, [], [], 0.0, 0.5), "grads")
        grown(lambda: ops.products(params, sums))
        grown(lambda: ops.combine_(params, sums, 0.5, 1.0), "sums")
        grown(lambda: ops.gather_orthogonal_(params, saved, sums, 0.4), "params", "grads")
        grown(lambda: ops.project_(params, sums), "sums")
        grown(lambda: ops.gather_along_(params, sums, 1.0, 0.7), "grads")
        grown(lambda: ops.restore_(params, saved), "params")
        grown(lambda: ops.global_norm(grads))


@check
def a_stale_graph_is_an_error():
    p = torch.ones(3, requires_grad=True)
    loss = (p * p).sum()
    p.grad = torch.ones(3)
    ops.climb_([p], [torch.empty(3)], [], [0.05], first=True)
    raises("modified by an inplace operation", loss.backward)


@check
def autograd_says_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        p = torch.ones(3, requires_grad=True)
        (p * p).sum().backward()
        ops.climb_([p], [torch.empty(3)], [torch.empty(3)], [0.05], first=True)
        assert p.is_leaf and p.requires_grad and p.grad_fn is None
        p.grad = None
        (p * p).sum().backward()
        ops.gather_([p], [torch.ones(3)], [torch.ones(3)], 1.0, 1.0)
        assert not p.grad.requires_grad
        assert not ops.global_norm([p]).requires_grad
    with torch.inference_mode():
        q = torch.ones(3)
        ops.restore_([q], [torch.zeros(3)])
        assert ops.global_norm([q]).item() == 0


@check
def gradients_that_cannot_be_written_are_replaced():
    for make in (lambda: torch.ones(()).expand(2, 3), lambda: torch._efficientzerotensor(2, 3)):
        p = torch.zeros(2, 3, requires_grad=True)
        p.grad = make()
        value = p.grad + torch.zeros(2, 3)
        saved, sums = [torch.empty(2, 3)], [torch.empty(2, 3)]
        close(run_climb([p], saved, sums, [0.05], True), float(value.double().norm()), 1e-14, "norm")
        ops.gather_([p], saved, sums, 0.5, 0.5)
        same(p, torch.zeros(2, 3), "restored")
        same(p.grad + torch.zeros(2, 3), value, "G")


@check
def lazily_shared_memory_stays_apart():
    p = numbers((50,), 1, torch.float32).requires_grad_()
    p.grad = numbers((50,), 2, torch.float32)
    before = p.detach().clone()
    shared, shared_grad = torch._lazy_clone(p.detach()), torch._lazy_clone(p.grad)
    gradient = p.grad.clone()
    saved, sums = [torch.empty(50)], [torch.empty(50)]
    run_climb([p], saved, sums, [0.05], True)
    ops.gather_([p], saved, sums, 0.25, 0.25)
    same(shared, before, "clone of the parameter")
    same(shared_grad, gradient, "clone of the gradient")


@check
def negated_views_count_with_their_sign():
    p = torch.zeros(4, requires_grad=True)
    p.grad = torch._neg_view(torch.ones(4))
    run_climb([p], [torch.empty(4)], [], [1.0], True)
    assert (p < 0).all()


@check
def mismatches_name_operator_list_and_index():
    def good():
        return problem(torch.float32, ((2,), (3, 4)))

    def broken(text, change, call=None):
        params, saved, sums = good()
        before = params[0].detach().clone()
        params, saved, sums, rho = change(params, saved, sums, [0.05, 0.05])
        raises(text, lambda: (call or (lambda p, s, a, r: ops.climb_(p, s, a, r, first=True)))(params, saved, sums, rho))
        assert torch.equal(params[0], before), f"{text}: something was written before the error"

    def with_grad(p, grad):
        del p[1].grad
        p[1].grad_dtype = None
        p[1].grad = grad
        return p

    broken(
        "dgsam::climb_: expected 2 tensors in 'saved', one per parameter, got 1",
        lambda p, s, a, r: (p, s[:1], a, r),
    )
    broken(
        "dgsam::climb_: expected 2 tensors in 'sums', one per parameter, got 1",
        lambda p, s, a, r: (p, s, a[:1], r),
    )
    broken(
        "dgsam::climb_: expected 2 radii in 'rho', one per parameter, got 1",
        lambda p, s, a, r: (p, s, a, r[:1]),
    )
    broken(
        "dgsam::climb_: saved[1]: expected shape [3, 4] as its parameter, got [4, 3]",
        lambda p, s, a, r: (p, [s[0], torch.zeros(4, 3)], a, r),
    )
    broken(
        "dgsam::climb_: sums[1]: expected dtype Float as its parameter, got Double",
        lambda p, s, a, r: (p, s, [a[0], a[1].double()], r),
    )
    broken(
        "dgsam::climb_: sums[0]: expected device cpu as its parameter, got meta",
        lambda p, s, a, r: (p, s, [a[0].to("meta"), a[1]], r),
    )
    broken(
        "dgsam::climb_: saved[1]: expected a dense tensor, got layout Sparse",
        lambda p, s, a, r: (p, [s[0], torch.zeros(3, 4).to_sparse()], a, r),
    )
    broken(
        "dgsam::climb_: gradients of params[1]: expected a dense tensor, got layout Sparse",
        lambda p, s, a, r: (with_grad(p, torch.ones(3, 4).to_sparse()), s, a, r),
    )
    broken(
        "dgsam::climb_: gradients of params[1]: expected dtype Float as its parameter, got Double",
        lambda p, s, a, r: (with_grad(p, torch.ones(3, 4).double()), s, a, r),
    )
    broken(
        "dgsam::climb_: params[1]: expected a floating-point or complex dtype, got Int",
        lambda p, s, a, r: ([p[0], torch.ones(3, dtype=torch.int32)], s, a, r),
    )
    broken(
        "dgsam::accumulate_: expected 2 tensors in 'sums', one per parameter, got 0",
        lambda p, s, a, r: (p, s, [], r),
        lambda p, s, a, r: ops.accumulate_(p, a, first=True),
    )
    broken(
        "dgsam::gather_: expected 2 tensors in 'saved', one per parameter, got 1",
        lambda p, s, a, r: (p, s[:1], a, r),
        lambda p, s, a, r: ops.gather_(p, s, a, 1.0, 1.0),
    )
    broken(
        "dgsam::gather_: expected 2 tensors in 'sums', one per parameter, got 3",
        lambda p, s, a, r: (p, s, a + a[:1], r),
        lambda p, s, a, r: ops.gather_(p, s, a, 1.0, 1.0),
    )
    broken(
        "dgsam::combine_: expected 2 tensors in 'sums', one per parameter, got 1",
        lambda p, s, a, r: (p, s, a[:1], r),
        lambda p, s, a, r: ops.combine_(p, a, 1.0, 1.0),
    )
    broken(
        "dgsam::gather_orthogonal_: expected 2 tensors in 'sums', one per parameter, got 1",
        lambda p, s, a, r: (p, s, a[:1], r),
        lambda p, s, a, r: ops.gather_orthogonal_(p, s, a, 0.4),
    )
    broken(
        "dgsam::gather_along_: expected 2 tensors in 'directions', one per parameter, got 1",
        lambda p, s, a, r: (p, s, a[:1], r),
        lambda p, s, a, r: ops.gather_along_(p, a, 1.0, 0.7),
    )
    broken(
        "dgsam::products: expected 2 tensors in 'sums', one per parameter, got 0",
        lambda p, s, a, r: (p, s, [], r),
        lambda p, s, a, r: ops.products(p, a),
    )
    broken(
        "dgsam::restore_: expected 2 tensors in 'saved', one per parameter, got 3",
        lambda p, s, a, r: (p, s + s[:1], a, r),
        lambda p, s, a, r: ops.restore_(p, s),
    )
    broken(
        "dgsam::restore_: saved[0]: expected shape [2] as its parameter, got []",
        lambda p, s, a, r: (p, [torch.zeros(()), s[1]], a, r),
        lambda p, s, a, r: ops.restore_(p, s),
    )
    raises(
        "dgsam::global_norm: tensors[1]: expected a floating-point or complex dtype, got Long",
        lambda: ops.global_norm([None, torch.ones(2, dtype=torch.int64)]),
    )
    raises(
        "dgsam::global_norm: tensors[0]: expected a dense tensor, got layout Sparse",
        lambda: ops.global_norm([torch.ones(2).to_sparse()]),
    )
