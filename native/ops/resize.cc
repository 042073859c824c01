#include "resize.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "image_kernels.h"

namespace dgsam::ops {
namespace {

// How each of `outputs` places of a line comes from a line of `inputs`: by `taps` weights from `first` on, trailing ones being 0. The weight k of
// place i lies at i * taps + k. A triangle about the place, as wide as the distance of two places of the coarser line, in float64, then in
// whole units.
struct WholeWeights {
  int64_t taps = 0;
  std::vector<int> first;
  std::vector<int> values;

  WholeWeights(int64_t inputs, int64_t outputs) : first(outputs) {
    const double scale = static_cast<double>(inputs) / static_cast<double>(outputs);
    const double support = std::max(scale, 1.0), inverse = 1.0 / support;
    const auto centreOf = [scale](int64_t i) { return (static_cast<double>(i) + 0.5) * scale; };
    std::vector<int64_t> counts(outputs);
    for (int64_t i = 0; i < outputs; ++i) {
      first[i] = std::max(static_cast<int>(centreOf(i) - support + 0.5), 0);
      counts[i] = std::min<int64_t>(static_cast<int64_t>(centreOf(i) + support + 0.5), inputs) - first[i];
      taps = std::max(taps, counts[i]);
    }
    values.resize(outputs * taps);
    std::vector<double> weights(taps);
    for (int64_t i = 0; i < outputs; ++i) {
      double total = 0;
      for (int64_t k = 0; k < counts[i]; ++k) {
        const double distance = std::abs((static_cast<double>(k + first[i]) - centreOf(i) + 0.5) * inverse);
        weights[k] = distance < 1.0 ? 1.0 - distance : 0.0;
        total += weights[k];
      }
      for (int64_t k = 0; k < counts[i]; ++k) values[i * taps + k] = static_cast<int>(0.5 + weights[k] / total * (1 << kWeightBits));
    }
  }
};

// Pillow's choice since 13, found by trying: rows first where they lose more than twice what columns do. The bytes between the two are
// rounded, so it shows.
bool takesRowsFirst(at::IntArrayRef box, int64_t height, int64_t width) { return height < box[2] && box[2] - height > 2 * (box[3] - width); }

}  // namespace

at::Tensor resizePixels(const at::Tensor& pixels, at::IntArrayRef box, int64_t height, int64_t width) {
  TORCH_CHECK(pixels.dim() == 3 && pixels.size(2) == 3 && pixels.scalar_type() == at::kByte, "dgsam::resize_pixels: pixels: expected uint8 [H, W, 3], got ",
              pixels.scalar_type(), " ", pixels.sizes());
  TORCH_CHECK(pixels.is_cpu() && pixels.layout() == at::kStrided, "dgsam::resize_pixels: pixels: expected a dense tensor on the CPU, got one on ",
              pixels.device(), " of layout ", pixels.layout());
  // Indices are kept as int.
  TORCH_CHECK(std::min(height, width) > 0 && std::max({height, width, pixels.size(0), pixels.size(1)}) < (1 << 24),
              "dgsam::resize_pixels: expected sizes from 1 to below 2^24, got [", height, ", ", width, "] of ", pixels.sizes());
  TORCH_CHECK(box.size() == 4 && box[0] >= 0 && box[1] >= 0 && box[2] > 0 && box[3] > 0 && box[2] <= pixels.size(0) && box[3] <= pixels.size(1) &&
                  box[0] <= pixels.size(0) - box[2] && box[1] <= pixels.size(1) - box[3],
              "dgsam::resize_pixels: box: expected (top, left, height, width) within [", pixels.size(0), ", ", pixels.size(1), "], got ", box);
  const at::Tensor source = pixels.contiguous();
  at::Tensor result = at::empty({3, height, width}, pixels.options());
  const ImageKernels& kernels = imageKernels();
  const int64_t boxHeight = box[2], boxWidth = box[3], stride = 3 * source.size(1);
  const unsigned char* const corner = source.const_data_ptr<uint8_t>() + box[0] * stride + 3 * box[1];
  unsigned char* const to = result.mutable_data_ptr<uint8_t>();
  const WholeWeights columns(boxWidth, width), rows(boxHeight, height);
  // Weights of 0 and the kernel's fourth byte reach beyond the box.
  std::vector<unsigned char> row(3 * (boxWidth + columns.taps) + 1);
  const auto narrow = [&](unsigned char* planes, int64_t planeHeight, int64_t y) {
    unsigned char* const red = planes + y * width;
    const int64_t plane = planeHeight * width;
    kernels.weighPixels(row.data(), columns.first.data(), columns.values.data(), columns.taps, red, red + plane, red + 2 * plane, width);
  };
  const auto shorten = [&](const unsigned char* from, int64_t rowStride, int64_t y, unsigned char* line, int64_t n) {
    kernels.weighByteRows(from + rows.first[y] * rowStride, rowStride, &rows.values[y * rows.taps], std::min(rows.taps, boxHeight - rows.first[y]), line, n);
  };
  if (takesRowsFirst(box, height, width)) {
    for (int64_t y = 0; y < height; ++y) {
      shorten(corner, stride, y, row.data(), 3 * boxWidth);
      narrow(to, height, y);
    }
    return result;
  }
  std::vector<unsigned char> narrowed(3 * boxHeight * width);
  for (int64_t y = 0; y < boxHeight; ++y) {
    std::copy_n(corner + y * stride, 3 * boxWidth, row.data());
    narrow(narrowed.data(), boxHeight, y);
  }
  for (int64_t channel = 0; channel < 3; ++channel)
    for (int64_t y = 0; y < height; ++y)
      shorten(narrowed.data() + channel * boxHeight * width, width, y, to + (channel * height + y) * width, width);
  return result;
}

}  // namespace dgsam::ops
