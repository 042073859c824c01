"""Checks of the operators that wait for nothing: they do what the others do, and stop on the device."""

import torch
from torch.profiler import ProfilerActivity, profile

from dgsam_ops.problem import LAYOUTS, REAL, check, close, near, ops, problem, raises, same

RHO = 0.05
WAITS = {"aten::item", "aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal", "aten::allclose", "aten::nonzero"}


def ledger():
    return torch.zeros(8, dtype=torch.float64)


def problems(dtype, layout, seed=0):
    """The same one twice, with shapes of every kind, one gradient missing."""
    shapes = ((), (0,), (7,), (3, 5), (8, 3, 3, 3), (33,))
    return [problem(dtype, shapes, missing=(2,), layout=layout, seed=seed) for _ in range(2)]


def alike(a, b, what):
    for i, (one, other) in enumerate(zip(a, b)):
        near(one, other, f"{what}[{i}]")


@check
def late_climbs_and_gathers_are_the_others():
    for dtype in (*REAL, torch.complex64):
        for name, layout in LAYOUTS.items():
            for adaptive, eta in ((False, None), (True, None), (True, 0.01)):
                (p, saved, sums), (q, q_saved, q_sums) = problems(dtype, layout)
                notes = ledger()
                rho = [RHO] * len(p)
                what = f"{dtype} {name} {adaptive} {eta}"
                for first, at in ((True, 1), (False, 2)):
                    norm, count = ops.climb_(p, saved, sums, rho, first, adaptive, eta, 0.01)
                    assert ops.climb_.late(q, q_saved, q_sums, rho, first, adaptive, eta, 0.01, None, notes, at) == count == len(p) - 1
                    close(notes[at].item(), norm, 1e-5, what)
                    alike(q, p, what)
                    for i, (one, other) in enumerate(zip(q_saved, saved)):
                        same(one, other, f"{what} saved[{i}]")
                    alike([s for s, r in zip(q_sums, p) if r.grad is not None], [s for s, r in zip(sums, p) if r.grad is not None], what)
                norm, made, count = ops.gather_(p, saved, sums, 0.5, 0.25)
                assert ops.gather_.late(q, q_saved, q_sums, 0.5, 0.25, notes, 3) == count
                close(notes[3].item(), norm, 1e-5, what)
                close(notes[4].item(), made, 1e-2 if dtype in (torch.bfloat16, torch.float16) else 1e-5, what)
                for i, (one, other) in enumerate(zip(q, p)):
                    same(one, other, f"{what} restored[{i}]")
                alike([r.grad for r in q if r.grad is not None], [r.grad for r in p if r.grad is not None], what)
                assert notes[0].item() == 0


@check
def late_sums_and_orthogonal_parts_are_the_others():
    for dtype in (torch.float64, torch.float32):
        (p, _, sums), (q, _, q_sums) = problems(dtype, LAYOUTS["contiguous"])
        notes = ledger()
        for first in (True, False):
            norm, count = ops.accumulate_(p, sums, first)
            assert ops.accumulate_.late(q, q_sums, first, notes, 1) == count
            close(notes[1].item(), norm, 1e-6, dtype)
        alike(q_sums, sums, "sums")
        for r, t in zip(p, q):
            if r.grad is not None:
                r.grad = torch.cos(r.grad)
                t.grad = r.grad.clone()
        norm, made, _ = ops.gather_orthogonal_(p, [], sums, 0.4, 2.0)
        ops.gather_orthogonal_.late(q, [], q_sums, 0.4, 2.0, notes, 2)
        close(notes[2].item(), norm, 1e-6, dtype)
        close(notes[3].item(), made, 1e-6, dtype)
        alike([r.grad for r in q if r.grad is not None], [r.grad for r in p if r.grad is not None], "orthogonal")


@check
def late_directions_are_the_others():
    for dtype in (*REAL, torch.complex64):
        for name, layout in LAYOUTS.items():
            # At the third one the gradient is parallel to the sum: what is left of it is rounding errors alone, and counts as zero.
            for scale, parallel in ((1.0, False), (8.0, False), (2.0, True)):
                (p, _, sums), (q, _, q_sums) = problems(dtype, layout)
                notes, what = ledger(), f"{dtype} {name} {scale} {parallel}"
                ops.accumulate_(p, sums, True)
                ops.accumulate_.late(q, q_sums, True, notes, 1)
                for r in (*p, *q):
                    if r.grad is not None:
                        r.grad = r.grad * 3 if parallel else torch.cos(r.grad) if dtype.is_complex else torch.cos(r.grad.float()).to(dtype)
                norm, made = ops.project_(p, sums, scale)
                assert ops.project_.late(q, q_sums, scale, notes, 2) == len(q) - 1
                close(notes[2].item(), norm, 1e-5, what)
                close(notes[3].item(), made, 1e-2 if dtype in (torch.bfloat16, torch.float16) else 1e-4, what)
                alike(q_sums, sums, what)
                if parallel and dtype in (torch.float32, torch.float64):
                    assert made == notes[3].item() == 0 and not any(each.any() for each in q_sums)
                norm, made, count = ops.gather_along_(p, sums, made, 0.7, scale)
                assert ops.gather_along_.late(q, q_sums, 0.7, scale, notes, 4) == count
                close(notes[4].item(), norm, 1e-5, what)
                close(notes[5].item(), made, 1e-2 if dtype in (torch.bfloat16, torch.float16) else 1e-5, what)
                alike([r.grad for r in q if r.grad is not None], [r.grad for r in p if r.grad is not None], what)
                assert notes[0].item() == 0


