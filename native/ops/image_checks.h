// What the operators on images (images.h) refuse, on any device. `name` is the operator's.
#pragma once

#include <ATen/core/Tensor.h>

namespace dgsam::ops {

// In lists of steps, which are equally long for all images: none.
constexpr int64_t kNoJitter = -1;

void checkImages(const char* name, const at::Tensor& images);
void checkCount(const char* name, const char* list, size_t size, int64_t expected);
void checkBoxes(const char* name, const at::Tensor& images, int64_t count, at::IntArrayRef boxes, at::IntArrayRef flips, int64_t height, int64_t width);
void checkSteps(const char* name, int64_t count, at::IntArrayRef kinds, at::ArrayRef<double> factors);

// All of training_images but the device.
void checkTraining(const at::Tensor& images, at::IntArrayRef indices, at::IntArrayRef boxes, at::IntArrayRef flips, int64_t height, int64_t width,
                   at::IntArrayRef kinds, at::ArrayRef<double> factors, at::ArrayRef<double> mean, at::ArrayRef<double> deviation);

}  // namespace dgsam::ops
