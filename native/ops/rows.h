// The parameters of a climb with their companions: checked, and told apart into those that are flat memory in one order,
// which our kernels sweep, and those that go through LibTorch's operators (composite.h).
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/ArrayRef.h>
#include <c10/util/SmallVector.h>

#include <optional>

#include "kernels.h"

namespace dgsam::ops {

// One parameter and its companions, null where the operator does not use them or there is no gradient. The tensors are
// the caller's own; a row lives as long as the call that made it.
struct Row {
  const at::Tensor* param;
  const at::Tensor* grad;
  const at::Tensor* saved;
  const at::Tensor* sum;

  // Whether all of it is flat memory in one order, of the CPU or a CUDA device. Then the pointers below are to `count` elements
  // each, null where the tensor is.
  bool flat = false;
  Element element = Element::Float;
  // Of flat rows of the CPU. Null where LibTorch's operators do the work, or a CUDA device's kernels (cuda/).
  const Kernels* kernels = nullptr;
  int64_t count = 0;
  int64_t elementSize = 0;
  char* paramData = nullptr;
  char* gradData = nullptr;
  char* savedData = nullptr;
  char* sumData = nullptr;
  // What the gradient is multiplied by in an ascent, beside the square of T = |p| + eta where it is weighted.
  double scale = 0;
  bool weighted = false;
  double eta = 0;
};

using Rows = c10::SmallVector<Row, 16>;

// What an operator does with a tensor of each row. Memory that is shared until it is written (lazy clones) becomes the
// tensor's own only where it is written.
enum class Access { None, Read, Write };

struct Uses {
  Access param;
  Access grad;
  Access saved;
  Access sum;
};

// Rows of parameters with their own gradients. Empty lists leave `saved` or `sums` out. Throws c10::Error naming operator,
// list and index when shapes, dtypes, devices, layouts or lengths disagree, before anything is written.
Rows makeRows(const char* name, at::TensorList params, at::TensorList saved, at::TensorList sums, Uses uses);

// Rows of what restore_ copies from one list to the other.
Rows rowsToRestore(at::TensorList params, at::TensorList saved);

// A row whose gradient is the tensor itself, to be read only.
Row readOnlyRow(const char* name, const char* list, size_t index, const at::Tensor& tensor);

// Parts of makeRows' checks: a dense floating-point or complex tensor; one of its parameter's shape, dtype and device.
void checkFloating(const char* name, const char* list, size_t index, const at::Tensor& tensor);
void checkCompanion(const char* name, const char* list, size_t index, const at::Tensor& tensor, const at::Tensor& param);
void checkLength(const char* name, const char* list, size_t size, size_t expected);

int64_t countGradients(const Rows& rows);

// Whether the tensor's memory, of the CPU or a CUDA device, holds its values as they are: lazily negated and all-zero tensors, and
// wrappers, do not.
bool isPlain(const at::Tensor& tensor);

// The element type of a dtype that kernels know.
std::optional<Element> elementOf(at::ScalarType type);

// Whether both lie in the same order in memory. Strides along dimensions of one element say nothing: a convolution's
// gradient and weight often differ there.
bool sameOrder(const at::Tensor& tensor, const at::Tensor& param);

// Tells autograd that the data of the tensor changed. A tensor made in inference mode has no version.
void bump(const at::Tensor& tensor);

}  // namespace dgsam::ops
