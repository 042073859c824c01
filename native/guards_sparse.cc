#include <ATen/Functions.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <limits>

#include "guard_rooms.h"

namespace dgsam {
namespace {

// Kernels use the indices of sparse tensors as they are. PyTorch's own check of them (check_sparse_tensor_invariants) also
// refuses compressed indices that are unsorted or repeated, which its operators take and give; here they may be.
void cooIndices(const Arguments& arguments) {
  const at::Tensor indices = arguments.numbers("indices");
  if (!indices.defined() || indices.dim() != 2 || !arguments.has("size")) return;  // without a size it is worked out
  const std::vector<int64_t> size = arguments.integers("size");
  const int64_t* value = indices.const_data_ptr<int64_t>();
  for (int64_t row = 0; row < std::min<int64_t>(indices.size(0), size.size()); ++row)
    for (int64_t i = 0; i < indices.size(1); ++i, ++value)
      if (*value < 0 || *value >= size[row])
        arguments.refuse("ERR_ARGUMENT", "indices", c10::str("expected values from 0 to ", size[row] - 1, " in row ", row, ", got ", *value));
}

struct CompressedNames {
  const char* outer;
  const char* inner;
};

void compressedValues(const Arguments& arguments, CompressedNames names, int64_t bound) {
  const at::Tensor ends = arguments.numbers(names.outer);
  const at::Tensor inner = arguments.numbers(names.inner);
  if (!ends.defined() || !inner.defined()) return;
  const int64_t count = inner.size(-1);
  const int64_t length = ends.size(-1);
  const int64_t* const first = ends.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < ends.numel(); i += length)
    if (first[i] != 0 || first[i + length - 1] != count)
      arguments.refuse("ERR_ARGUMENT", names.outer, c10::str("expected values from 0 to ", count, ", got ", first[i], " to ", first[i + length - 1]));
  arguments.nonDecreasing(names.outer);
  const int64_t* const data = inner.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < inner.numel(); ++i)
    if (data[i] < 0 || data[i] >= bound)
      arguments.refuse("ERR_ARGUMENT", names.inner, c10::str("expected values from 0 to ", bound - 1, ", got ", data[i]));
}

// [batch..., rows + 1] ends and [batch..., count] columns, or the other way round, in blocks or not.
void compressedIndices(const Arguments& arguments, at::Layout layout) {
  const bool blocked = layout == at::kSparseBsr || layout == at::kSparseBsc;
  const bool byRow = layout == at::kSparseCsr || layout == at::kSparseBsr;
  if (!blocked && !byRow && layout != at::kSparseCsc) return;  // the operator says so itself
  CompressedNames names{"compressed_indices", "plain_indices"};
  if (arguments.has("crow_indices")) names = {"crow_indices", "col_indices"};
  if (arguments.has("ccol_indices")) names = {"ccol_indices", "row_indices"};
  const at::Tensor ends = arguments.tensor(names.outer);
  const at::Tensor inner = arguments.tensor(names.inner);
  const at::Tensor values = arguments.tensor("values");
  const int64_t batch = ends.dim() - 1;
  const int64_t dense = values.dim() - batch - (blocked ? 3 : 1);
  arguments.expect(batch >= 0 && ends.size(-1) > 0, "ERR_SHAPE", names.outer, "at least one element and one dimension, got " + describe(ends));
  const auto sameBatch = [&](at::IntArrayRef sizes) { return sizes.slice(0, batch) == ends.sizes().slice(0, batch); };
  arguments.expect(inner.dim() == ends.dim() && sameBatch(inner.sizes()), "ERR_SHAPE", names.inner,
                   c10::str("the batch of '", names.outer, "', ", ends.sizes(), ", got ", describe(inner)));
  arguments.expect(dense >= 0 && sameBatch(values.sizes()) && values.size(batch) == inner.size(-1), "ERR_SHAPE", "values",
                   c10::str("an element, block or slice for each of '", names.inner, "', ", inner.sizes(), ", got ", describe(values)));
  if (!arguments.has("size")) return compressedValues(arguments, names, std::numeric_limits<int64_t>::max());
  const std::vector<int64_t> size = arguments.integers("size");
  const int64_t block[] = {blocked ? values.size(batch + 1) : 1, blocked ? values.size(batch + 2) : 1};
  const bool fits = static_cast<int64_t>(size.size()) == batch + 2 + dense && sameBatch(size) && block[0] > 0 && block[1] > 0 &&
                    size[batch] % block[0] == 0 && size[batch + 1] % block[1] == 0 &&
                    values.sizes().slice(values.dim() - dense) == at::IntArrayRef(size).slice(batch + 2);
  if (!fits) arguments.refuse("ERR_SHAPE", "size", c10::str("expected one that 'values', ", describe(values), ", fits in, got ", at::IntArrayRef(size)));
  const int64_t counts[] = {size[batch] / block[0], size[batch + 1] / block[1]};
  const int64_t along = counts[byRow ? 0 : 1];
  arguments.expect(ends.size(-1) == along + 1, "ERR_SHAPE", names.outer, c10::str("size ", along + 1, " in the last dimension, got ", describe(ends)));
  compressedValues(arguments, names, counts[byRow ? 1 : 0]);
}

