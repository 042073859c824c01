"""Fine-tunes EfficientNet-Lite0 in PyTorch on a folder DOMAIN/CLASS/image with each of some domains held out, to compare with what `dgsam compare` reaches.

Nothing is shared with dgsam but the protocol: Pillow decodes, torchvision augments the originals (DomainBed's transforms) and resizes the images to evaluate,
the draws are PyTorch's own. The network starts from the same file of ImageNet weights, with a new classifier, PyTorch's initial numbers, and frozen batch
normalisation. Adam, minibatches drawn with replacement from each source domain, accuracy on all of the domain held out after the last step.

    python bench/pacs_accuracy.py --data PACS --weights efficientnet-lite0-57934424.pth --out reference.json
    python bench/pacs_accuracy.py --table reference.json results/results.json

The second prints both sides beside each other, as means and standard errors over seeds.
"""

import argparse
import json
import math
import statistics
import sys
import time
import zlib
from pathlib import Path

import torch

TESTS = Path(__file__).resolve().parent.parent / "test"
# torchvision lets torch look for a module called pytorch, and would run our script.
sys.modules.setdefault("pytorch", None)
sys.path += [str(TESTS / "oracles"), str(TESTS / "models")]
import torchvision_for_cpu  # noqa: E402, F401
from PIL import Image  # noqa: E402
from torchvision import transforms  # noqa: E402

from plain_networks import EfficientNetLite0  # noqa: E402
from sharpness import ALGORITHMS  # noqa: E402

# What these weights were trained with: (x - 127) / 128.
NORMALIZE = transforms.Normalize([127 / 255] * 3, [128 / 255] * 3)


def read_domains(folder):
    """Domain -> [(path, label)], in sorted order; a label is the class's place among the classes of all domains."""
    files = sorted(path for path in Path(folder).glob("*/*/*") if path.is_file())
    classes = sorted({path.parent.name for path in files})
    domains = {}
    for path in files:
        domains.setdefault(path.parent.parent.name, []).append((path, classes.index(path.parent.name)))
    return domains, classes


def transforms_for(size):
    training = transforms.Compose([
        transforms.RandomResizedCrop(size, scale=(0.7, 1.0)),
        transforms.RandomHorizontalFlip(),
        transforms.ColorJitter(0.3, 0.3, 0.3, 0.3),
        transforms.RandomGrayscale(),
        transforms.ToTensor(),
        NORMALIZE,
    ])
    return training, transforms.Compose([transforms.Resize((size, size)), transforms.ToTensor(), NORMALIZE])


def batch(items, transform):
    images = []
    for path, _ in items:
        with Image.open(path) as image:
            images.append(transform(image.convert("RGB")))
    return torch.stack(images).contiguous(memory_format=torch.channels_last), torch.tensor([label for _, label in items])


def make_model(weights, classes):
    model = EfficientNetLite0()
    model.load_state_dict(torch.load(weights, weights_only=True))
    model._fc = torch.nn.Linear(1280, classes)
    return model.to(memory_format=torch.channels_last)


def freeze(model):
    """Scales and shifts are still trained."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()


def train(algorithm, sources, model, seed, args):
    transform, _ = transforms_for(args.image_size)
    options = {} if algorithm == "ERM" else {"rho": args.rho}
    if algorithm == "DGSAM":
        options["seed"] = seed
    optimizer = ALGORITHMS[algorithm](list(model.parameters()), torch.optim.Adam, lr=args.lr, **options)
    model.train()
    freeze(model)
    for _ in range(args.steps):
        minibatches = [batch([items[i] for i in torch.randint(len(items), (args.batch_size,)).tolist()], transform) for items in sources]
        optimizer.step([lambda x=x, y=y: torch.nn.functional.cross_entropy(model(x), y) for x, y in minibatches])


@torch.no_grad()
def evaluate(model, items, size):
    _, transform = transforms_for(size)
    model.eval()
    correct = 0
    for start in range(0, len(items), 64):
        x, y = batch(items[start : start + 64], transform)
        correct += (model(x).argmax(1) == y).sum().item()
    return correct


def run(args):
    domains, classes = read_domains(args.data)
    runs = []
    for seed in args.seeds:
        for target in args.targets or list(domains):
            for algorithm in args.algorithms:
                start = time.perf_counter()
                # Other draws for every run.
                torch.manual_seed(zlib.crc32(f"{algorithm} {target} {seed}".encode()))
                model = make_model(args.weights, len(classes))
                train(algorithm, [items for name, items in domains.items() if name != target], model, seed, args)
                correct = evaluate(model, domains[target], args.image_size)
                total = len(domains[target])
                runs.append({"algorithm": algorithm, "target": target, "seed": seed, "accuracy": correct / total, "correct": correct, "total": total})
                print(json.dumps(runs[-1]), f"{time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
                config = {key: str(value) if isinstance(value, Path) else value for key, value in vars(args).items()}
                Path(args.out).write_text(json.dumps({"torch": torch.__version__, "config": config, "runs": runs}, indent=2))


def standard_error(values):
    return statistics.stdev(values) / math.sqrt(len(values))


def table(files):
    reference, ours = (json.loads(Path(file).read_text())["runs"] for file in files)
    print("| target | algorithm | PyTorch | dgsam | difference |\n| --- | --- | --- | --- | --- |")
    for target, algorithm in dict.fromkeys((each["target"], each["algorithm"]) for each in ours):
        sides = [[100 * each["accuracy"] for each in runs if (each["target"], each["algorithm"]) == (target, algorithm)] for runs in (reference, ours)]
        means, errors = [statistics.mean(side) for side in sides], [standard_error(side) for side in sides]
        cells = [f"{mean:.1f} ± {error:.1f} ({len(side)})" for mean, error, side in zip(means, errors, sides)]
        print(f"| {target} | {algorithm} | {' | '.join(cells)} | {means[1] - means[0]:+.1f} ± {math.hypot(*errors):.1f} |")


def main():
    words = lambda text: text.split(",")  # noqa: E731
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--out", type=Path, default="reference.json")
    parser.add_argument("--algorithms", type=words, default=["ERM", "SAM", "DGSAM"])
    parser.add_argument("--targets", type=words, help="default: each domain")
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--image-size", type=int, default=96)
    parser.add_argument("--lr", type=float, default=5e-5)
    parser.add_argument("--rho", type=float, default=0.05)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", nargs=2, metavar=("REFERENCE", "RESULTS"))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.table:
        table(args.table)
    else:
        run(args)


if __name__ == "__main__":
    main()
