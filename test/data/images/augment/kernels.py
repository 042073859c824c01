"""What torchvision's kernels make of images: a list of requests in (JSON), bytes out (base64).

A request is `{"function", "dtype", "each"}`: the name of a kernel, the dtype of the images, and keyword arguments for each image of the batch.
With `"draws": N` it asks for N parameters of a transform instead: `{"transform", "options", "size", "draws"}`.
"""

import base64
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "oracles"))

import torch  # noqa: E402
import torchvision_for_cpu  # noqa: E402, F401
from torchvision.transforms import v2  # noqa: E402
from torchvision.transforms.v2 import functional  # noqa: E402

torch.set_num_threads(1)


def make_images(height=29, width=37):
    """Noise, grey, black, white, a slope, few values, one bright channel, and colours of equal channels."""
    torch.manual_seed(7)
    images = torch.randint(0, 256, (8, 3, height, width), dtype=torch.uint8)
    images[1] = images[1, :1]
    images[2] = 0
    images[3] = 255
    images[4] = (torch.arange(3 * height * width) // 13 % 256).reshape(3, height, width).to(torch.uint8)
    images[5] = images[5] % 9 + 100
    images[6, 1:] = 0
    images[7] = images[7] // 64 * 85
    return images


IMAGES = make_images()
BY_DTYPE = {"uint8": IMAGES, "float32": functional.to_dtype(IMAGES, torch.float32, scale=True)}
AUTO = v2.RandAugment()


def color_jitter(image, order, factors):
    names = ("brightness", "contrast", "saturation", "hue")
    params = {"fn_idx": torch.tensor(order)} | {f"{name}_factor": factor for name, factor in zip(names, factors)}
    return v2.ColorJitter().transform(image, params)


def rand_augment(image, change, sign):
    magnitudes = AUTO._AUGMENTATION_SPACE[change][0](31, *image.shape[-2:])
    magnitude = 0.0 if magnitudes is None else sign * float(magnitudes[9])
    return AUTO._apply_image_or_video_transform(image, change, magnitude, interpolation=AUTO.interpolation, fill=AUTO._fill)


KERNELS = {
    "color_jitter": color_jitter,
    "rand_augment": rand_augment,
    "normalize": lambda image, **options: functional.normalize(functional.to_dtype(image, torch.float32, scale=True), **options),
    "to_float": lambda image: functional.to_dtype(image, torch.float32, scale=True),
}


def encode(tensor):
    return base64.b64encode(tensor.contiguous().numpy().tobytes()).decode()


def apply(request):
    kernel = KERNELS.get(request["function"]) or getattr(functional, request["function"])
    images = BY_DTYPE[request["dtype"]]
    results = torch.stack([kernel(image, **options) for image, options in zip(images, request["each"])])
    return {"data": encode(results), "shape": list(results.shape), "dtype": str(results.dtype).removeprefix("torch.")}


def draw(request):
    torch.manual_seed(11)
    transform = getattr(v2, request["transform"])(**request["options"])
    image = torch.zeros(3, *request["size"])
    drawn = [transform.make_params([image]) for _ in range(request["draws"])]
    return [{name: value.tolist() if isinstance(value, torch.Tensor) else value for name, value in each.items()} for each in drawn]


requests = json.load(sys.stdin)
answers = [draw(request) if "draws" in request else apply(request) for request in requests]
json.dump({"images": {dtype: encode(images) for dtype, images in BY_DTYPE.items()}, "shape": list(IMAGES.shape), "answers": answers}, sys.stdout)
