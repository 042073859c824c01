"""Checks of numbers: norms, ascents, sums, gathered gradients, by dtype, shape, layout and number of threads."""

import itertools

import numpy
import torch

from dgsam_ops.problem import (
    LAYOUTS,
    REAL,
    SHAPES,
    bits,
    check,
    close,
    expected_ascent,
    near,
    norm_of,
    numbers,
    ops,
    plain,
    problem,
    run_climb,
    same,
    wide,
)


@check
def norms_match_float64():
    for dtype in REAL:
        tensors = [numbers(s, i, dtype) for i, s in enumerate(SHAPES)]
        expected = sum(float((t.double() ** 2).sum()) for t in tensors) ** 0.5
        close(ops.global_norm([*tensors, None]).item(), expected, 1e-14, dtype)
        close(ops.global_norm([None, *tensors[::-1]]).item(), expected, 1e-14, dtype)
    mixed = [numbers((5,), i, dtype) for i, dtype in enumerate(REAL)]
    close(ops.global_norm(mixed).item(), sum(float((t.double() ** 2).sum()) for t in mixed) ** 0.5, 1e-14, "mixed dtypes")


@check
def norm_does_not_overflow_float32_squares():
    for dtype, value in ((torch.float32, 1e30), (torch.bfloat16, 1e30), (torch.float16, 6e4), (torch.float32, 1e-30)):
        tensor = torch.full((1000,), value, dtype=dtype)
        close(ops.global_norm([tensor]).item(), tensor.double()[0].item() * 1000**0.5, 1e-14, f"{dtype} {value}")


@check
def every_16_bit_number_is_read_and_written_as_pytorch_does():
    for dtype in (torch.bfloat16, torch.float16):
        every = torch.arange(65536, dtype=torch.int32).to(torch.uint16).view(dtype)
        finite = every[torch.isfinite(every)]
        for number in (0.0, 1.0, 1e-3, 333.0):
            p = finite.clone().requires_grad_()
            p.grad = torch.full_like(finite, number)
            saved, total = torch.zeros_like(finite), finite.flip(0).clone()
            norm = run_climb([p], [saved], [total], [0.05], False)
            same(p, expected_ascent(finite, p.grad, 0.05, norm, False), f"{dtype} ascent by {number}")
            same(total, (finite.flip(0).float() + p.grad.float()).to(dtype), f"{dtype} sum with {number}")
        # All pairs of roundings: the scale makes ties, subnormals, overflow to infinity.
        for scale in (1.0, 0.5, 2.0**-10, 3.0, 1 / 3):
            p = finite.clone().requires_grad_()
            p.grad = finite.clone()
            ops.gather_([p], [finite], [torch.zeros_like(finite)], 0.0, scale)
            same(p.grad, (torch.tensor(scale, dtype=torch.float32) * finite.float()).to(dtype), f"{dtype} gather by {scale}")


@check
def climb_equals_pytorch_bit_for_bit():
    for dtype, first, adaptive, saving, summing in itertools.product(REAL, (True, False), (True, False), (True, False), (True, False)):
        params, saved, sums = problem(dtype, missing=(2, 9))
        if not first:
            for i, total in enumerate(sums):
                total.copy_(numbers(total.shape, 500 + i, dtype))
        before, old_sums, old_saved = [p.detach().clone() for p in params], [s.clone() for s in sums], [s.clone() for s in saved]
        rho = [0.05 + 0.01 * i for i in range(len(params))]
        label = f"{dtype} first={first} adaptive={adaptive} saved={saving} sums={summing}"
        expected = norm_of(params)
        divisor = norm_of(params, weighted=adaptive)
        norm = run_climb(params, saved if saving else [], sums if summing else [], rho, first, adaptive)
        close(norm, expected, 1e-14, label)
        for i, p in enumerate(params):
            g = p.grad
            what = f"{label} {tuple(p.shape)}"
            if adaptive:
                # The weighted norm is not returned: its last bit may move the scale's.
                near(p, expected_ascent(before[i], g, rho[i], divisor, True), what)
            else:
                same(p, expected_ascent(before[i], g, rho[i], norm, False), what)
            if saving and first:
                same(saved[i], before[i], f"saved, {what}")
            else:
                assert torch.equal(saved[i].isnan(), old_saved[i].isnan()), f"saved was touched, {what}"
            if not summing:
                assert torch.equal(sums[i].isnan(), old_sums[i].isnan()), f"sums was touched, {what}"
            elif g is None:
                same(sums[i], torch.zeros_like(before[i]) if first else old_sums[i], f"sum, {what}")
            else:
                same(sums[i], g if first else (old_sums[i].to(wide(dtype)) + g.to(wide(dtype))).to(dtype), f"sum, {what}")