template <at::Layout Layout>
void compressed(const Arguments& arguments) {
  compressedIndices(arguments, Layout);
}

void compressedOfAnyLayout(const Arguments& arguments) {
  const c10::IValue* layout = arguments.find("layout");
  if (layout != nullptr && layout->isInt()) compressedIndices(arguments, static_cast<at::Layout>(layout->toInt()));
}

void cooToCsr(const Arguments& arguments) {
  arguments.dims("self", 1);
  arguments.contiguous("self");
  const int64_t size = arguments.integer("size");
  arguments.between("size", 0, std::numeric_limits<int64_t>::max() - 1);
  arguments.values("self", 0, size - 1);
}

void csrToCoo(const Arguments& arguments) {
  const at::Tensor rows = arguments.tensor("crow_indices");
  const at::Tensor columns = arguments.tensor("col_indices");
  arguments.sameDtype({"crow_indices", "col_indices"});
  if (rows.dim() < 1 || rows.dim() != columns.dim() || rows.size(-1) < 1 ||
      rows.sizes().slice(0, rows.dim() - 1) != columns.sizes().slice(0, columns.dim() - 1))
    arguments.refuse("ERR_SHAPE", "crow_indices", c10::str("expected the batch of 'col_indices', ", columns.sizes(), ", and at least one element, got ", describe(rows)));
  arguments.values("crow_indices", 0, columns.size(-1));
  arguments.nonDecreasing("crow_indices");
}

// oneDNN's layout passes for a dense one here.
void notMkldnn(const Arguments& arguments) {
  for (const char* name : {"sparse", "dense"})
    if (arguments.tensor(name).layout() == at::kMkldnn)
      arguments.refuse("ERR_ARGUMENT", name, "expected a sparse or a dense tensor, got one of layout Mkldnn");
}

}  // namespace

std::vector<Guard> sparseGuards() {
  return {
      {"sparse_coo_tensor _sparse_coo_tensor_unsafe _sparse_coo_tensor_with_dims_and_tensors", "indices within the size", cooIndices},
      {"sparse_csr_tensor _sparse_csr_tensor_unsafe", "row pointers and columns within the size", compressed<at::kSparseCsr>},
      {"sparse_csc_tensor _sparse_csc_tensor_unsafe", "column pointers and rows within the size", compressed<at::kSparseCsc>},
      {"sparse_bsr_tensor _sparse_bsr_tensor_unsafe", "row pointers and columns of blocks within the size", compressed<at::kSparseBsr>},
      {"sparse_bsc_tensor _sparse_bsc_tensor_unsafe", "column pointers and rows of blocks within the size", compressed<at::kSparseBsc>},
      {"sparse_compressed_tensor _sparse_compressed_tensor_unsafe", "pointers and indices within the size", compressedOfAnyLayout},
      {"_convert_indices_from_coo_to_csr", "contiguous row indices from 0 to size - 1", cooToCsr},
      {"_convert_indices_from_csr_to_coo", "row pointers within the columns that do not decrease, one dtype", csrToCoo},
      {"_sparse_mm", "sparse and dense tensors, none of layout Mkldnn", notMkldnn},
  };
}

}  // namespace dgsam