@check
def late_directions_stop_at_what_is_not_finite():
    for value in (float("nan"), float("inf")):
        p, _, sums = problem(torch.float32, ((3,), (4,)))
        notes = ledger()
        ops.accumulate_.late(p, sums, True, notes, 1)
        p[1].grad[2] = value
        ops.project_.late(p, sums, 1.0, notes, 2)
        assert notes[0].item() == 2 and not torch.isfinite(notes[3])
        ops.gather_along_.late(p, sums, 0.7, 1.0, notes, 4)
        assert notes[0].item() == 2 and not torch.isfinite(notes[4])


@check
def late_clipping_is_the_other_and_that_of_pytorch():
    for dtype in (*REAL, torch.complex64):
        for name, layout in LAYOUTS.items():
            for factor in (0.0, 0.1, 1.0, 10.0, float("inf")):
                (p, _, _), (q, _, _) = problems(dtype, layout)
                notes, what = ledger(), f"{dtype} {name} {factor}"
                whole = ops.grad_norm(p, 2.0)
                before = [r.grad.clone() for r in q if r.grad is not None]
                norm = ops.clip_grad_norm_(p, factor * whole, 2.0, False)
                assert ops.clip_grad_norm_.late(q, factor * whole, notes, 1) == len(q) - 1
                close(notes[1].item(), norm, 1e-6, what)
                if factor == 1:
                    continue
                got = [r.grad for r in q if r.grad is not None]
                for i, (one, other) in enumerate(zip(got, [r.grad for r in p if r.grad is not None])):
                    # The norms may differ in the last bit of float64.
                    near(one, other, f"{what}[{i}]") if dtype in (torch.float64, torch.complex128) else same(one, other, f"{what}[{i}]")
                if factor > 1:
                    for i, (one, other) in enumerate(zip(got, before)):
                        same(one, other, f"{what} whole[{i}]")
    a = torch.zeros(5, requires_grad=True)
    a.grad = torch.arange(5.0)
    b = a.detach().clone().requires_grad_()
    b.grad = a.grad.clone()
    notes = ledger()
    norm = torch.nn.utils.clip_grad_norm_([b], 0.5)
    ops.clip_grad_norm_.late([a], 0.5, notes, 1)
    near(a.grad, b.grad, "clipped")
    close(notes[1].item(), norm.item(), 1e-6, "norm")
    a.grad[1] = float("nan")
    ops.clip_grad_norm_.late([a], 0.5, notes, 2)
    assert notes[0].item() == 2 and torch.isnan(a.grad).all()


@check
def late_norms_do_not_overflow_either():
    p = torch.zeros(1000, requires_grad=True)
    p.grad = torch.full((1000,), 1e30)
    notes = ledger()
    ops.climb_.late([p], [], [], [RHO], True, False, None, 0.0, None, notes, 1)
    close(notes[1].item(), 1e30 * 1000**0.5, 1e-6, "norm")
    assert notes[0].item() == 0


@check
def the_first_number_that_is_not_finite_stops_the_step():
    for value in (float("nan"), float("inf"), -float("inf")):
        p, saved, sums = problem(torch.float32, ((3,), (4,)))
        before = [t.detach().clone() for t in p]
        notes = ledger()
        ops.note_([torch.tensor(1.0), torch.tensor(3.0)], notes, 1)
        assert notes[1].item() == 2 and notes[0].item() == 0 and ops.stopped(notes).item() == 0
        p[1].grad[2] = value
        ops.climb_.late(p, saved, sums, [RHO, RHO], True, False, None, 0.0, None, notes, 2)
        ops.note_([torch.tensor(float("nan"))], notes, 3)
        assert notes[0].item() == 2 and ops.stopped(notes).item() == 1 and ops.stopped(notes).dtype == torch.float32
        # The way back is there all the same.
        ops.gather_.late(p, saved, sums, 1.0, 1.0, notes, 4)
        for i, (one, other) in enumerate(zip(p, before)):
            same(one, other, f"params[{i}]")


