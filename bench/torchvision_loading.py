"""The benchmark's torchvision side: DomainBed's training transforms under a DataLoader."""

import pathlib
import sys

from turns import serve

# torchvision lets torch look for a module called pytorch, and beside this file is one, which serves cases of its own.
del sys.path[0]
import torch  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "test" / "oracles"))
import torchvision_for_cpu  # noqa: E402, F401
import torchvision  # noqa: E402
from PIL import Image  # noqa: E402
from torchvision import transforms  # noqa: E402

# domainbed/datasets.py
TRANSFORM = transforms.Compose([
    transforms.RandomResizedCrop(224, scale=(0.7, 1.0)),
    transforms.RandomHorizontalFlip(),
    transforms.ColorJitter(0.3, 0.3, 0.3, 0.3),
    transforms.RandomGrayscale(),
    transforms.ToTensor(),
    transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
])


class Files(torch.utils.data.Dataset):
    def __init__(self, files):
        self.files = files

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        with open(self.files[index], "rb") as file:
            return TRANSFORM(Image.open(file).convert("RGB")), 0


def photographs(files, batch, workers):
    loader = torch.utils.data.DataLoader(Files(files), batch_size=batch, shuffle=True, num_workers=workers, drop_last=True)

    def run(iterations):
        assert iterations <= len(loader)
        for done, _ in enumerate(loader, 1):
            if done == iterations:
                break

    return run


torch.set_num_threads(int(sys.argv[1]))
serve(torchvision.__version__, {"photographs": photographs})
