#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <limits>

#include "errors.h"
#include "guard_rooms.h"

namespace dgsam {
namespace {

void notEmptyList(const Arguments& arguments) { arguments.notEmpty("tensors"); }

void chunks(const Arguments& arguments) {
  arguments.notEmpty("tensors");
  for (const at::Tensor& each : arguments.tensors("tensors"))
    if (each.layout() != at::kStrided)
      arguments.refuse("ERR_ARGUMENT", "tensors", c10::str("expected dense tensors, got one of layout ", each.layout()));
    else if (each.dim() == 0) arguments.refuse("ERR_SHAPE", "tensors", "expected at least one dimension, got " + describe(each));
}

// Where a view of these sizes and strides would end, in elements from its start.
int64_t reach(at::IntArrayRef sizes, at::IntArrayRef strides) {
  int64_t last = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) return 0;
    last += (sizes[i] - 1) * strides[i];
  }
  return last + 1;
}

void reshapeAlias(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  const std::vector<int64_t> sizes = arguments.integers("size");
  const std::vector<int64_t> strides = arguments.integers("stride");
  arguments.length("stride", sizes.size());
  constexpr int64_t kLargest = int64_t{1} << 31;
  for (const auto& [name, values] : {std::pair{"size", &sizes}, std::pair{"stride", &strides}})
    for (const int64_t each : *values)
      if (each < 0 || each > kLargest) arguments.refuse("ERR_ARGUMENT", name, c10::str("expected numbers from 0 to ", kLargest, ", got ", each));
  if (!self.has_storage()) return;
  const int64_t available = static_cast<int64_t>(self.storage().nbytes() / self.itemsize()) - self.storage_offset();
  if (reach(sizes, strides) > available)
    arguments.refuse("ERR_SHAPE", "size", c10::str("expected a view within ", available, " elements, got sizes ", at::IntArrayRef(sizes), " with strides ", at::IntArrayRef(strides)));
}

void nestedView(const Arguments& arguments) {
  const at::Tensor sizes = arguments.tensor("nested_size");
  const at::Tensor strides = arguments.tensor("nested_strides");
  const at::Tensor offsets = arguments.tensor("offsets");
  arguments.dims("self", 1);
  arguments.dims("nested_size", 2);
  arguments.sameSizes({"nested_size", "nested_strides"});
  arguments.dims("offsets", 1);
  arguments.numel("offsets", sizes.size(0));
  for (const char* name : {"nested_size", "nested_strides", "offsets"}) {
    arguments.dtype(name, at::kLong);
    arguments.values(name, 0, int64_t{1} << 31);
  }
  const int64_t available = arguments.tensor("self").numel();
  const at::Tensor end = offsets.add(sizes.sub(1).mul(strides).sum(1));
  if (end.numel() > 0 && sizes.numel() > 0 && end.max().item<int64_t>() >= available)
    arguments.refuse("ERR_SHAPE", "nested_size", c10::str("expected views within ", available, " elements"));
}

void batchDimension(const Arguments& arguments) {
  const int64_t ndim = arguments.tensor("self").dim();
  constexpr int64_t kDeepestLevel = 63;
  arguments.between("level", 0, kDeepestLevel);
  arguments.dimension("batch_dim", ndim, false);
  arguments.between("batch_size", 0, std::numeric_limits<int64_t>::max());
  // Outside a vmap of this level a dimension is put in, and negative ones are not counted from the end.
  const bool batched = arguments.tensor("self").key_set().has_any(
      c10::DispatchKeySet({c10::DispatchKey::FuncTorchBatched, c10::DispatchKey::Batched}));
  arguments.dimension("out_dim", ndim + 1, batched);
}

void featureMeta(const Arguments& arguments) {
  arguments.between("self_num_batch_dims", 0, arguments.tensor("self").dim());
}

