// Augmentation of batches of RGB images on the CPU, [B, 3, H, W], uint8 or float32: what would take many sweeps of plain
// operators over the batch is done image by image, while an image lies in the processor's cache. Parameters are given per
// image, one image after the other. Nothing is drawn and nothing is differentiated here.
#pragma once

#include <ATen/core/Tensor.h>

namespace dgsam::ops {

// Cuts the box (top, left, height, width) out of each image, mirrors it where `flips` is not 0, resizes it to [height, width] as
// at::_upsample_bilinear2d_aa does and multiplies by `scale`. Returns float32.
at::Tensor resizedCrop(const at::Tensor& images, at::IntArrayRef boxes, at::IntArrayRef flips, int64_t height, int64_t width, double scale);

// Runs the steps of each image over it in place; float32 values from 0 to 1. `kinds` and `factors` hold equally many for each image:
// 0 brightness, 1 contrast, 2 saturation, 3 hue (of the whole circle, from -0.5 to 0.5), 4 grey (no factor), -1 nothing.
void colorJitter(const at::Tensor& images, at::IntArrayRef kinds, at::ArrayRef<double> factors);

// The images of these indices to train on, all of that in one pass over each: cropped, mirrored and brought to 0..1 as resizedCrop does
// (uint8 by a scale of 1/255), changed as colorJitter does, normalised as normalizeImages does; the same bits. Returns float32.
at::Tensor trainingImages(const at::Tensor& images, at::IntArrayRef indices, at::IntArrayRef boxes, at::IntArrayRef flips, int64_t height, int64_t width,
                          at::IntArrayRef kinds, at::ArrayRef<double> factors, at::ArrayRef<double> mean, at::ArrayRef<double> deviation);

// (scale * images - mean) / deviation, by channel. Returns float32.
at::Tensor normalizeImages(const at::Tensor& images, at::ArrayRef<double> mean, at::ArrayRef<double> deviation, double scale);

}  // namespace dgsam::ops
