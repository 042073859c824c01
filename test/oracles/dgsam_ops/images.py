"""The operators on batches of images."""

import colorsys
import re

import torch

from dgsam_ops.problem import check, ops

BOXES = ((0, 0, 23, 40), (3, 5, 11, 17), (22, 39, 1, 1), (7, 0, 5, 33))


def bytes_of(shape, seed=0):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def crops(images, size, flips, scale=1.0):
    return ops.resized_crop(images, [number for box in BOXES for number in box], flips, *size, scale)


@check
def resized_crop_is_interpolate_with_antialias():
    images = bytes_of((4, 3, 23, 40))
    flips = [0, 1, 1, 0]
    for size in ((16, 16), (1, 1), (50, 9), (23, 40)):
        for source, scale in ((images, 1 / 255), (images.float(), 1.0), (images.to(memory_format=torch.channels_last), 1.0)):
            got = crops(source, size, flips, scale)
            assert got.dtype == torch.float32 and got.shape == (4, 3, *size)
            for i, (top, left, height, width) in enumerate(BOXES):
                box = images[i : i + 1, :, top : top + height, left : left + width].float()
                expected = torch.nn.functional.interpolate(box, size=size, mode="bilinear", antialias=True)[0] * scale
                expected = expected.flip(-1) if flips[i] else expected
                torch.testing.assert_close(got[i], expected, rtol=0, atol=1e-6 * 255 * scale)


@check
def resized_crop_reads_nothing_beyond_its_box():
    images = torch.full((4, 3, 23, 40), float("nan"))
    for i, (top, left, height, width) in enumerate(BOXES):
        images[i, :, top : top + height, left : left + width] = i
    got = crops(images, (19, 31), [0, 1, 0, 1])
    torch.testing.assert_close(got, torch.arange(4.0).reshape(4, 1, 1, 1).expand_as(got))


@check
def color_jitter_turns_hues_as_colorsys():
    pixels = bytes_of((1, 3, 7, 9)).float() / 255
    for factor in (-0.5, -0.2, 0.0, 0.3, 0.5):
        got = pixels.clone()
        ops.color_jitter_(got, [3], [factor])
        for before, after in zip(pixels[0].flatten(1).T.tolist(), got[0].flatten(1).T.tolist()):
            hue, saturation, value = colorsys.rgb_to_hsv(*before)
            expected = colorsys.hsv_to_rgb((hue + factor) % 1, saturation, value)
            assert max(abs(a - b) for a, b in zip(after, expected)) < 2e-6, (factor, before, after, expected)


@check
def color_jitter_runs_the_steps_of_each_image_in_its_order():
    images = bytes_of((2, 3, 13, 11)).float() / 255
    images[0] *= 0.5

    def grey(image):
        return (0.2989 * image[0] + 0.587 * image[1] + 0.114 * image[2])[None]

    first = (images[0] * 1.2).clamp(0, 1)
    first = (first * 0.5 + grey(first).mean() * 0.5).clamp(0, 1)
    first = (first * 1.7 - 0.7 * grey(first)).clamp(0, 1)
    second = (images[1] * 0.5 + grey(images[1]).mean() * 0.5).clamp(0, 1)
    second = (second * 1.2).clamp(0, 1)
    got = images.clone()
    version = got._version
    ops.color_jitter_(got, [0, 1, 2, 1, 0, 4], [1.2, 0.5, 1.7, 0.5, 1.2, 0.0])
    assert got._version > version
    torch.testing.assert_close(got, torch.stack([first, grey(second).expand(3, -1, -1)]), rtol=0, atol=1e-6)


@check
def color_jitter_without_steps_changes_nothing():
    images = bytes_of((2, 3, 5, 5)).float() / 255
    got = images.clone()
    ops.color_jitter_(got, [], [])
    ops.color_jitter_(got, [-1, -1], [0.0, 0.0])
    assert torch.equal(got, images)


@check
def normalize_images_is_subtraction_and_division():
    images = bytes_of((3, 3, 6, 7))
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]
    column = [torch.tensor(values).reshape(3, 1, 1) for values in (mean, std)]
    unit = images.float() * torch.tensor(1 / 255)
    assert torch.equal(ops.normalize_images(images, mean, std, 1 / 255), (unit - column[0]) / column[1])
    assert torch.equal(ops.normalize_images(unit.to(memory_format=torch.channels_last), mean, std), (unit - column[0]) / column[1])


@check
def training_images_is_the_other_operators_in_turn():
    images = bytes_of((6, 3, 23, 40))
    indices, flips, size = [5, 0, 0, 3], [0, 1, 1, 0], (19, 31)
    kinds = [0, 1, 2, 3, -1, 3, 2, 1, 0, 4, 1, 3, 0, 2, -1, 2, 0, 3, 1, 4]
    factors = [(1.2, 0.7, 1.3, 0.2, 0.0)[kind] for kind in kinds]
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]
    boxes = [number for box in BOXES for number in box]
    for source, scale in ((images, 1 / 255), (images.float() / 255, 1.0)):
        for some in (len(kinds), 0):
            expected = crops(source[indices], size, flips, scale)
            ops.color_jitter_(expected, kinds[:some], factors[:some])
            got = ops.training_images(source, indices, boxes, flips, *size, kinds[:some], factors[:some], mean, std)
            assert torch.equal(got, ops.normalize_images(expected, mean, std))


