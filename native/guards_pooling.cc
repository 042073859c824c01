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

// A gradient is shared out among the elements of its window: there are some.
template <int N>
void averagePoolingBackward(const Arguments& arguments) {
  sameLeadingSizes<N>(arguments);
  const at::Tensor self = arguments.tensor("self");
  if (arguments.tensor("grad_output").numel() == 0) return;
  arguments.expect(self.numel() > 0, "ERR_SHAPE", "self", "at least one element for each gradient, got " + describe(self));
}

// Rows without columns are counted one by one.
void boundedOutput(const Arguments& arguments) {
  for (const int64_t each : arguments.integers("output_size"))
    if (each > std::numeric_limits<int32_t>::max())
      arguments.refuse("ERR_ARGUMENT", "output_size", c10::str("expected numbers up to ", std::numeric_limits<int32_t>::max(), ", got ", each));
}

// Quantised kernels do not look at the length of the output size.
template <int N>
void averagePooling(const Arguments& arguments) {
  arguments.length("output_size", N);
  if (arguments.tensor("self").is_quantized()) boundedOutput(arguments);
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

// A gradient for each channel at each position of the grid.
void gridBackward(const Arguments& arguments) {
  const at::Tensor input = arguments.tensor("input");
  const at::Tensor grid = arguments.tensor("grid");
  if (input.dim() < 2 || grid.dim() != input.dim()) return;  // the operator says so itself
  std::vector<int64_t> expected = grid.sizes().vec();
  expected.pop_back();
  expected.insert(expected.begin() + 1, input.size(1));
  arguments.sizes("grad_output", expected);
}

// Where an output pixel lies in the input is its position divided by the scale, as an integer of 64 bits.
template <bool Nearest>
void interpolation(const Arguments& arguments) {
  if (arguments.flag("align_corners")) return;  // scales are not used
  const std::vector<int64_t> outputs = arguments.integers("output_size");
  const at::Tensor self = arguments.tensor("self");
  const std::vector<int64_t> inputs = arguments.has("input_size") ? arguments.integers("input_size") : (self.defined() ? self.sizes().vec() : std::vector<int64_t>());
  const char* const byDimension[] = {"scales_d", "scales_h", "scales_w"};
  for (size_t i = 0; i < outputs.size() && outputs.size() <= 3 && inputs.size() == outputs.size() + 2; ++i) {
    const char* const name = arguments.has("scales") ? "scales" : byDimension[3 - outputs.size() + i];
    const c10::IValue* value = arguments.find(name);
    if (value == nullptr || !value->isDouble() || !(value->toDouble() > 0)) continue;  // worked out from the sizes
    // The plain kernels do not ask for the scale where sizes are equal or double; the one of uint8 in one dimension does.
    if (Nearest && !(outputs.size() == 1 && self.defined() && self.scalar_type() == at::kByte) &&
        (outputs[i] == inputs[i + 2] || outputs[i] == 2 * inputs[i + 2])) continue;
    const float last = static_cast<float>(Nearest ? outputs[i] - 1 : outputs[i]) * static_cast<float>(1 / value->toDouble());
    if (!(last < 0x1p63F))
      arguments.refuse("ERR_ARGUMENT", name, c10::str("expected a scale that leaves positions of 64 bits, got ", value->toDouble()));
  }
}

}  // namespace

std::vector<Guard> poolingGuards() {
  return {
      {"adaptive_avg_pool2d _adaptive_avg_pool2d", "an output size of two numbers, of 32 bits for quantised tensors", averagePooling<2>},
      {"adaptive_avg_pool3d _adaptive_avg_pool3d", "an output size of three numbers, of 32 bits for quantised tensors", averagePooling<3>},
      {"adaptive_max_pool2d adaptive_max_pool3d", "output sizes of 32 bits", boundedOutput},
      {"_adaptive_avg_pool2d_backward", "a gradient with the leading sizes of an input that is not empty", averagePoolingBackward<2>},
      {"_adaptive_avg_pool3d_backward adaptive_avg_pool3d_backward", "a gradient with the leading sizes of an input that is not empty",
       averagePoolingBackward<3>},
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
      {"grid_sampler_2d_backward _grid_sampler_2d_cpu_fallback_backward grid_sampler_3d_backward",
       "a gradient for each channel and position of the grid", gridBackward},
      {"_upsample_bilinear2d_aa _upsample_bilinear2d_aa_backward _upsample_bicubic2d_aa _upsample_bicubic2d_aa_backward "
       "_upsample_lanczos2d_aa _upsample_lanczos2d_aa_backward",
       "scales that leave at least a pixel", antialiasing},
      {"upsample_nearest1d upsample_nearest1d_backward upsample_nearest2d upsample_nearest2d_backward upsample_nearest3d "
       "upsample_nearest3d_backward",
       "scales that leave positions of 64 bits", interpolation<true>},
      {"_upsample_nearest_exact1d _upsample_nearest_exact1d_backward _upsample_nearest_exact2d _upsample_nearest_exact2d_backward "
       "_upsample_nearest_exact3d _upsample_nearest_exact3d_backward upsample_linear1d upsample_linear1d_backward upsample_bilinear2d "
       "upsample_bilinear2d_backward upsample_bicubic2d upsample_bicubic2d_backward upsample_trilinear3d upsample_trilinear3d_backward",
       "scales that leave positions of 64 bits", interpolation<false>},
  };
}

}  // namespace dgsam