void sobol(const Arguments& arguments) {
  constexpr int64_t kBits = 30;
  constexpr int64_t kMostDimensions = 21201;
  constexpr int64_t kMostPoints = int64_t{1} << kBits;
  arguments.between("dimension", 1, kMostDimensions);
  arguments.between("n", 0, kMostPoints);
  arguments.between("num_generated", 0, kMostPoints);
  const int64_t dimension = arguments.integer("dimension");
  const std::vector<int64_t> state = {dimension, kBits};
  if (arguments.has("sobolstate")) {
    arguments.sizes("sobolstate", state);
    for (const char* name : {"self", "quasi"}) arguments.numel(name, dimension);
  } else {
    arguments.sizes("self", state);
    arguments.sizes("ltm", {dimension, kBits, kBits});
  }
  for (const char* name : {"self", "quasi", "sobolstate", "ltm"}) arguments.dtype(name, at::kLong);
}

void sameLayout(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  const at::Tensor source = arguments.tensor("src");
  if (self.layout() != source.layout() && self.layout() != at::kStrided)
    arguments.refuse("ERR_ARGUMENT", "src", c10::str("expected the layout of 'self', ", self.layout(), ", got ", source.layout()));
}

void notQuantized(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  if (self.is_quantized()) arguments.refuse("ERR_DTYPE", "self", "expected a tensor that is not quantised, got " + describe(self));
}

// oneDNN tensors are filled as float32 whatever their dtype, beyond the end of a narrower one.
void fillable(const Arguments& arguments) {
  std::vector<at::Tensor> all = arguments.tensors("self");
  for (const char* name : {"self", "grad_output", "y"}) all.push_back(arguments.tensor(name));
  for (const at::Tensor& each : all)
    if (each.defined() && each.layout() == at::kMkldnn && each.scalar_type() != at::kFloat)
      throw UsageError("ERR_DTYPE", "expected float32, the one dtype that a tensor of layout Mkldnn can be filled in, got " + describe(each));
}

// A quantised result is cut from the first tensor's sizes.
void notEmptyForQuantized(const Arguments& arguments) {
  if (const at::Tensor out = arguments.tensor("out"); out.defined() && out.is_quantized()) arguments.notEmpty("tensors");
}

void nestedStrides(const Arguments& arguments) {
  const at::Tensor sizes = arguments.tensor("nested_size");
  arguments.contiguous("nested_size");
  arguments.dims("nested_size", 2);
  arguments.expect( sizes.size(0) > 0 || sizes.size(1) == 0, "ERR_SHAPE", "nested_size", "at least one row, got " + describe(sizes));
}

// For nested tensors, dimensions that are counted from the end are also used as they are.
void nestedDimension(const Arguments& arguments) {
  const at::Tensor self = arguments.firstOf({"self", "y"});
  if (self.is_nested() && arguments.integer("dim") < 0 && arguments.integer("dim") != -self.dim())
    arguments.refuse("ERR_ARGUMENT", "dim", c10::str("expected one from 0 to ", self.dim() - 1, " for a nested tensor, got ", arguments.integer("dim")));
}

void trapezoids(const Arguments& arguments) {
  fillable(arguments);
  nestedDimension(arguments);
}

// LibTorch gives zero tensors of autograd's memory before a call, but overlooks them in lists that may hold null.
void indicesWithMemory(const Arguments& arguments) {
  for (const c10::IValue& each : arguments.find("indices")->toListRef())
    if (each.isTensor() && each.toTensor().defined() && each.toTensor()._is_zerotensor())
      arguments.refuse("ERR_ARGUMENT", "indices", "a zero tensor has no memory to read: clone() it first");
}

void sourceWithMemory(const Arguments& arguments) {
  if (arguments.tensor("source")._is_zerotensor()) arguments.refuse("ERR_ARGUMENT", "source", "a zero tensor has no memory to share: clone() it first");
}

