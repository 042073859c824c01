"""What bench/gpu/torch_steps.py computes from given parameters and minibatches: logits of the first domain, and where some
steps lead, the domains in fixed order. JSON in, JSON out.
"""

import json
import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "gpu"))
import torch_steps  # noqa: E402

request = json.load(sys.stdin)


def put(tensor, values):
    tensor.copy_(torch.tensor(values, dtype=tensor.dtype).reshape(tensor.shape))


def begun(variant):
    # The loss that is compiled is the same function.
    compiled = (lambda f: torch.compile(f, backend="aot_eager")) if variant == "compiled" else (lambda f: f)
    problem = torch_steps.Problem(request["network"], size="tiny", dtype="float64", wrap=compiled)
    assert [list(p.shape) for p in problem.parameters] == request["shapes"]
    with torch.no_grad():
        for p, values in zip(problem.parameters, request["parameters"]):
            put(p, values)
        for (x, y), batch in zip(problem.batches, request["batches"]):
            put(x, batch["x"])
            put(y, batch["y"])
    climb = {"climb": compiled(torch_steps.climb)} if variant == "compiled" else {}
    return problem, torch_steps.VARIANTS[variant](problem, order="fixed", **climb)


answer = {"loss": begun("foreach")[0].closures[0]().item(), "end": {}}
for variant in request["variants"]:
    problem, step = begun(variant)
    for _ in range(request["steps"]):
        step()
    answer["end"][variant] = [value for p in problem.parameters for value in p.detach().flatten().tolist()]
json.dump(answer, sys.stdout)
