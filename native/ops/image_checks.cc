#include "image_checks.h"

#include <algorithm>

#include "image_kernels.h"

namespace dgsam::ops {

void checkImages(const char* name, const at::Tensor& images) {
  TORCH_CHECK(images.dim() == 4 && images.size(1) == 3, "dgsam::", name, ": images: expected shape [B, 3, H, W], got ", images.sizes());
  TORCH_CHECK(images.scalar_type() == at::kByte || images.scalar_type() == at::kFloat, "dgsam::", name,
              ": images: expected uint8 or float32, got ", images.scalar_type());
  TORCH_CHECK(images.layout() == at::kStrided, "dgsam::", name, ": images: expected a dense tensor, got one of layout ", images.layout());
}

void checkCount(const char* name, const char* list, size_t size, int64_t expected) {
  TORCH_CHECK(static_cast<int64_t>(size) == expected, "dgsam::", name, ": ", list, ": expected ", expected, " numbers, got ", size);
}

void checkBoxes(const char* name, const at::Tensor& images, int64_t count, at::IntArrayRef boxes, at::IntArrayRef flips, int64_t height, int64_t width) {
  checkCount(name, "boxes", boxes.size(), 4 * count);
  checkCount(name, "flips", flips.size(), count);
  // Indices are kept as int.
  TORCH_CHECK(std::min(height, width) > 0 && std::max({height, width, images.size(2), images.size(3)}) < (1 << 24),
              "dgsam::", name, ": expected sizes from 1 to below 2^24, got [", height, ", ", width, "]");
  for (int64_t i = 0; i < count; ++i) {
    const at::IntArrayRef box = boxes.slice(4 * i, 4);
    TORCH_CHECK(box[0] >= 0 && box[1] >= 0 && box[2] > 0 && box[3] > 0 && box[2] <= images.size(2) && box[3] <= images.size(3) &&
                    box[0] <= images.size(2) - box[2] && box[1] <= images.size(3) - box[3],
                "dgsam::", name, ": boxes: expected boxes (top, left, height, width) within [", images.size(2), ", ", images.size(3), "], got ", box,
                " for image ", i);
  }
}

void checkSteps(const char* name, int64_t count, at::IntArrayRef kinds, at::ArrayRef<double> factors) {
  TORCH_CHECK(count == 0 ? kinds.empty() : kinds.size() % count == 0, "dgsam::", name, ": kinds: expected as many steps for each of ", count,
              " images, got ", kinds.size());
  checkCount(name, "factors", factors.size(), static_cast<int64_t>(kinds.size()));
  for (size_t i = 0; i < kinds.size(); ++i) {
    TORCH_CHECK(kinds[i] >= kNoJitter && kinds[i] <= static_cast<int64_t>(JitterKind::Grey), "dgsam::", name, ": kinds[", i, "]: expected ", kNoJitter, " to ", static_cast<int64_t>(JitterKind::Grey), ", got ",
                kinds[i]);
    const bool isHue = kinds[i] == static_cast<int64_t>(JitterKind::Hue);
    TORCH_CHECK(isHue ? factors[i] >= -0.5 && factors[i] <= 0.5 : factors[i] >= 0, "dgsam::", name, ": factors[", i, "]: expected ",
                isHue ? "-0.5 to 0.5" : "0 or more", ", got ", factors[i]);
  }
}

void checkTraining(const at::Tensor& images, at::IntArrayRef indices, at::IntArrayRef boxes, at::IntArrayRef flips, int64_t height, int64_t width,
                   at::IntArrayRef kinds, at::ArrayRef<double> factors, at::ArrayRef<double> mean, at::ArrayRef<double> deviation) {
  checkImages("training_images", images);
  const int64_t count = static_cast<int64_t>(indices.size());
  for (const int64_t index : indices)
    TORCH_CHECK(index >= 0 && index < images.size(0), "dgsam::training_images: indices: expected 0 to below ", images.size(0), ", got ", index);
  checkBoxes("training_images", images, count, boxes, flips, height, width);
  checkSteps("training_images", count, kinds, factors);
  checkCount("training_images", "mean", mean.size(), 3);
  checkCount("training_images", "std", deviation.size(), 3);
}

}  // namespace dgsam::ops