// Draws of these counts are repeated for ever.
void finiteCounts(const Arguments& arguments) {
  const at::Tensor count = arguments.tensor("count");
  const at::Tensor probability = arguments.tensor("prob");
  for (const at::Tensor& each : {count, probability})
    if (each.numel() == 0 || !each.device().is_cpu() || each.layout() != at::kStrided || !each.is_floating_point()) return;
  arguments.lookAtValues();
  const at::NoGradGuard noGrad;
  const at::Tensor endless = at::logical_not(at::isfinite(count)).logical_and(count.ne(-std::numeric_limits<double>::infinity()));
  if (!endless.any().item<bool>()) return;
  if (endless.logical_and(probability.gt(0)).logical_and(probability.lt(1)).any().item<bool>())
    arguments.refuse("ERR_ARGUMENT", "count", "expected finite counts where the probability lies between 0 and 1, got infinity or NaN");
}

void dense(const Arguments& arguments) {
  for (const char* name : {"grad", "input", "indices"})
    if (const at::Tensor value = arguments.tensor(name); value.defined() && value.layout() != at::kStrided)
      arguments.refuse("ERR_ARGUMENT", name, c10::str("expected a dense tensor, got one of layout ", value.layout()));
}

// The search for the end of a range that floating-point numbers cannot hold never ends.
void representable(const Arguments& arguments) {
  constexpr int64_t kExact = int64_t{1} << 53;
  if (arguments.tensor("self").is_floating_point()) arguments.between("from", -kExact, kExact);
}

// Outside this the search for a range never ends.
void quantisationRange(const Arguments& arguments) {
  arguments.between("n_bins", 1, std::numeric_limits<int32_t>::max());
  const c10::IValue* ratio = arguments.find("ratio");
  if (ratio != nullptr && !(ratio->toDouble() >= 0 && ratio->toDouble() <= 1))
    arguments.refuse("ERR_ARGUMENT", "ratio", c10::str("expected a number from 0 to 1, got ", ratio->toDouble()));
}

}  // namespace

std::vector<Guard> internalGuards() {
  return {
      {"_chunk_cat", "dense tensors of at least one dimension", chunks},
      {"_stack", "at least one tensor", notEmptyList},
      {"_reshape_alias _reshape_alias_copy", "a view within the tensor's memory", reshapeAlias},
      {"_nested_view_from_buffer _nested_view_from_buffer_copy", "views within the buffer", nestedView},
      {"_add_batch_dim _remove_batch_dim", "a level from 0 to 63, dimensions within the tensor", batchDimension},
      {"_new_zeros_with_same_feature_meta", "batch dimensions that the tensor has", featureMeta},
      {"_sobol_engine_ff_ _sobol_engine_draw _sobol_engine_initialize_state_ _sobol_engine_scramble_",
       "int64 states of 30 bits for each dimension", sobol},
      {"cat.out concat.out concatenate.out", "at least one tensor for a quantised result", notEmptyForQuantized},
      {"_nested_compute_contiguous_strides_offsets", "a contiguous matrix of the sizes of at least one tensor", nestedStrides},
      {"index _unsafe_index index_put index_put_ _unsafe_index_put _index_put_impl _index_put_impl_",
       "indices that are not zero tensors of autograd's", indicesWithMemory},
      {"set_.source_Tensor_storage_offset", "a source that is not a zero tensor of autograd's", sourceWithMemory},
      {"select.int", "a dimension from 0 for nested tensors", nestedDimension},
      {"binomial", "finite counts", finiteCounts},
      {"_neg_view _neg_view_copy _lazy_clone", "a tensor that is not quantised", notQuantized},
      {"view.dtype view_copy.dtype view_copy.dtype_out", "a tensor that is not quantised", notQuantized},
      {"zero_ zero zeros_like _foreach_zero_ _foreach_zero diag_embed diagonal_backward select_backward slice_backward",
       "float32 where a tensor has layout Mkldnn", fillable},
      {"trapz trapezoid", "float32 where a tensor has layout Mkldnn; a dimension from 0 for nested tensors", trapezoids},
      {"random.from random.from_out random_.from", "a bound of at most 53 bits for floating-point numbers", representable},
      {"cummaxmin_backward", "dense tensors", dense},
      {"choose_qparams_optimized", "at least one bin, a ratio from 0 to 1", quantisationRange},
      {"copy", "tensors of one layout, or a dense target", sameLayout},
  };
}

}  // namespace dgsam
