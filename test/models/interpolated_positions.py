"""torchvision's position embeddings for images of other sizes: JSON in, JSON out."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "oracles"))

import torch
import torchvision_for_cpu  # noqa: F401
from torchvision.models.vision_transformer import interpolate_embeddings

torch.set_num_threads(1)
request = json.load(sys.stdin)
answers = []
for case in request["cases"]:
    embedding = torch.tensor(case["values"], dtype=getattr(torch, case["dtype"])).reshape(case["shape"])
    state = interpolate_embeddings(case["side"] * 16, 16, {"encoder.pos_embedding": embedding})
    answers.append(state["encoder.pos_embedding"].flatten().tolist())
json.dump({"answers": answers}, sys.stdout)
