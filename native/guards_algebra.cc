#include <ATen/ExpandUtils.h>
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "guard_rooms.h"

namespace dgsam {
namespace {

// The inner Fourier transforms take dimensions that fft_fft and its kin have already counted from the front.
void fourier(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  const std::vector<int64_t> dims = arguments.integers("dim");
  if (arguments.has("last_dim_size") || arguments.has("onesided")) arguments.notEmpty("dim");
  arguments.dimension("dim", self.dim(), false);
  if (std::set<int64_t>(dims.begin(), dims.end()).size() != dims.size()) arguments.refuse("ERR_ARGUMENT", "dim", "expected each dimension once");
  arguments.expect(dims.empty() || self.dim() > 0, "ERR_SHAPE", "self", "at least one dimension, got " + describe(self));
  arguments.between("normalization", 0, 2);
  arguments.between("last_dim_size", 1, std::numeric_limits<int64_t>::max());
  if (arguments.has("last_dim_size") && !dims.empty()) {
    const int64_t half = arguments.integer("last_dim_size") / 2 + 1;
    arguments.expect(self.size(dims.back()) >= half, "ERR_SHAPE", "self", c10::str("at least ", half, " elements in the last transformed dimension, got ", describe(self)));
    // With more, the result is taken for the shorter side of a transform of the input's size.
    const int64_t whole = arguments.integer("last_dim_size");
    arguments.expect(self.size(dims.back()) <= std::max(half, whole), "ERR_SHAPE", "self", c10::str("at most ", whole, " elements in the last transformed dimension, got ", describe(self)));
  }
}

// LAPACK swaps the rows that pivots name without looking at them. Symmetric factorisations mark pairs by a minus sign.
void pivots(const Arguments& arguments) {
  const at::Tensor factors = arguments.firstOf({"LU_data", "LU", "LD"});
  if (!factors.defined() || factors.dim() < 2) return;
  const int64_t rows = factors.size(-2);
  for (const char* name : {"LU_pivots", "pivots"}) {
    const at::Tensor value = arguments.tensor(name);
    if (!value.defined()) continue;
    const int64_t expected = std::min(rows, factors.size(-1));
    if (arguments.has("LU_data") && (!arguments.has("unpack_pivots") || arguments.flag("unpack_pivots")) && (value.dim() < 1 || value.size(-1) != expected))
      arguments.refuse("ERR_SHAPE", name, c10::str("expected ", expected, " pivots in the last dimension, got ", describe(value)));
    if (arguments.flag("unpack_pivots") && value.sizes().slice(0, value.dim() - 1) != factors.sizes().slice(0, factors.dim() - 2))
      arguments.refuse("ERR_SHAPE", name, c10::str("expected the batch of 'LU_data', ", factors.sizes(), ", got ", describe(value)));
    const bool symmetric = arguments.has("LD");
    arguments.values(name, symmetric ? -rows : 1, rows);
  }
}

// Matrices of a batch are written one after the other, at the distance of the first two.
void triangle(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  const at::Tensor out = arguments.tensor("out");
  if (!out.defined() || out.layout() != at::kStrided || out.dim() < 4 || out.sizes() != self.sizes() || out.numel() == 0) return;
  int64_t distance = out.stride(-3);
  for (int64_t i = out.dim() - 3; i >= 0; --i) {
    if (out.size(i) != 1 && out.stride(i) != distance)
      arguments.refuse("ERR_ARGUMENT", "out", c10::str("expected matrices at equal distances in memory, got ", describe(out), " with strides ", out.strides()));
    distance *= out.size(i);
  }
}

// The sum, of float32, is written over an element of bfloat16.
void powerSum(const Arguments& arguments) {
  const c10::IValue* dtype = arguments.find("dtype");
  if (dtype == nullptr || !dtype->isInt() || static_cast<at::ScalarType>(dtype->toInt()) != at::kBFloat16) return;
  std::vector<at::Tensor> all = arguments.tensors("self");
  if (const at::Tensor self = arguments.tensor("self"); self.defined()) all.push_back(self);
  for (const at::Tensor& each : all)
    if (each.is_complex()) arguments.refuse("ERR_DTYPE", "dtype", "expected one other than bfloat16 for complex numbers, got " + describe(each));
}

void finite(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  if (self.numel() == 0 || !self.device().is_cpu() || self.layout() != at::kStrided || !(self.is_floating_point() || self.is_complex())) return;
  arguments.lookAtValues();
  const at::NoGradGuard noGrad;
  if (!at::isfinite(self).all().item<bool>()) arguments.refuse("ERR_ARGUMENT", "self", "expected finite values, got a tensor with infinities or NaN");
}

void choleskySolve(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  const at::Tensor factor = arguments.tensor("A");
  arguments.expect(factor.dim() >= 2 && factor.size(-1) == factor.size(-2), "ERR_SHAPE", "A", "square matrices, got " + describe(factor));
  const auto batch = factor.sizes().slice(0, factor.dim() - 2);
  if (self.dim() != factor.dim() || self.size(-2) != factor.size(-1) || self.sizes().slice(0, self.dim() - 2) != batch)
    arguments.refuse("ERR_SHAPE", "self", c10::str("expected the batch and the rows of 'A', ", factor.sizes(), ", got ", describe(self)));
  arguments.sameDtype({"A", "self", "out"});
}

void matrixPower(const Arguments& arguments) {
  arguments.between("n", -std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::max());
}

void cumulative(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  // The kernels that write two results compare dimensions with one that is counted from the front.
  arguments.dimension("dim", self.dim(), !arguments.has("values"));
  arguments.sameDtype({"self", "values", "out"});
  arguments.sizes("values", self.sizes());
  arguments.sizes("indices", self.sizes());
  arguments.dtype("indices", at::kLong);
  // Slices without elements are read too, unless they lie in the dimension itself.
  const int64_t dim = arguments.integer("dim");
  arguments.expect(!arguments.has("values") || self.numel() > 0 || self.dim() == 0 || self.size(dim) == 0, "ERR_SHAPE", "self",
                   "at least one element, got " + describe(self));
}

// Distances between rows are read of a matrix, whatever dimensions follow.
void rows(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  if (self.dim() > 2 && self.numel() < self.size(0) * self.size(1))
    arguments.refuse("ERR_SHAPE", "self", "expected as many elements as the first two sizes say, got " + describe(self));
}

// A number as the integer kernels see it; none where that is an error of its own.
std::optional<int64_t> truncated(const c10::IValue* value) {
  if (value == nullptr) return std::nullopt;
  if (value->isInt()) return value->toInt();
  if (value->isBool()) return value->toBool() ? 1 : 0;
  if (!value->isDouble() || !(std::abs(value->toDouble()) < 0x1p63)) return std::nullopt;
  return static_cast<int64_t>(value->toDouble());
}

// The number of steps is worked out by integer division, before the step is looked at.
void integerRange(const Arguments& arguments) {
  const at::Tensor out = arguments.tensor("out");
  const c10::IValue* dtype = arguments.find("dtype");
  if (!out.defined() && (dtype == nullptr || !dtype->isInt())) return;
  if (!c10::isIntegralType(out.defined() ? out.scalar_type() : static_cast<at::ScalarType>(dtype->toInt()), false)) return;
  const std::optional<int64_t> step = arguments.has("step") ? truncated(arguments.find("step")) : 1;
  if (!step) return;
  if (*step == 0) arguments.refuse("ERR_ARGUMENT", "step", "expected a step that is not 0 as an integer, got one that is");
  const std::optional<int64_t> start = truncated(arguments.find("start"));
  const std::optional<int64_t> end = truncated(arguments.find("end"));
  int64_t span = 0;
  if (*step == -1 && start && end && (__builtin_sub_overflow(*end, *start, &span) || span == std::numeric_limits<int64_t>::min()))
    arguments.refuse("ERR_ARGUMENT", "end", c10::str("expected a span of 64 bits, got ", *start, " to ", *end));
}

void pairwiseDistances(const Arguments& arguments) {
  arguments.dims("self", 2);
  const int64_t count = arguments.tensor("self").size(0);
  arguments.expect(count > 0, "ERR_SHAPE", "self", "at least one row, got " + describe(arguments.tensor("self")));
  // The gradient was renamed in 2.14.
  for (const char* name : {"grad", "grad_output", "pdist"}) arguments.numel(name, count * (count - 1) / 2);
}

void distancesBackward(const Arguments& arguments) {
  const at::Tensor first = arguments.tensor("x1");
  const at::Tensor second = arguments.tensor("x2");
  if (first.dim() < 2 || second.dim() < 2 || first.size(-1) != second.size(-1))
    arguments.refuse("ERR_SHAPE", "x2", c10::str("expected matrices with as many columns as 'x1', ", first.sizes(), ", got ", describe(second)));
  std::vector<int64_t> expected = at::infer_size(first.sizes().slice(0, first.dim() - 2), second.sizes().slice(0, second.dim() - 2));
  expected.push_back(first.size(-2));
  expected.push_back(second.size(-2));
  for (const char* name : {"grad", "grad_output", "cdist"}) arguments.sizes(name, expected);
}

void squareGradient(const Arguments& arguments) {
  for (const char* name : {"self", "grad"}) arguments.strided(name);
  arguments.sameSizes({"self", "grad"});
  arguments.sameDtype({"self", "grad"});
}

// A window of `size` elements at each `step` of the dimension, which comes last in the gradient.
void unfoldBackward(const Arguments& arguments) {
  arguments.strided("grad_in");
  std::vector<int64_t> expected = arguments.integers("input_sizes");
  const auto ndim = static_cast<int64_t>(expected.size());
  for (const int64_t each : expected)
    if (each < 0) arguments.refuse("ERR_SHAPE", "input_sizes", c10::str("expected sizes of 0 or more, got ", each));
  arguments.dimension("dim", ndim);
  arguments.between("step", 1, std::numeric_limits<int64_t>::max());
  if (ndim == 0) return;
  const int64_t dim = arguments.integer("dim");
  int64_t& size = expected[dim < 0 ? dim + ndim : dim];
  arguments.between("size", 0, size);
  size = (size - arguments.integer("size")) / arguments.integer("step") + 1;
  expected.push_back(arguments.integer("size"));
  arguments.sizes("grad_in", expected);
}

// Whether values of an integer tensor, on the CPU, contain `sought`.
bool contains(const at::Tensor& tensor, int64_t sought) {
  return tensor.numel() > 0 && tensor.device().is_cpu() && tensor.layout() == at::kStrided && tensor.eq(sought).any().item<bool>();
}

// Of the dtypes that the processor divides in, where the quotient of the least number and -1 traps.
std::optional<int64_t> leastOf(const at::Tensor& tensor) {
  if (!tensor.defined()) return std::nullopt;
  if (tensor.scalar_type() == at::kInt) return std::numeric_limits<int32_t>::min();
  if (tensor.scalar_type() == at::kLong) return std::numeric_limits<int64_t>::min();
  return std::nullopt;
}

void truncatedDivision(const Arguments& arguments) {
  const c10::IValue* mode = arguments.find("rounding_mode");
  if (mode == nullptr || !mode->isString() || mode->toStringRef() != "trunc") return;
  const at::Tensor self = arguments.tensor("self");
  const std::optional<int64_t> least = leastOf(self);
  if (!least) return;
  arguments.lookAtValues();
  if (!contains(self, *least)) return;
  const c10::IValue& other = *arguments.find("other");
  const bool byMinusOne = other.isTensor() ? c10::isIntegralType(other.toTensor().scalar_type(), false) && contains(other.toTensor(), -1)
                                           : other.isInt() && other.toInt() == -1;
  if (byMinusOne) arguments.refuse("ERR_ARGUMENT", "self", c10::str("expected quotients that fit the dtype; ", *least, " / -1 does not"));
}

void noLeast(const Arguments& arguments) {
  for (const char* name : {"self", "other"})
    if (const at::Tensor value = arguments.tensor(name); const std::optional<int64_t> least = leastOf(value)) {
      arguments.lookAtValues();
      if (contains(value, *least)) arguments.refuse("ERR_ARGUMENT", name, c10::str("expected values whose magnitude fits the dtype, got ", *least));
    }
}

void notNegativeShape(const Arguments& arguments) {
  arguments.length("shape", 2);
  for (const int64_t each : arguments.integers("shape"))
    if (each < 0) arguments.refuse("ERR_SHAPE", "shape", c10::str("expected sizes of 0 or more, got ", each));
}

// How many segments there are along the axis, which lie within the data; none where neither lengths nor offsets are given.
std::optional<int64_t> segmentCount(const Arguments& arguments, int64_t axis) {
  const at::Tensor data = arguments.tensor("data");
  const bool byOffset = arguments.tensor("offsets").defined();
  const char* const name = byOffset ? "offsets" : "lengths";
  const at::Tensor marks = arguments.tensor(name);
  if (!marks.defined()) return std::nullopt;  // the operator says so itself
  const int64_t count = marks.dim() == axis + 1 ? marks.size(axis) - (byOffset ? 1 : 0) : -1;
  if (count < 0 || marks.sizes().slice(0, axis) != data.sizes().slice(0, axis))
    arguments.refuse("ERR_SHAPE", name, c10::str("expected the first ", axis, " sizes of 'data' and one more dimension, got ", describe(marks)));
  arguments.values(name, 0, data.size(axis));
  if (!byOffset && marks.numel() > 0 && marks.device().is_cpu() && marks.sum(-1).max().item<int64_t>() > data.size(axis))
    arguments.refuse("ERR_ARGUMENT", name, c10::str("expected lengths that add up to at most ", data.size(axis)));
  return count;
}

void segments(const Arguments& arguments) {
  arguments.sameSizes({"output", "grad"});
  const at::Tensor data = arguments.tensor("data");
  const int64_t axis = arguments.integer("axis");
  arguments.dimension("axis", data.dim(), false);
  arguments.expect(data.dim() > 0, "ERR_SHAPE", "data", "at least one dimension, got " + describe(data));
  const at::Tensor output = arguments.tensor("output");
  if (const std::optional<int64_t> count = segmentCount(arguments, axis)) {
    std::vector<int64_t> expected = data.sizes().vec();
    expected[axis] = *count;
    arguments.sizes("output", expected);
  }
}

void segmentsForward(const Arguments& arguments) {
  const int64_t ndim = arguments.tensor("data").dim();
  const int64_t axis = arguments.integer("axis") + (arguments.integer("axis") < 0 ? ndim : 0);
  if (axis >= 0 && axis < ndim) segmentCount(arguments, axis);  // the operator says so itself
}

}  // namespace

std::vector<Guard> algebraGuards() {
  return {
      {"_fft_c2c _fft_r2c _fft_c2r", "dimensions from 0 to ndim - 1, each once; as much input as the output takes", fourier},
      {"lu_unpack lu_solve linalg_lu_solve linalg_ldl_solve", "pivots within the rows, of the batch of the matrices", pivots},
      {"tril.out triu.out", "a result whose matrices lie at equal distances in memory", triangle},
      {"_foreach_powsum linalg__powsum", "a dtype other than bfloat16 for complex numbers", powerSum},
      {"linalg_eigvals _linalg_eigvals", "finite values", finite},
      {"_cholesky_solve_helper", "square factors; right-hand sides of the same batch and dtype", choleskySolve},
      {"matrix_power linalg_matrix_power", "an exponent whose negative is an integer of 64 bits too", matrixPower},
      {"range", "for integers, a step that is not 0 as one and a span that fits", integerRange},
      {"_cummax_helper _cummin_helper _logcumsumexp", "results of the input's shape and dtype, int64 indices", cumulative},
      {"_pdist_forward", "the elements of a matrix", rows},
      {"_pdist_backward", "a gradient for each pair of rows", pairwiseDistances},
      {"matrix_exp_backward", "a dense gradient of the input's shape and dtype", squareGradient},
      {"unfold_backward", "a dense gradient of the windows' shape", unfoldBackward},
      {"_cdist_backward", "a gradient for each pair of rows", distancesBackward},
      {"div.Tensor_mode div.Scalar_mode div.out_mode div.Scalar_mode_out div_.Tensor_mode div_.Scalar_mode divide.Tensor_mode "
       "divide.Scalar_mode divide.out_mode divide_.Tensor_mode divide_.Scalar_mode",
       "truncated integer quotients that fit the dtype", truncatedDivision},
      {"lcm lcm_ gcd gcd_", "integers whose magnitude fits the dtype", noLeast},
      {"_spdiags", "a shape of two sizes, none negative", notNegativeShape},
      {"segment_reduce", "segments within the data", segmentsForward},
      {"_segment_reduce_backward", "segments within the data, a gradient for each", segments},
  };
}

}  // namespace dgsam
