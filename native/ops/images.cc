#include "images.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "image_checks.h"
#include "image_kernels.h"

namespace dgsam::ops {
namespace {

void checkOnCpu(const char* name, const at::Tensor& images) {
  checkImages(name, images);
  TORCH_CHECK(images.is_cpu(), "dgsam::", name, ": images: expected a tensor on the CPU, got one on ", images.device());
}

// How each of `outputs` places of a line comes from a line of `inputs`: by `taps` weights from `first` on, trailing ones being 0. The weight
// k of place i lies at k * outputs + i.
struct Weights {
  int64_t taps = 0;
  std::vector<int> first;
  std::vector<float> values;
};

// A triangle about the place, as wide as the distance of two places of the coarser line. Source: compute_indices_min_size_weights_aa in
// LibTorch's UpSampleKernel.cpp; float32 as there.
Weights triangleWeights(int64_t inputs, int64_t outputs, float factor, bool mirrored) {
  const float scale = static_cast<float>(inputs) / static_cast<float>(outputs);
  const float support = std::max(scale, 1.0f);
  const float inverse = scale >= 1.0f ? 1.0f / scale : 1.0f;
  Weights weights;
  weights.first.resize(outputs);
  std::vector<int64_t> counts(outputs);
  for (int64_t i = 0; i < outputs; ++i) {
    const float centre = scale * (static_cast<float>(i) + 0.5f);
    // From 2^23 on, float32 has no halves: the last place may come out as the one behind it.
    const int64_t first = std::clamp<int64_t>(static_cast<int64_t>(centre - support + 0.5f), 0, inputs - 1);
    counts[i] = std::max<int64_t>(std::min<int64_t>(static_cast<int64_t>(centre + support + 0.5f), inputs) - first, 1);
    weights.first[mirrored ? outputs - 1 - i : i] = static_cast<int>(first);
    weights.taps = std::max(weights.taps, counts[i]);
  }
  weights.values.resize(outputs * weights.taps);
  for (int64_t i = 0; i < outputs; ++i) {
    const int64_t place = mirrored ? outputs - 1 - i : i;
    const float centre = scale * (static_cast<float>(i) + 0.5f);
    float* const values = &weights.values[place];
    float total = 0;
    for (int64_t k = 0; k < counts[i]; ++k) {
      const float distance = std::abs((static_cast<float>(k + weights.first[place]) - centre + 0.5f) * inverse);
      values[k * outputs] = distance < 1.0f ? 1.0f - distance : 0.0f;
      total += values[k * outputs];
    }
    for (int64_t k = 0; k < counts[i]; ++k) values[k * outputs] = values[k * outputs] / total * factor;
  }
  return weights;
}

// One image; rows first, since rows are summed as vectors and columns one by one: of the rows only those that are kept get there.
void cropImage(const ImageKernels& kernels, const char* image, bool isFloat, at::IntArrayRef sizes, at::IntArrayRef box, bool flipped, float scale,
               float* to, int64_t height, int64_t width) {
  const int64_t elementSize = isFloat ? 4 : 1, stride = sizes[3], boxWidth = box[3];
  const Weights rows = triangleWeights(box[2], height, scale, false);
  const Weights columns = triangleWeights(boxWidth, width, 1.0f, flipped);
  // Weights of 0 and the kernel's vectors reach beyond the box.
  std::vector<float> row(boxWidth + columns.taps + 32, 0.0f);
  std::vector<float> rowWeights(rows.taps);
  for (int64_t channel = 0; channel < 3; ++channel) {
    const char* const corner = image + ((channel * sizes[2] + box[0]) * stride + box[1]) * elementSize;
    for (int64_t y = 0; y < height; ++y, to += width) {
      const int64_t first = rows.first[y];
      const int64_t taps = std::min(rows.taps, box[2] - first);
      for (int64_t k = 0; k < taps; ++k) rowWeights[k] = rows.values[k * height + y];
      kernels.weighRows[isFloat](corner + first * stride * elementSize, stride, rowWeights.data(), taps, row.data(), boxWidth);
      kernels.weighColumns(row.data(), columns.first.data(), columns.values.data(), columns.taps, to, width);
    }
  }
}

// A step of contrast needs the mean of what comes to it, so it begins a sweep of its own; sweeps are over memory in cache.
void jitterImage(const ImageKernels& kernels, float* image, int64_t pixels, at::IntArrayRef kinds, at::ArrayRef<double> factors) {
  std::vector<JitterStep> steps;
  const auto sweep = [&] { return kernels.jitter(image, image + pixels, image + 2 * pixels, pixels, steps.data(), static_cast<long>(steps.size())); };
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == kNoJitter) continue;
    const auto kind = static_cast<JitterKind>(kinds[i]);
    JitterStep step{kind, static_cast<float>(kind == JitterKind::Hue ? 6 * factors[i] : factors[i]), static_cast<float>(1 - factors[i]), 0};
    if (kind == JitterKind::Contrast) {
      step.mean = static_cast<float>(sweep() / static_cast<double>(pixels));
      steps.clear();
    }
    steps.push_back(step);
  }
  if (!steps.empty()) sweep();
}

}  // namespace

