// Resizing a decoded image as Pillow does, to the bit.
#pragma once

#include <ATen/core/Tensor.h>

namespace dgsam::ops {

// Cuts the box (top, left, height, width) out of an image [H, W, 3] of uint8 and resizes it to [height, width], bilinearly with
// antialiasing: `image.crop(...).resize((width, height), BILINEAR)` of Pillow 13. Returns planes, [3, height, width] of uint8. On the
// thread that it is called on.
//
// Source: Pillow's Resample.c. One direction, then the other, each sum of whole weights rounded to a byte.
at::Tensor resizePixels(const at::Tensor& pixels, at::IntArrayRef box, int64_t height, int64_t width);

}  // namespace dgsam::ops
