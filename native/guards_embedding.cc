#include <c10/util/StringUtil.h>

#include "guard_rooms.h"

namespace dgsam {
namespace {

void embeddingBackward(const Arguments& arguments) {
  const at::Tensor indices = arguments.tensor("indices");
  const char* const name = arguments.has("grad_output") ? "grad_output" : "grad";
  const at::Tensor grad = arguments.tensor(name);
  const auto indexDims = indices.sizes();
  if (grad.dim() != indices.dim() + 1 || grad.sizes().slice(0, indices.dim()) != indexDims)
    arguments.refuse("ERR_SHAPE", name, c10::str("expected the shape of 'indices', ", indexDims, ", and one more dimension, got ", describe(grad)));
  // Other indices are passed over, unless their frequencies are counted.
  if (arguments.flag("scale_grad_by_freq")) arguments.values("indices", 0, arguments.integer("num_weights") - 1);
}

void embeddingBagBackward(const Arguments& arguments) {
  const at::Tensor grad = arguments.tensor("grad");
  const at::Tensor indices = arguments.tensor("indices");
  arguments.dims("grad", 2);
  arguments.dims("indices", 1);
  arguments.values("indices", 0, arguments.integer("num_weights") - 1);
  const at::Tensor bags = arguments.tensor("offset2bag");
  // Where it is empty it is worked out from the offsets.
  if (bags.defined() && !(bags.numel() == 0 && arguments.has("offsets"))) {
    arguments.numel("offset2bag", indices.numel());
    arguments.values("offset2bag", 0, grad.size(0) - 1);
  }
  arguments.values("offsets", 0, indices.numel());
  arguments.numel("per_sample_weights", indices.numel());
  constexpr int64_t kMean = 1;
  constexpr int64_t kMax = 2;
  const int64_t mode = arguments.integer("mode");
  if (mode == kMean) {
    const at::Tensor sizes = arguments.tensor("bag_size");
    if (sizes.defined() && sizes.numel() < grad.size(0)) arguments.numel("bag_size", grad.size(0));
  }
  if (mode == kMax && arguments.has("maximum_indices")) {
    arguments.sizes("maximum_indices", grad.sizes());
    arguments.values("maximum_indices", -1, arguments.integer("num_weights") - 1);
  }
}

void bagWeightsBackward(const Arguments& arguments) {
  const at::Tensor grad = arguments.tensor("grad");
  const at::Tensor weight = arguments.tensor("weight");
  const at::Tensor indices = arguments.tensor("indices");
  arguments.dims("grad", 2);
  arguments.dims("weight", 2);
  arguments.dims("indices", 1);
  arguments.sameDtype({"indices", "offsets"});
  const int64_t rows = weight.size(0);
  arguments.values("indices", 0, rows - 1);
  const at::Tensor bags = arguments.tensor("offset2bag");
  // Where it is empty it is worked out from the offsets.
  if (bags.defined() && bags.numel() > 0) {
    arguments.numel("offset2bag", indices.numel());
    arguments.values("offset2bag", 0, grad.size(0) - 1);
  } else {
    arguments.dims("offsets", 1);
    arguments.values("offsets", 0, indices.numel());
    const at::Tensor offsets = arguments.tensor("offsets");
    arguments.expect(offsets.numel() <= grad.size(0), "ERR_SHAPE", "offsets", c10::str("at most ", grad.size(0), " bags, got ", describe(offsets)));
  }
}

// Other indices would become indices of a sparse tensor. Those of padding are left out.
void embeddingSparseBackward(const Arguments& arguments) {
  const at::Tensor indices = arguments.numbers("indices");
  if (!indices.defined()) return;
  const int64_t padding = arguments.integer("padding_idx");
  const int64_t rows = arguments.integer("num_weights");
  const int64_t* const data = indices.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < indices.numel(); ++i)
    if ((data[i] < 0 || data[i] >= rows) && !(padding != -1 && data[i] == padding))
      arguments.refuse("ERR_ARGUMENT", "indices", c10::str("expected values from 0 to ", rows - 1, ", got ", data[i]));
}

void embeddingAnyBackward(const Arguments& arguments) {
  return arguments.flag("sparse") ? embeddingSparseBackward(arguments) : embeddingBackward(arguments);
}

// Where bags start: the kernels read the indices between two of them.
void embeddingBag(const Arguments& arguments) {
  arguments.values("offsets", 0, arguments.tensor("indices").numel());
  arguments.nonDecreasing("offsets");
  // The public operator makes other tensors contiguous, not zero tensors of autograd's.
  for (const char* name : {"indices", "offsets"})
    if (arguments.tensor(name)._is_zerotensor()) arguments.contiguous(name);
}

void embeddingBagInside(const Arguments& arguments) {
  for (const char* name : {"indices", "offsets"}) arguments.contiguous(name);
  embeddingBag(arguments);
}

}  // namespace

std::vector<Guard> embeddingGuards() {
  return {
      {"embedding_dense_backward", "a gradient of the indices' shape and one dimension more; counted indices within the table",
       embeddingBackward},
      {"embedding_sparse_backward", "indices within the table", embeddingSparseBackward},
      {"embedding_backward", "as embedding_sparse_backward or embedding_dense_backward, whichever it calls", embeddingAnyBackward},
      {"embedding_bag", "offsets from 0 to the number of indices that do not decrease", embeddingBag},
      {"_embedding_bag _embedding_bag_forward_only", "contiguous indices; contiguous offsets from 0 to their number that do not decrease",
       embeddingBagInside},
      {"_embedding_bag_backward _embedding_bag_dense_backward _embedding_bag_sparse_backward",
       "indices within the table, bags within the gradient", embeddingBagBackward},
      {"_embedding_bag_per_sample_weights_backward", "indices within the table, bags within the gradient", bagWeightsBackward},
  };
}

}  // namespace dgsam
