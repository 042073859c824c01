"""What bench/jax_steps.py computes: the network and the minibatches in PyTorch's layouts, and by algorithm where some of its
steps lead, the domains in fixed order. Called with a network and a number of steps, answers with JSON.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import jax_steps  # noqa: E402

network, steps = sys.argv[1], int(sys.argv[2])
make, _, _ = jax_steps.NETWORKS[network]


def flat(x):
    return {"shape": x.shape, "data": x.ravel().tolist()}


def tensors(parameters):
    """As a state dict."""
    if network == "mlp":
        layers = {f"layers.{i}": layer for i, layer in enumerate(parameters)}
        return {f"{name}.{kind}": flat(value.T) for name, layer in layers.items() for kind, value in layer.items()}
    found = {f"classifier.{kind}": flat(value.T) for kind, value in parameters["classifier"].items()}
    for i, block in enumerate(parameters["blocks"]):
        found[f"conv{i + 1}.weight"] = flat(block["weight"].transpose(3, 2, 0, 1))
        found[f"conv{i + 1}.bias"] = flat(block["bias"])
        found[f"bn{i}.weight"] = flat(block["scale"])
        found[f"bn{i}.bias"] = flat(block["shift"])
    return found


key = jax_steps.jax.random.key(0)
batches = jax_steps.random_batches(key, network)
answer = {"begin": tensors(make(key)), "end": {}, "losses": {}}
answer["x"] = [flat(x.transpose(0, 3, 1, 2) if x.ndim == 4 else x) for x, _ in batches]
answer["y"] = [y.tolist() for _, y in batches]
for algorithm in jax_steps.ALGORITHMS:
    step, training = jax_steps.jitted(network, algorithm), jax_steps.begin(make(key))
    for _ in range(steps):
        training, loss = step(training, batches)
    answer["end"][algorithm] = tensors(training[0])
    answer["losses"][algorithm] = float(loss)
json.dump(answer, sys.stdout)
