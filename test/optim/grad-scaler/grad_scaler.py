"""torch.amp.GradScaler on given gradients, for torch.test.ts.

Standard input: {"runs": [{"scaler": {...}, "optimizers": [{"name", "options", "params": [tensor, ...]}, ...], "steps": [[{"grads":
[tensor | null, ...], "unscale": bool}, ...], ...]}]} with one entry a step for each optimizer, a tensor being {"dtype", "shape",
"bytes"} (hexadecimal, row-major). Standard output: for each run, after every step, {"scale", "tracker", "params": [bytes, ...]}.
"""

import json
import sys

import torch


class Scaler(torch.amp.GradScaler):
    # PyTorch refuses float16 gradients in unscale_(), though its kernel takes them.
    def _unscale_grads_(self, optimizer, inv_scale, found_inf, allow_fp16):
        return super()._unscale_grads_(optimizer, inv_scale, found_inf, True)


def decode(tensor):
    return torch.frombuffer(bytearray.fromhex(tensor["bytes"]), dtype=getattr(torch, tensor["dtype"])).reshape(tensor["shape"]).clone()


def run(case):
    scaler = Scaler("cpu", **case["scaler"])
    scaler.scale(torch.zeros(()))
    optimizers = []
    for each in case["optimizers"]:
        params = [decode(p).requires_grad_() for p in each["params"]]
        # PyTorch's fused SGD does not store what it computes of 16-bit parameters.
        fused = each["name"] != "SGD" or all(p.dtype.itemsize > 2 for p in params)
        optimizer = getattr(torch.optim, each["name"])(params, fused=fused, **each["options"])
        # Unscale first, then step, also with the fused kernels.
        optimizer._step_supports_amp_scaling = False
        optimizers.append((optimizer, params))
    trajectory = []
    for step in case["steps"]:
        for (optimizer, params), given in zip(optimizers, step):
            for p, grad in zip(params, given["grads"]):
                p.grad = None if grad is None else decode(grad)
            if given["unscale"]:
                scaler.unscale_(optimizer)
            scaler.step(optimizer)
        scaler.update()
        trajectory.append({
            "scale": scaler.get_scale(),
            "tracker": scaler.state_dict()["_growth_tracker"],
            "params": [p.detach().reshape(-1).view(torch.uint8).numpy().tobytes().hex() for _, ps in optimizers for p in ps],
        })
    return trajectory


request = json.load(sys.stdin)
torch.set_num_threads(1)
json.dump([run(case) for case in request["runs"]], sys.stdout)
