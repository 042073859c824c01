"""Images of every kind in a folder, and what Pillow makes of them: RGB, and RGB resized by BILINEAR."""

import glob
import json
import os
import sys

import numpy as np
import PIL
from PIL import Image

request = json.load(sys.stdin)
folder = request["folder"]


def path(name):
    return os.path.join(folder, name)


rows, columns = np.mgrid[0:48, 0:64]
base = Image.fromarray(np.stack([columns * 255 / 63, rows * 255 / 47, (columns // 8 + rows // 8) % 2 * 255], -1).astype(np.uint8))
grey = np.asarray(base.convert("L"))
with_alpha = np.asarray(base.convert("RGBA")).copy()
with_alpha[:, :, 3] = np.arange(64) * 4
rgba = Image.fromarray(with_alpha)
palette = base.quantize(32)
rotated = Image.Exif()
rotated[0x112] = 6

base.save(path("rgb.jpg"), quality=90)
base.save(path("progressive.jpg"), progressive=True)
base.save(path("turned.jpg"), exif=rotated)
base.convert("L").save(path("grey.jpg"))
base.convert("CMYK").save(path("cmyk.jpg"))
base.convert("CMYK").save(path("cmyk.tiff"))
base.save(path("rgb.webp"))
base.save(path("lzw.tiff"), compression="tiff_lzw")
base.convert("L").save(path("grey.png"))
base.convert("1").save(path("bits.png"))
palette.save(path("palette.png"))
palette.save(path("palette.gif"))
palette.save(path("animated.gif"), save_all=True, append_images=[palette.rotate(180)])
rgba.convert("LA").save(path("grey-alpha.png"))
rgba.save(path("alpha.png"))
rgba.save(path("alpha.webp"), lossless=True, exact=True)
rgba.save(path("alpha.tiff"))
Image.fromarray(grey.astype(np.uint16) * 256 + 200).save(path("grey16.png"))

answer = {}
for name in sorted(os.listdir(folder)):
    image = Image.open(path(name))
    rgb = Image.fromarray(grey).convert("RGB") if name == "grey16.png" else image.convert("RGB")
    rgb_bytes = np.asarray(rgb).tobytes().hex()
    resized = {str(size): np.asarray(rgb.resize((size, size), Image.BILINEAR)).tobytes().hex() for size in (40, 24)}
    answer[path(name)] = {"width": image.width, "height": image.height, "rgb": rgb_bytes, "resized": resized}

# Boxes and sizes of every kind: one pixel, much larger, much smaller, one direction alone.
random = np.random.RandomState(0)
cuts = []
for number in range(60):
    left, top = int(random.randint(0, 64)), int(random.randint(0, 48))
    width, height = int(random.randint(1, 65 - left)), int(random.randint(1, 49 - top))
    size = [int(2 ** random.uniform(0, 8)), int(2 ** random.uniform(0, 8))] if number % 3 else [width, int(2 ** random.uniform(0, 8))]
    # Where rows shrink most, Pillow before 13 rounds in another order.
    if int(PIL.__version__.split(".")[0]) < 13 and height - size[1] > max(2 * (width - size[0]), 0):
        continue
    resized = base.crop((left, top, left + width, top + height)).resize(size, Image.BILINEAR)
    cuts.append({"crop": {"left": left, "top": top, "width": width, "height": height}, "size": size, "rgb": np.asarray(resized).tobytes().hex()})

photos = []
for domain in ("photo", "art_painting", "cartoon") if request["pacs"] else ():
    photos += sorted(glob.glob(os.path.join(request["pacs"], domain, "*", "*.jpg")))[:: request["every"]]
resized_photos = {}
for photo in photos:
    rgb = Image.open(photo).convert("RGB")
    resized_photos[photo] = {str(size): np.asarray(rgb.resize((size, size), Image.BILINEAR)).tobytes().hex() for size in request["sizes"]}
print(json.dumps({"made": answer, "cuts": cuts, "photos": resized_photos}))