@check
def layouts_do_not_change_a_result():
    for dtype, (name, layout), grad_layout, scratch_layout, adaptive in itertools.product(
        REAL, LAYOUTS.items(), LAYOUTS.values(), (plain, LAYOUTS["with gaps"]), (False, True)
    ):
        kept, kept_saved, kept_sums = problem(dtype, SHAPES[:12], missing=(3,))
        params, saved, sums = problem(dtype, SHAPES[:12], (3,), layout, grad_layout, scratch_layout)
        rho = [0.05] * len(params)
        for first in (True, False):
            kept_norm = run_climb(kept, kept_saved, kept_sums, rho, first, adaptive)
            norm = run_climb(params, saved, sums, rho, first, adaptive)
            close(norm, kept_norm, 1e-14, name)
        for a, b in zip(ops.products(params, sums), ops.products(kept, kept_sums)):
            close(a, b, 1e-13, name)
        close(ops.accumulate_(params, sums, first=False)[0], ops.accumulate_(kept, kept_sums, first=False)[0], 1e-14, name)
        close(ops.gather_(params, saved, sums, 0.3, -0.7)[0], ops.gather_(kept, kept_saved, kept_sums, 0.3, -0.7)[0], 1e-14, name)
        # The norms' sums run in another order where layouts differ: a scale may differ in its last bit.
        for a, b in zip(params, kept):
            same(a, b, f"restored, {name}")
            assert (a.grad is None) == (b.grad is None)
            if a.grad is not None:
                near(a.grad, b.grad, f"G, {name}")


@check
def accumulate_equals_pytorch_bit_for_bit():
    for dtype in REAL:
        params, _, sums = problem(dtype, missing=(1, 4))
        before = [p.detach().clone() for p in params]
        for first in (True, False):
            old = [s.clone() for s in sums]
            norm, count = ops.accumulate_(params, sums, first=first)
            close(norm, norm_of(params), 1e-14, dtype)
            assert count == len(params) - 2
            for p, total, previous in zip(params, sums, old):
                if p.grad is None:
                    same(total, torch.zeros_like(total), "no gradient")
                else:
                    same(total, p.grad if first else (previous.to(wide(dtype)) + p.grad.to(wide(dtype))).to(dtype), "sum")
        assert all(torch.equal(p, b) for p, b in zip(params, before))


@check
def gather_restores_exactly_and_forms_the_gradient():
    scales = ((0.75, 0.75), (-0.4, 1.3), (0.5, 1.0), (0.0, 1.0), (0.0, 0.25))
    for dtype, restoring, summing, (sum_scale, grad_scale) in itertools.product(REAL, (True, False), (True, False), scales):
        params, saved, sums = problem(dtype, missing=(2, 8))
        for i, (p, s, total) in enumerate(zip(params, saved, sums)):
            s.copy_(numbers(p.shape, 700 + i, dtype))
            total.copy_(numbers(p.shape, 800 + i, dtype))
        if saved[3].numel():
            saved[3].view(-1)[0] = -0.0
        before = [p.detach().clone() for p in params]
        grads = [None if p.grad is None else p.grad.clone() for p in params]
        expected = norm_of(params)
        norm, gathered, count = ops.gather_(params, saved if restoring else [], sums if summing else [], sum_scale, grad_scale)
        close(norm, expected, 1e-14, dtype)
        close(gathered, norm_of(params), 1e-14, dtype)
        assert count == len(params) - 2
        for p, s, b, total, g in zip(params, saved, before, sums, grads):
            same(bits(p), bits(s if restoring else b), "restored")
            if g is None:
                assert p.grad is None
            else:
                w = wide(dtype)
                made = torch.tensor(grad_scale, dtype=w) * g.to(w)
                if summing:
                    made = torch.tensor(sum_scale, dtype=w) * total.to(w) + made
                same(p.grad, made.to(dtype), "G")


