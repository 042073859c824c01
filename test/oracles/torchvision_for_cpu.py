"""torchvision, as the package registry has it, beside a torch without CUDA.

Its own operators (boxes, regions of interest) want CUDA's libraries there; what we compare with, models and transforms, needs none of
them, but torchvision declares shape rules for two as it is imported, which therefore must exist. Import this before torchvision.
"""

import torch

if torch.version.cuda is None:
    _LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
    for _NAME in ("nms", "qnms"):
        _LIBRARY.define(f"{_NAME}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import torchvision  # noqa: E402, F401
import torchvision.models  # noqa: E402, F401
import torchvision.transforms.v2  # noqa: E402, F401
