"""JPEGs of every kind in a folder, sound and damaged in every way, and which of them Pillow takes."""

import io
import json
import os
import random
import sys
import warnings

import numpy as np
from PIL import Image

warnings.simplefilter("ignore")
request = json.load(sys.stdin)
random.seed(request["seed"])

rows, columns = np.mgrid[0:168, 0:200]
noise = np.random.RandomState(0).randint(0, 40, (168, 200))
image = Image.fromarray(np.stack([columns * 200 / 199 + noise, rows * 200 / 167 + noise, (columns // 8 + rows // 8) % 2 * 200 + noise], -1).astype(np.uint8))


def encoded(source, **options):
    target = io.BytesIO()
    source.save(target, "JPEG", **options)
    return target.getvalue()


KINDS = {
    "baseline": encoded(image),
    "full": encoded(image, subsampling=0, quality=95, optimize=True, comment=b"a comment"),
    "progressive": encoded(image, progressive=True),
    "rows": encoded(image, restart_marker_rows=1),
    "blocks": encoded(image, restart_marker_blocks=7, subsampling=1),
    "grey": encoded(image.convert("L"), restart_marker_blocks=20),
    "cmyk": encoded(image.convert("CMYK")),
    "large": encoded(image.resize((800, 672)), quality=97),
}

# What may stand between pixels and end, and what may not; some of it by its content.
SEGMENTS = [
    b"\xff\xfe\0\x08junk!!", b"\xff\xe5\0\x04ab", b"\xff\xdc\0\x04\0\x10", b"\xff\x01", b"\xff\xff\xff\xd3", b"\xff\xd8", b"\xff\xf0\0\x04ab", b"\xff\xc8\0\2",
    b"\xff\xdd\0\x04\0\x05", b"\xff\xdd\0\x05\0\x05\0", b"\xff\xc4\0\x02", b"\xff\xc4\0\x15\0\0\1" + bytes(14) + b"\x05ab", b"\xff\xc4\xff\x15\0" + b"\x30" * 16,
    b"\xff\xdb\0\x43\0" + bytes(range(1, 65)), b"\xff\xdb\0\x43\7" + bytes(range(1, 65)), b"\xff\xcc\0\x04\0\x10", b"\xff\xcc\0\x04\0\x01", b"\xff\xcc\0\x04\x44\x01",
    b"\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0\x3f\0", b"\xff\xc0\0\x0b\x08\0\x10\0\x10\1\1\x11\0", b"\xff\xc9\0\x05abc", b"\xff\xe7\xff\xff",
]


def damaged(whole, how):
    data = bytearray(whole)
    end = len(data)
    start = min(700, end // 2)
    place = random.randrange(start, end - 20)
    if how == "bits":
        for _ in range(random.choice([1, 5, 40])):
            data[random.randrange(start, end - 2)] ^= 1 << random.randrange(8)
    elif how == "garbage":
        for at in range(place, min(end - 2, place + random.choice([8, 50, 200, 3000]))):
            data[at] = random.randrange(256)
    elif how == "hole":
        del data[place : place + random.randrange(1, 500)]
    elif how == "zeros":
        data[place : min(end - 2, place + 512)] = bytes(min(end - 2, place + 512) - place)
    elif how == "cut":
        data = random.choice([data[:place], data[:place] + b"\xff\xd9", data[:place] + bytes(end - place)])
    elif how == "markers":
        for _ in range(random.choice([1, 2, 3])):
            at = random.randrange(start, end - 20)
            data[at : at + 2] = [255, random.choice([255, 1, random.randrange(256), random.randrange(0xC0, 256), 0xD0 + random.randrange(10)])]
    elif how == "segment":
        at = random.choice([place, end - 2])
        data[at:at] = random.choice(SEGMENTS)
    elif how == "restarts":
        places = [at for at in range(start, end - 1) if data[at] == 255 and 0xD0 <= data[at + 1] <= 0xD7]
        for at in random.choices(places, k=random.choice([1, 2, 4])) if places else []:
            data[at + 1] = random.choice([0xD0 + random.randrange(8), 0x02, 0xBF, 0xE1, 0xC9])
    return bytes(data)


def is_taken(data):
    try:
        Image.open(io.BytesIO(data)).convert("RGB")
    except Exception:
        return False
    return True


answer = []
for kind, whole in KINDS.items():
    for how in ["not at all"] + ["bits", "garbage", "hole", "zeros", "cut", "markers", "segment", "restarts"] * request["times"]:
        data = damaged(whole, how)
        path = os.path.join(request["folder"], f"{len(answer)}.jpg")
        with open(path, "wb") as file:
            file.write(data)
        answer.append({"path": path, "about": f"{kind}, damaged: {how}", "taken": is_taken(data)})
print(json.dumps(answer))
