#include <c10/util/StringUtil.h>

#include <limits>

#include <cmath>

#include "guard_rooms.h"

namespace dgsam {
namespace {

// Whether all sizes but the last N agree.
template <int N>
void sameLeadingSizes(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  const at::Tensor grad = arguments.tensor("grad_output");
  arguments.expect(self.dim() == N + 1 || self.dim() == N + 2, "ERR_SHAPE", "self", c10::str(N + 1, " or ", N + 2, " dimensions, got ", describe(self)));
  if (grad.dim() != self.dim() || grad.sizes().slice(0, grad.dim() - N) != self.sizes().slice(0, self.dim() - N))
    arguments.refuse("ERR_SHAPE", "grad_output", c10::str("expected the leading sizes of 'self', ", self.sizes(), ", got ", describe(grad)));
}

// A gradient for each index, and indices within the last N dimensions of the input.
template <int N>
void indexedPooling(const Arguments& arguments) {
  sameLeadingSizes<N>(arguments);
  arguments.length("output_size", N);
  const at::Tensor self = arguments.tensor("self");
  arguments.sizes("indices", arguments.tensor("grad_output").sizes());
  int64_t plane = 1;
  for (int64_t i = self.dim() - N; i < self.dim(); ++i) plane *= self.size(i);
  arguments.dtype("indices", at::kLong);
  arguments.values("indices", 0, plane - 1);
}

void positiveKernel(const Arguments& arguments) {
  for (const char* name : {"kernel_size", "output_size"}) arguments.positive(name);
}

// A window beyond this has no meaning, and the search for its end none either.
void boundedKernel(const Arguments& arguments) {
  for (const char* name : {"kernel_size", "dilation"})
    for (const int64_t each : arguments.integers(name))
      if (each > std::numeric_limits<int32_t>::max())
        arguments.refuse("ERR_ARGUMENT", name, c10::str("expected numbers up to ", std::numeric_limits<int32_t>::max(), ", got ", each));
}

// A gradient of the padded shape. Reflection needs padding below the size.
template <int N, bool Reflects>
void paddingBackward(const Arguments& arguments) {
  arguments.length("padding", 2 * N);
  sameLeadingSizes<N>(arguments);
  const at::Tensor self = arguments.tensor("self");
  const at::Tensor grad = arguments.tensor("grad_output");
  const std::vector<int64_t> padding = arguments.integers("padding");
  for (int i = 0; i < N; ++i) {
    const int64_t size = self.size(self.dim() - 1 - i);
    const int64_t before = padding[2 * i];
    const int64_t after = padding[2 * i + 1];
    if (size <= 0 || (Reflects && (before >= size || after >= size)))
      arguments.refuse("ERR_SHAPE", "padding", c10::str("expected less than the size of the input, ", size, ", got ", before, " and ", after));
    if (grad.size(grad.dim() - 1 - i) != size + before + after)
      arguments.refuse("ERR_SHAPE", "grad_output", c10::str("expected size ", size + before + after, " in dimension ", grad.dim() - 1 - i, ", got ", describe(grad)));
  }
}

// An anti-aliasing filter reaches over 1 / scale input pixels; no more than the input has make sense.
void antialiasing(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  const std::vector<int64_t> inputs = arguments.has("input_size") ? arguments.integers("input_size") : (self.defined() ? self.sizes().vec() : std::vector<int64_t>());
  if (inputs.size() != 4) return;  // the operator says so itself
  const std::pair<const char*, int64_t> scales[] = {{"scales_h", inputs[2]}, {"scales_w", inputs[3]}};
  for (const auto& [name, size] : scales) {
    const c10::IValue* value = arguments.find(name);
    if (value == nullptr || !value->isDouble()) continue;
    const double scale = value->toDouble();
    // Not positive means: work it out from the sizes.
    if (scale > 0 && scale * static_cast<double>(2 * size + 2) < 1)
      arguments.refuse("ERR_ARGUMENT", name, c10::str("expected a scale that leaves at least a pixel of ", size, ", got ", scale));
  }
}

}  // namespace

std::vector<Guard> poolingGuards() {
  return {
      {"_adaptive_avg_pool2d_backward", "a gradient with the input's leading sizes", sameLeadingSizes<2>},
      {"_adaptive_avg_pool3d_backward adaptive_avg_pool3d_backward", "a gradient with the input's leading sizes", sameLeadingSizes<3>},
      {"max_pool2d_with_indices_backward adaptive_max_pool2d_backward fractional_max_pool2d_backward",
       "an index within the input's plane for each gradient", indexedPooling<2>},
      {"max_pool3d_with_indices_backward adaptive_max_pool3d_backward fractional_max_pool3d_backward",
       "an index within the input's volume for each gradient", indexedPooling<3>},
      {"fractional_max_pool2d fractional_max_pool3d", "positive sizes of kernel and output", positiveKernel},
      {"max_pool1d", "kernel sizes and dilations of 32 bits", boundedKernel},
      {"reflection_pad1d_backward", "a gradient of the padded shape", paddingBackward<1, true>},
      {"reflection_pad2d_backward", "a gradient of the padded shape", paddingBackward<2, true>},
      {"reflection_pad3d_backward", "a gradient of the padded shape", paddingBackward<3, true>},
      {"replication_pad1d_backward", "a gradient of the padded shape", paddingBackward<1, false>},
      {"replication_pad2d_backward", "a gradient of the padded shape", paddingBackward<2, false>},
      {"replication_pad3d_backward", "a gradient of the padded shape", paddingBackward<3, false>},
      {"_upsample_bilinear2d_aa _upsample_bilinear2d_aa_backward _upsample_bicubic2d_aa _upsample_bicubic2d_aa_backward "
       "_upsample_lanczos2d_aa _upsample_lanczos2d_aa_backward",
       "scales that leave at least a pixel", antialiasing},
  };
}

}  // namespace dgsam