@check
def tensors_are_reverted_only_where_the_step_has_stopped():
    for stop in (0.0, 3.0):
        notes = ledger()
        notes[0] = stop
        tensors = [torch.full((3,), float("nan")), torch.tensor(5, dtype=torch.int64)]
        saved = [torch.ones(3), torch.tensor(4, dtype=torch.int64)]
        ops.revert_(tensors, saved, notes)
        assert torch.equal(tensors[1], torch.tensor(4 if stop else 5)) and torch.isnan(tensors[0]).all().item() == (stop == 0)


@check
def a_fused_optimizer_leaves_a_stopped_step_out():
    for stop in (0.0, 1.0):
        p = torch.ones(5, requires_grad=True)
        p.grad = torch.ones(5)
        average, square, step = torch.zeros(5), torch.zeros(5), torch.tensor(3.0)
        ops.adam_([p], [average], [square], [], [step], 0.1, 0.9, 0.999, 1e-8, 0.0, False, False, torch.tensor(stop))
        assert step.item() == (3 if stop else 4) and bool((p == 1).all()) == bool(stop) and bool((square == 0).all()) == bool(stop)
        buffer = torch.zeros(5)
        ops.sgd_([p], [buffer], 0.1, 0.9, 0.0, 0.0, False, False, True, torch.tensor(stop))
        assert bool((buffer == 0).all()) == bool(stop)
        half = torch.ones(5, dtype=torch.bfloat16, requires_grad=True)
        half.grad = torch.ones(5, dtype=torch.bfloat16)
        ops.sgd_([half], [], 0.1, 0.0, 0.0, 0.0, False, False, False, torch.tensor(stop))
        assert bool((half == 1).all()) == bool(stop)


@check
def none_of_them_reads_a_number():
    p, saved, sums = problem(torch.float32, ((3, 4), (5,)))
    rho, notes, flag = [RHO, RHO], ledger(), torch.tensor(0.0)
    steps = [torch.tensor(0.0), torch.tensor(0.0)]

    def step():
        ops.note_([torch.tensor(1.0)], notes, 1)
        for adaptive, eta in ((False, None), (True, None), (True, 0.01)):
            ops.climb_.late(p, saved, sums, rho, True, adaptive, eta, 0.0, None, notes, 2)
        ops.accumulate_.late(p, sums, False, notes, 3)
        ops.gather_.late(p, saved, sums, 0.5, 0.5, notes, 4)
        ops.gather_orthogonal_.late(p, saved, sums, 0.5, 1.0, notes, 4)
        ops.restore_(p, saved)
        ops.project_.late(p, sums, 1.0, notes, 4)
        ops.gather_along_.late(p, sums, 0.7, 1.0, notes, 4)
        ops.clip_grad_norm_.late(p, 0.1, notes, 4)
        ops.clip_grad_value_(p, 0.05)
        ops.revert_(sums, saved, notes)
        ops.adam_(p, sums, saved, [], steps, 0.1, 0.9, 0.999, 1e-8, 0.0, False, False, ops.stopped(notes))

    step()
    with profile(activities=[ProfilerActivity.CPU]) as record:
        step()
    called = {event.key for event in record.key_averages()}
    assert "aten::copy_" in called and not called & WAITS, called & WAITS
    with profile(activities=[ProfilerActivity.CPU]) as record:
        flag.item()
    assert {event.key for event in record.key_averages()} & WAITS


@check
def wrong_ledgers_are_told():
    p, saved, sums = problem(torch.float32, ((3,),))
    for notes, at in ((torch.zeros(8), 1), (torch.zeros(2, 4, dtype=torch.float64), 1), (ledger(), 0), (ledger(), 8), (ledger(), -1)):
        raises("ledger", lambda: ops.climb_.late(p, saved, sums, [RHO], True, False, None, 0.0, None, notes, at))
    raises("ledger", lambda: ops.gather_.late(p, [], [], 0.0, 1.0, ledger(), 7))
    raises("ledger", lambda: ops.clip_grad_norm_.late(p, 1.0, torch.zeros(8), 1))
    raises("ledger", lambda: ops.project_.late(p, sums, 1.0, ledger(), 7))
    raises("ledger", lambda: ops.gather_along_.late(p, sums, 1.0, 1.0, ledger(), 7))
    raises("sums", lambda: ops.project_.late(p, [], 1.0, ledger(), 1))
    raises("directions", lambda: ops.gather_along_.late(p, [], 1.0, 1.0, ledger(), 1))
    raises("values", lambda: ops.note_([], ledger(), 1))
    raises("one real number", lambda: ops.note_([torch.zeros(2)], ledger(), 1))
    raises("saved", lambda: ops.revert_([torch.zeros(2)], [], ledger()))