at::Tensor resizedCrop(const at::Tensor& images, at::IntArrayRef boxes, at::IntArrayRef flips, int64_t height, int64_t width, double scale) {
  checkOnCpu("resized_crop", images);
  const int64_t count = images.size(0);
  checkBoxes("resized_crop", images, count, boxes, flips, height, width);
  const at::Tensor source = images.contiguous();
  at::Tensor result = at::empty({count, 3, height, width}, images.options().dtype(at::kFloat));
  const bool isFloat = images.scalar_type() == at::kFloat;
  const char* const from = static_cast<const char*>(source.const_data_ptr());
  float* const to = result.mutable_data_ptr<float>();
  const int64_t imageBytes = 3 * images.size(2) * images.size(3) * static_cast<int64_t>(images.element_size());
  const ImageKernels& kernels = imageKernels();
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      cropImage(kernels, from + i * imageBytes, isFloat, source.sizes(), boxes.slice(4 * i, 4), flips[i] != 0, static_cast<float>(scale),
                to + i * 3 * height * width, height, width);
  });
  return result;
}

void colorJitter(const at::Tensor& images, at::IntArrayRef kinds, at::ArrayRef<double> factors) {
  checkOnCpu("color_jitter_", images);
  TORCH_CHECK(images.scalar_type() == at::kFloat && images.is_contiguous(), "dgsam::color_jitter_: images: expected contiguous float32, got ",
              images.scalar_type(), " of strides ", images.strides());
  const int64_t count = images.size(0);
  checkSteps("color_jitter_", count, kinds, factors);
  const int64_t pixels = images.size(2) * images.size(3);
  if (kinds.empty() || pixels == 0) return;
  float* const data = images.mutable_data_ptr<float>();
  const size_t steps = kinds.size() / count;
  const ImageKernels& kernels = imageKernels();
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      jitterImage(kernels, data + 3 * i * pixels, pixels, kinds.slice(i * steps, steps), factors.slice(i * steps, steps));
  });
  // The dispatcher tells nobody that an operator of an own library changed a tensor.
  if (!images.is_inference()) images.unsafeGetTensorImpl()->bump_version();
}

at::Tensor normalizeImages(const at::Tensor& images, at::ArrayRef<double> mean, at::ArrayRef<double> deviation, double scale) {
  checkOnCpu("normalize_images", images);
  checkCount("normalize_images", "mean", mean.size(), 3);
  checkCount("normalize_images", "std", deviation.size(), 3);
  const at::Tensor source = images.contiguous();
  at::Tensor result = at::empty(images.sizes(), images.options().dtype(at::kFloat));
  const bool isFloat = images.scalar_type() == at::kFloat;
  const char* const from = static_cast<const char*>(source.const_data_ptr());
  float* const to = result.mutable_data_ptr<float>();
  const int64_t pixels = images.size(2) * images.size(3), elementSize = static_cast<int64_t>(images.element_size());
  const ImageKernels& kernels = imageKernels();
  at::parallel_for(0, 3 * images.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane)
      kernels.standardise[isFloat](from + plane * pixels * elementSize, to + plane * pixels, static_cast<float>(scale),
                                   static_cast<float>(mean[plane % 3]), static_cast<float>(deviation[plane % 3]), pixels);
  });
  return result;
}

at::Tensor trainingImages(const at::Tensor& images, at::IntArrayRef indices, at::IntArrayRef boxes, at::IntArrayRef flips, int64_t height, int64_t width,
                          at::IntArrayRef kinds, at::ArrayRef<double> factors, at::ArrayRef<double> mean, at::ArrayRef<double> deviation) {
  checkOnCpu("training_images", images);
  checkTraining(images, indices, boxes, flips, height, width, kinds, factors, mean, deviation);
  const int64_t count = static_cast<int64_t>(indices.size());
  const at::Tensor source = images.contiguous();
  at::Tensor result = at::empty({count, 3, height, width}, images.options().dtype(at::kFloat));
  const bool isFloat = images.scalar_type() == at::kFloat;
  const char* const from = static_cast<const char*>(source.const_data_ptr());
  float* const to = result.mutable_data_ptr<float>();
  const int64_t imageBytes = 3 * images.size(2) * images.size(3) * static_cast<int64_t>(images.element_size()), pixels = height * width;
  const size_t steps = count == 0 ? 0 : kinds.size() / count;
  const ImageKernels& kernels = imageKernels();
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* const image = to + 3 * i * pixels;
      cropImage(kernels, from + indices[i] * imageBytes, isFloat, source.sizes(), boxes.slice(4 * i, 4), flips[i] != 0, isFloat ? 1.0f : static_cast<float>(1.0 / 255), image,
                height, width);
      jitterImage(kernels, image, pixels, kinds.slice(i * steps, steps), factors.slice(i * steps, steps));
      for (int64_t channel = 0; channel < 3; ++channel)
        kernels.standardise[1](image + channel * pixels, image + channel * pixels, 1.0f, static_cast<float>(mean[channel]),
                               static_cast<float>(deviation[channel]), pixels);
    }
  });
  return result;
}

}  // namespace dgsam::ops