@check
def resize_pixels_keeps_what_has_the_size_already():
    pixels = bytes_of((9, 14, 3))
    assert torch.equal(ops.resize_pixels(pixels, [0, 0, 9, 14], 9, 14), pixels.permute(2, 0, 1))
    assert torch.equal(ops.resize_pixels(pixels, [2, 3, 5, 1], 5, 1), pixels[2:7, 3:4].permute(2, 0, 1))
    assert torch.equal(ops.resize_pixels(pixels.permute(1, 0, 2), [3, 2, 11, 4], 11, 4), pixels[2:6, 3:14].permute(2, 1, 0))


@check
def images_that_are_none_are_refused():
    images = torch.zeros(2, 3, 4, 5)
    box = [0, 0, 4, 5]
    pixels = torch.zeros(4, 5, 3, dtype=torch.uint8)
    none = ([], [], [0.0] * 3, [1.0] * 3)
    refused = (
        (lambda: ops.resized_crop(images[0], box, [0], 2, 2), "expected shape"),
        (lambda: ops.resized_crop(images.double(), 2 * box, [0, 0], 2, 2), "uint8 or float32"),
        (lambda: ops.resized_crop(images, box, [0, 0], 2, 2), "boxes: expected 8 numbers"),
        (lambda: ops.resized_crop(images, 2 * box, [0], 2, 2), "flips: expected 2 numbers"),
        (lambda: ops.resized_crop(images, box + [1, 0, 4, 5], [0, 0], 2, 2), "for image 1"),
        (lambda: ops.resized_crop(images, box + [2**63 - 1, 0, 1, 1], [0, 0], 2, 2), "for image 1"),
        (lambda: ops.resized_crop(images, 2 * box, [0, 0], 0, 2), "expected sizes"),
        (lambda: ops.resized_crop(images, 2 * box, [0, 0], 2, 2**31), "expected sizes"),
        (lambda: ops.color_jitter_(images.byte(), [0, 0], [1.0, 1.0]), "contiguous float32"),
        (lambda: ops.color_jitter_(images.mT, [0, 0], [1.0, 1.0]), "contiguous float32"),
        (lambda: ops.color_jitter_(images, [0], [1.0]), "as many steps"),
        (lambda: ops.color_jitter_(images, [0, 0], [1.0]), "factors: expected 2"),
        (lambda: ops.color_jitter_(images, [0, 5], [1.0, 1.0]), "kinds\\[1\\]"),
        (lambda: ops.color_jitter_(images, [0, 3], [1.0, 0.6]), "-0.5 to 0.5"),
        (lambda: ops.color_jitter_(images, [0, 1], [1.0, float("nan")]), "factors\\[1\\]"),
        (lambda: ops.normalize_images(images, [0.0], [1.0] * 3), "mean: expected 3"),
        (lambda: ops.normalize_images(images, [0.0] * 3, [1.0] * 2), "std: expected 3"),
        (lambda: ops.training_images(images, [2], box, [0], 2, 2, *none), "indices: expected 0 to below 2, got 2"),
        (lambda: ops.training_images(images, [-1], box, [0], 2, 2, *none), "indices: expected 0 to below 2, got -1"),
        (lambda: ops.training_images(images, [1, 1], box, [0, 0], 2, 2, *none), "boxes: expected 8 numbers"),
        (lambda: ops.training_images(images, [1], [0, 0, 5, 5], [0], 2, 2, *none), "for image 0"),
        (lambda: ops.training_images(images, [1], box, [0], 2, 2, [9], [1.0], *none[2:]), "kinds\\[0\\]"),
        (lambda: ops.training_images(images, [1], box, [0], 2, 2, [], [], [0.0], [1.0] * 3), "mean: expected 3"),
        (lambda: ops.resize_pixels(pixels.float(), box, 2, 2), "expected uint8"),
        (lambda: ops.resize_pixels(pixels.permute(2, 0, 1), box, 2, 2), "expected uint8"),
        (lambda: ops.resize_pixels(pixels, [1, 0, 4, 5], 2, 2), "within"),
        (lambda: ops.resize_pixels(pixels, box[:3], 2, 2), "within"),
        (lambda: ops.resize_pixels(pixels, box, 0, 2), "expected sizes"),
        (lambda: ops.resize_pixels(pixels, box, 2, 2**31), "expected sizes"),
    )
    for call, message in refused:
        try:
            call()
        except RuntimeError as error:
            assert re.search(message, str(error)), (message, str(error))
        else:
            raise AssertionError(f"not refused: {message}")


@check
def empty_batches_of_images_give_empty_batches():
    images = torch.zeros(0, 3, 4, 5)
    assert ops.resized_crop(images, [], [], 2, 6).shape == (0, 3, 2, 6)
    ops.color_jitter_(images, [], [])
    assert ops.normalize_images(images, [0.0] * 3, [1.0] * 3).shape == images.shape
    assert ops.training_images(images, [], [], [], 2, 6, [], [], [0.0] * 3, [1.0] * 3).shape == (0, 3, 2, 6)
