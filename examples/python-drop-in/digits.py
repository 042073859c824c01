"""The problem of both scripts: noisy digits, photographed at an angle that differs from domain to domain."""

import torch

FONT = (  # Three pixels wide, five high.
    "111101101101111", "010110010010111", "111001111100111", "111001111001111", "101101111001001",
    "111100111001111", "111100111101111", "111001001001001", "111101111101111", "111101111001111",
)  # fmt: skip
SOURCES = (0, 20, 40)
TARGET = 60  # Never trained on.


def glyphs():
    rows = torch.tensor([[float(pixel) for pixel in glyph] for glyph in FONT]).view(10, 1, 5, 3)
    return torch.nn.functional.pad(torch.nn.functional.interpolate(rows, size=(10, 6)), (5, 5, 3, 3))


def batch(degrees, size, generator):
    """`size` images of 16 x 16 pixels, turned by about `degrees`, and which digits they show."""
    labels = torch.randint(10, (size,), generator=generator)
    angle = torch.deg2rad(degrees + 8 * torch.randn(size, generator=generator))
    turn = torch.stack([angle.cos(), -angle.sin(), 0 * angle, angle.sin(), angle.cos(), 0 * angle], dim=1).view(size, 2, 3)
    grid = torch.nn.functional.affine_grid(turn, [size, 1, 16, 16], align_corners=False)
    images = torch.nn.functional.grid_sample(glyphs()[labels], grid, align_corners=False)
    return images + 0.3 * torch.randn(images.shape, generator=generator), labels


def network(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, stride=2, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 16, 3, stride=2, padding=1), torch.nn.ReLU(),
        torch.nn.Flatten(), torch.nn.Linear(256, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10),
    )  # fmt: skip


@torch.no_grad()
def report(name, losses, model):
    print(f"{name}: loss {losses[0]:.3f} -> {losses[-1]:.3f}")
    for degrees in (*SOURCES, TARGET):
        images, labels = batch(degrees, 1000, torch.Generator().manual_seed(1))
        accuracy = (model(images).argmax(1) == labels).double().mean().item()
        print(f"  {degrees:2} degrees{' (never seen)' if degrees == TARGET else ''}: accuracy {accuracy:.1%}")