@check
def products_match_float64():
    for dtype in (*REAL, torch.complex64, torch.complex128):
        params, _, sums = problem(dtype, missing=(1, 4))
        for i, total in enumerate(sums):
            total.copy_(numbers(total.shape, 900 + i, dtype))
        double = torch.complex128 if dtype.is_complex else torch.float64
        pairs = [(total.to(double), p.grad.to(double)) for p, total in zip(params, sums) if p.grad is not None]
        product, sum_norm, grad_norm = ops.products(params, sums)
        close(product, sum(float(torch.vdot(a.flatten(), b.flatten()).real) for a, b in pairs), 1e-12, f"product, {dtype}")
        close(sum_norm, sum(float(total.to(double).abs().square().sum()) for total in sums) ** 0.5, 1e-13, f"sum, {dtype}")
        close(grad_norm, norm_of(params), 1e-13, f"gradient, {dtype}")


@check
def combining_writes_the_sum_alone():
    for dtype, (sum_scale, grad_scale) in itertools.product((*REAL, torch.complex128), ((-0.4, 1.0), (0.0, 0.25), (1.0, 0.0))):
        for layout in (plain, LAYOUTS["with gaps"]):
            params, _, sums = problem(dtype, missing=(2, 8), layout=layout)
            for i, total in enumerate(sums):
                total.copy_(numbers(total.shape, 900 + i, dtype))
            old, grads = [s.clone() for s in sums], [None if p.grad is None else p.grad.clone() for p in params]
            norm = ops.combine_(params, sums, sum_scale, grad_scale)
            close(norm, sum(float(s.to(torch.complex128 if dtype.is_complex else torch.float64).abs().square().sum()) for s in sums) ** 0.5, 1e-13, dtype)
            w = wide(dtype)
            for p, s, o, g in zip(params, sums, old, grads):
                made = sum_scale * o.to(w) + (0 if g is None else grad_scale * g.to(w))
                assert torch.allclose(s.to(w), made.to(dtype).to(w), rtol=1e-6, atol=1e-30), f"{dtype} {tuple(p.shape)}"
                assert g is None or torch.equal(p.grad, g)


def sums_and_gradients(dtype, missing):
    params, saved, sums = problem(dtype, missing=missing)
    for i, total in enumerate(sums):
        total.copy_(numbers(total.shape, 900 + i, dtype))
    double = torch.complex128 if dtype.is_complex else torch.float64
    flat = lambda tensors: torch.cat([t.to(double).flatten() for t in tensors])
    grads = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in params]
    return params, saved, sums, flat(sums), flat(grads), double


def close_to(tensors, expected, double, dtype, name):
    got = torch.cat([t.to(double).flatten() for t in tensors])
    # What float64 is compared with is float64 itself: its sums have the rounding errors of their order, which depends on threads.
    roundings = 32 if dtype in (torch.float64, torch.complex128) else 4
    bound = roundings * torch.finfo(dtype).eps * float(expected.abs().max())
    assert float((got - expected).abs().max()) <= bound, f"{name}, {dtype}: {float((got - expected).abs().max())} > {bound}"


@check
def directions_match_float64():
    for dtype, scale in itertools.product((*REAL, torch.complex128), (1.0, 8.0)):
        params, saved, sums, s, g, double = sums_and_gradients(dtype, ())
        for p, kept in zip(params, saved):
            kept.copy_(p.detach())
        before = [p.detach().clone() for p in params]
        with torch.no_grad():
            for p in params:
                p.add_(1)
        inner = float((s.conj() * g).real.sum())
        norm, made, count = ops.gather_orthogonal_(params, saved, sums, 0.4, scale)
        close(norm, float(g.abs().square().sum()) ** 0.5, 1e-12, f"g, {dtype}")
        expected = ((1 + 0.4 * inner / float(g.abs().square().sum())) * g - 0.4 * s) / scale
        close_to([p.grad for p in params], expected, double, dtype, "GSAM's direction")
        assert count == len(params) and all(torch.equal(p, b) for p, b in zip(params, before))

        params, _, sums, s, g, double = sums_and_gradients(dtype, ())
        inner, square = float((s.conj() * g).real.sum()), float(s.abs().square().sum())
        norm, made = ops.project_(params, sums, scale)
        expected = (g - inner / square * s) / scale
        close_to(sums, expected, double, dtype, "LookSAM's direction")
        close(norm, float(g.abs().square().sum()) ** 0.5, 1e-12, f"g, {dtype}")
        close(made, float(sum(t.to(double).abs().square().sum() for t in sums)) ** 0.5, 1e-12, f"v, {dtype}")
        if dtype in (torch.float32, torch.float64):
            for p, total in zip(params, sums):
                total.copy_(p.grad * 3)
            assert ops.project_(params, sums)[1] == 0 and not any(t.any() for t in sums), "what is rounding alone counts as zero"

        params, _, sums, v, g, double = sums_and_gradients(dtype, ())
        length = float(v.abs().square().sum()) ** 0.5
        ops.gather_along_(params, sums, length, 0.7, scale)
        expected = g / scale + 0.7 * float(g.abs().square().sum()) ** 0.5 / scale / (length + 1e-12) * v
        close_to([p.grad for p in params], expected, double, dtype, "LookSAM between its climbs")


