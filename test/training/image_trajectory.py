"""Fine-tunes EfficientNet-Lite0 in PyTorch as `dgsam compare --data` says that it does, for test/training/image-trajectory.test.ts.

Reads {"folder", "target", "imageSize", "mean", "std", "lr", "rho", "noise", "runs": [{"name", "algorithm", "dtype", "orders"}]}. In the folder lie
  batches.npz   STEP.DOMAIN.x, .y: the minibatches; evaluated.x, .y: images of the held-out domain; evaluated.indices: their numbers in it
  NAME.npz      initial.KEY: the network's first weights; trained.KEY: its last ones; generator: the state of the generator before the first step
Answers, per run, with
  losses      per step and domain, as the step first computed them
  parameters  the worst tensor's max |a - b| / max |b|, a the weights given as trained, b those found here
  path        ||a - b|| / ||b - initial|| over all parameters together
  buffers     the largest difference of running statistics
  noise       {"path", "logits"}: how far PyTorch is from itself when images and weights lie in memory in the other order, and nothing but rounding differs
  logits      of the evaluated images, flat
and, for all, with {"labels", "pixels", "logits"}: what Pillow and torchvision make of the same images of the held-out domain: their labels, the mean
difference of pixels in 255ths, and the first run's logits on them.
"""

import json
import sys
from pathlib import Path

import numpy
import torch

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "oracles"), str(TESTS / "models")]
import torchvision_for_cpu  # noqa: E402, F401
from torchvision import transforms  # noqa: E402
from torchvision.datasets import ImageFolder  # noqa: E402

from plain_networks import EfficientNetLite0  # noqa: E402
from sharpness import ALGORITHMS  # noqa: E402


class Classifier(torch.nn.Module):
    """Dropout and dropped branches are the backbone's."""

    def __init__(self, classes):
        super().__init__()
        self.featurizer = torch.nn.Module()
        self.featurizer.network = EfficientNetLite0()
        self.featurizer.network._fc = torch.nn.Identity()
        self.classifier = torch.nn.Linear(1280, classes)

    def forward(self, x):
        return self.classifier(self.featurizer.network(x))


def freeze(model):
    """Scales and shifts are still trained."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()


def read(arrays, prefix):
    return {key.removeprefix(prefix): torch.from_numpy(arrays[key]) for key in arrays.files if key.startswith(prefix)}


def train(run, request, batches, arrays, memory_format=torch.channels_last):
    dtype = getattr(torch, run["dtype"])
    initial = read(arrays, "initial.")
    model = Classifier(len(initial["classifier.bias"])).to(dtype, memory_format=memory_format)
    model.load_state_dict(initial, strict=True)
    model.train()
    freeze(model)
    torch.set_rng_state(torch.from_numpy(arrays["generator"]))
    options = {} if run["algorithm"] == "ERM" else {"rho": request["rho"]}
    if run["algorithm"] == "DGSAM":
        options["order"] = "fixed"
    optimizer = ALGORITHMS[run["algorithm"]](list(model.parameters()), torch.optim.Adam, lr=request["lr"], **options)
    losses = []
    for step, order in enumerate(run["orders"]):
        first = {}

        def closure_of(domain):
            x, y = (batches[f"{step}.{domain}.{each}"] for each in "xy")
            x = x.to(dtype).contiguous(memory_format=memory_format)

            def closure():
                loss = torch.nn.functional.cross_entropy(model(x), y)
                first.setdefault(domain, loss.item())
                return loss

            return closure

        optimizer.step([closure_of(domain) for domain in order])
        losses.append([first[domain] for domain in sorted(first)])
    model.eval()
    with torch.no_grad():
        logits = model(batches["evaluated.x"].to(dtype))
    return model, {key: value.detach() for key, value in model.named_parameters()}, losses, logits


def relative(a, b):
    return ((a - b).abs().max() / b.abs().max()).item()


def distance(a, b):
    return torch.stack([(a[key] - value).norm() for key, value in b.items()]).norm().item()


def compare(run, request, batches):
    arrays = numpy.load(Path(request["folder"]) / f"{run['name']}.npz")
    initial, trained = read(arrays, "initial."), read(arrays, "trained.")
    model, parameters, losses, logits = train(run, request, batches, arrays)
    moved = distance(initial, parameters)
    answer = {
        "losses": losses,
        "parameters": max(relative(trained[key], value) for key, value in parameters.items()),
        "path": distance(trained, parameters) / moved,
        "buffers": max((trained[key] - value).abs().max().item() for key, value in model.named_buffers()),
        "logits": logits.flatten().tolist(),
    }
    if request["noise"]:
        _, others, other_losses, other_logits = train(run, request, batches, arrays, torch.contiguous_format)
        answer["noise"] = {"losses": relative(torch.tensor(other_losses), torch.tensor(losses)), "path": distance(others, parameters) / moved, "logits": relative(other_logits, logits)}
    return model, answer


def look_with_pillow(model, request, batches):
    size, mean, std = request["imageSize"], request["mean"], request["std"]
    steps = [transforms.Resize((size, size)), transforms.ToTensor(), transforms.Normalize(mean, std)]
    folder = ImageFolder(request["target"], transforms.Compose(steps))
    images, labels = zip(*(folder[index] for index in batches["evaluated.indices"].tolist()))
    images = torch.stack(images)
    difference = (images - batches["evaluated.x"]).abs() * torch.tensor(std).reshape(3, 1, 1) * 255
    with torch.no_grad():
        logits = model(images.to(next(model.parameters()).dtype))
    return {"labels": labels, "pixels": difference.mean().item(), "logits": logits.flatten().tolist()}


def main():
    torch.set_num_threads(1)
    request = json.load(sys.stdin)
    batches = read(numpy.load(Path(request["folder"]) / "batches.npz"), "")
    models, answers = zip(*(compare(run, request, batches) for run in request["runs"]))
    print(json.dumps({"runs": answers, "pillow": look_with_pillow(models[-1], request, batches)}))


if __name__ == "__main__":
    main()