@check
def directions_of_what_is_not_finite():
    for operator in (ops.gather_orthogonal_, ops.project_):
        p = torch.ones(3, requires_grad=True)
        p.grad, saved, sums = torch.ones(3), [torch.full((3,), 2.0)], [torch.tensor([1.0, float("nan"), 0.0])]
        first = operator is ops.gather_orthogonal_
        norm = operator([p], saved, sums, 0.4)[0] if first else operator([p], sums)[0]
        assert norm != norm and torch.equal(p.grad, torch.ones(3))
        # A climb is over, whatever comes of it.
        assert torch.equal(p.detach(), saved[0] if first else torch.ones(3))
    p = torch.ones(3, requires_grad=True)
    p.grad = torch.tensor([1.0, float("inf"), 0.0])
    assert ops.gather_along_([p], [torch.ones(3)], 1.0, 0.7)[0] == float("inf") and p.grad[0] == 1


@check
def the_normalized_form_weighs_matrices_alone():
    for dtype, eta in itertools.product((*REAL, torch.complex128), (0.0, 0.01)):
        for layout in (plain, LAYOUTS["with gaps"]):
            params, saved, sums = problem(dtype, missing=(3,), layout=layout)
            before = [p.detach().clone() for p in params]
            w = torch.complex128 if dtype.is_complex else torch.float64
            weights = [(p.detach().to(w).abs() + eta) if p.dim() >= 2 else torch.ones_like(p, dtype=torch.float64) for p in params]
            norm = sum(float((weight * p.grad.to(w)).abs().square().sum()) for weight, p in zip(weights, params) if p.grad is not None) ** 0.5
            ops.climb_(params, saved, sums, [0.5] * len(params), first=True, adaptive=True, eta=eta)
            for p, b, weight in zip(params, before, weights):
                expected = b if p.grad is None else (b.to(w) + 0.5 / norm * weight**2 * p.grad.to(w)).to(dtype)
                tolerance = {torch.bfloat16: 1e-2, torch.float16: 2e-3, torch.float32: 1e-6}.get(dtype, 1e-14)
                assert torch.allclose(p.to(w), expected.to(w), rtol=tolerance, atol=tolerance), f"{dtype} {tuple(p.shape)}"


@check
def a_shift_is_added_to_the_scale():
    for dtype, adaptive in itertools.product((torch.float64, torch.complex128), (False, True)):
        params, saved, sums = problem(dtype, missing=(3,))
        before = [p.detach().clone() for p in params]
        factor = 0.05 / (norm_of(params, weighted=adaptive) + 1e-12) - 0.25
        ops.climb_(params, saved, sums, [0.05] * len(params), first=True, adaptive=adaptive, shift=-0.25)
        for p, b in zip(params, before):
            if p.grad is not None:
                assert torch.allclose(p, b + factor * (b.abs() ** 2 if adaptive else 1) * p.grad, rtol=1e-13, atol=1e-13)


@check
def restore_copies_bits():
    for dtype in REAL:
        params, saved, _ = problem(dtype, missing=range(len(SHAPES)))
        saved[5].copy_(torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0] * 4, dtype=dtype))
        ops.restore_(params, saved)
        for p, s in zip(params, saved):
            same(bits(p), bits(s), "bits")


@check
def climbs_in_a_row_undo_exactly():
    params, saved, sums = problem(torch.float32)
    before = [p.detach().clone() for p in params]
    for j in range(5):
        run_climb(params, saved, sums, [0.5] * len(params), j == 0)
        for i, p in enumerate(params):
            p.grad.copy_(numbers(p.shape, 1000 * j + i, torch.float32))
    ops.restore_(params, saved)
    assert all(torch.equal(p, b) for p, b in zip(params, before))


@check
def zero_gradients_give_zero_ascents():
    for dtype, adaptive in itertools.product(REAL, (False, True)):
        params, saved, sums = problem(dtype)
        before = [p.detach().clone() for p in params]
        for p in params:
            p.grad.zero_()
        assert run_climb(params, saved, sums, [0.05] * len(params), True, adaptive) == 0
        assert all(torch.equal(p, b) for p, b in zip(params, before))


@check
def non_finite_gradients_move_nothing():
    for dtype, bad, adaptive, position in itertools.product(REAL, (float("nan"), float("inf"), -float("inf")), (False, True), (0, 16, -1)):
        params, saved, sums = problem(dtype, ((5,), (17,), (40000,)))
        params[2 if position == -1 else 1].grad[position] = bad
        before = [p.detach().clone() for p in params]
        for s in saved + sums:
            s.fill_(7)
        norm = run_climb(params, saved, sums, [0.05] * 3, True, adaptive)
        assert norm != norm or norm == float("inf"), f"{norm} for {bad}"
        assert all(torch.equal(p, b) for p, b in zip(params, before))
        assert all(bool((s == 7).all()) for s in saved + sums)
        assert not numpy.isfinite(ops.global_norm([p.grad for p in params]).item())
        assert not numpy.isfinite(ops.accumulate_(params, sums, first=True)[0])
        for s, b in zip(saved, before):
            s.copy_(b)
        assert not numpy.isfinite(ops.gather_(params, saved, sums, 1.0, 1.0)[0])
        assert all(torch.equal(p, b) for p, b in zip(params, before))


@check
def a_sum_that_overflows_is_told():
    for dtype, large in ((torch.float16, 4e4), (torch.bfloat16, 3e38), (torch.float32, 3e38), (torch.float32, 1.0), (torch.complex64, 3e38)):
        p = torch.ones(20, dtype=dtype, requires_grad=True)
        p.grad = torch.full((20,), large, dtype=dtype)
        saved, sums = [p.detach().clone()], [p.grad.clone()]
        given, gathered, _ = ops.gather_([p], saved, sums, 1.0, 1.0)
        assert numpy.isfinite(given)
        if large == 1.0:
            close(gathered, float(p.grad.double().norm()), 1e-12, "norm of what was stored")
        else:
            assert not numpy.isfinite(gathered), f"{dtype}: {gathered}"


@check
def complex_parameters_count_by_modulus():
    for dtype, adaptive in itertools.product((torch.complex64, torch.complex128), (False, True)):
        p = torch.complex(numbers((9,), 1), numbers((9,), 2)).to(dtype).requires_grad_()
        q = numbers((9,), 5, torch.float32).requires_grad_()
        p.grad = torch.complex(numbers((9,), 3), numbers((9,), 4)).to(dtype)
        q.grad = numbers((9,), 6, torch.float32)
        before, grad = p.detach().clone(), p.grad.clone()
        divisor = norm_of([p, q], adaptive)
        saved, sums = [torch.empty_like(t, requires_grad=False) for t in (p, q)], [torch.empty_like(t, requires_grad=False) for t in (p, q)]
        close(run_climb([p, q], saved, sums, [0.05, 0.05], True, adaptive), norm_of([p, q]), 1e-6, "norm")
        step = (before.abs() ** 2 * grad if adaptive else grad) * (0.05 / divisor)
        near(p, before + step, f"{dtype} adaptive={adaptive}")
        ops.gather_([p, q], saved, sums, 0.5, 0.5)
        same(p, before, "restored")
        near(p.grad, grad, "G")


@check
def threads_do_not_change_a_bit():
    results = []
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3, 7, 1):
            torch.set_num_threads(count)
            params, saved, sums = problem(torch.float32, ((300000,), (5,), (70001,), (16, 3, 3, 3)))
            norms = [run_climb(params, saved, sums, [0.05] * 4, first, adaptive) for first, adaptive in ((True, False), (False, True))]
            norms.append(ops.accumulate_(params, sums, first=False)[0])
            norms.append(ops.gather_(params, saved, sums, 0.5, 0.5)[0])
            results.append((norms, [p.grad for p in params], sums))
    finally:
        torch.set_num_threads(threads)
    for norms, grads, sums in results[1:]:
        assert norms == results[0][0]
        assert all(torch.equal(a, b) for a, b in zip(grads + sums, results[0][1] + results[0][2]))
