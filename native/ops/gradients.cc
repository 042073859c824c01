#include "gradients.h"

#include <ATen/Functions.h>
#include <ATen/MemoryOverlap.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <limits>
#include <unordered_map>
#include <vector>

#include "climb.h"
#include "composite.h"
#include "ledger.h"
#include "rows.h"

namespace dgsam::ops {
namespace {

// Added to the norm that the largest allowed one is divided by, as torch.nn.utils.clip_grad_norm_ does.
constexpr double kClipEpsilon = 1e-6;

// The parameters that have a gradient. Throws before anything is changed.
std::vector<at::Tensor> withGradient(const char* name, at::TensorList params) {
  std::vector<at::Tensor> result;
  result.reserve(params.size());
  for (size_t i = 0; i < params.size(); ++i) {
    TORCH_CHECK(params[i].defined(), "dgsam::", name, ": params[", i, "] is undefined");
    if (!params[i].grad().defined()) continue;
    checkFloating(name, "gradients of params", i, params[i].grad());
    result.push_back(params[i]);
  }
  return result;
}

at::Tensor asReal(const at::Tensor& tensor) {
  if (!tensor.is_complex()) return tensor;
  return at::view_as_real(tensor.is_conj() ? tensor.conj() : tensor);
}

// The gradient itself, or a copy that takes its place where elements share memory or do not lie there as they are.
at::Tensor writableGradient(const at::Tensor& param) {
  at::Tensor& grad = param.mutable_grad();
  if (at::has_internal_overlap(grad) == at::MemOverlap::Yes || grad.is_neg() || grad.is_conj() || grad._is_zerotensor())
    grad = at::empty_like(grad, grad.options(), at::MemoryFormat::Contiguous).copy_(grad);
  return grad;
}

// All gradients to be changed, each once. Where a copy takes the place of one that several parameters share, it does in all.
std::vector<at::Tensor> writableGradients(const std::vector<at::Tensor>& params) {
  std::vector<at::Tensor> result;
  result.reserve(params.size());
  std::unordered_map<const at::TensorImpl*, at::Tensor> seen;
  for (const at::Tensor& param : params) {
    const at::TensorImpl* const shared = param.grad().unsafeGetTensorImpl();
    const auto known = seen.find(shared);
    if (known == seen.end())
      seen.emplace(shared, result.emplace_back(writableGradient(param)));
    else
      param.mutable_grad() = known->second;
  }
  return result;
}

double twoNorm(const std::vector<at::Tensor>& params) {
  OptionalTensors gradients;
  gradients.reserve(params.size());
  for (const at::Tensor& param : params) gradients.push_back(asReal(param.grad()));
  return globalNorm(gradients).item<double>();
}

double normOf(const std::vector<at::Tensor>& params, double type) {
  if (type == 2) return twoNorm(params);
  std::vector<at::Tensor> norms;
  for (const at::Tensor& param : params) {
    const at::Tensor& grad = param.grad();
    if (grad.numel() == 0) continue;
    std::optional<at::ScalarType> dtype;
    // The greatest magnitude of real numbers is exact in any dtype.
    if (grad.is_complex())
      dtype = at::kComplexDouble;
    else if (!std::isinf(type))
      dtype = at::kDouble;
    const at::Tensor norm = at::linalg_vector_norm(grad, type, std::nullopt, false, dtype).to(at::kDouble);
    norms.push_back(norms.empty() ? norm : norm.to(norms.front().device()));
  }
  return norms.empty() ? 0 : at::linalg_vector_norm(at::stack(norms), type).item<double>();
}

void checkOrder(const char* name, double normType) {
  TORCH_CHECK_VALUE(normType > 0, "dgsam::", name, ": norm_type: expected a positive number or infinity, got ", normType);
}

double largestOf(at::ScalarType type) {
  switch (type) {
    case at::kHalf:
      return std::numeric_limits<c10::Half>::max();
    case at::kBFloat16:
      return std::numeric_limits<c10::BFloat16>::max();
    case at::kFloat:
      return std::numeric_limits<float>::max();
    default:
      return std::numeric_limits<double>::max();
  }
}

// What LibTorch's kernel takes in one call.
struct Batch {
  std::vector<at::Tensor> grads;
  bool takes(const at::Tensor& grad) const {
    return grads.front().device() == grad.device() && grads.front().scalar_type() == grad.scalar_type();
  }
};

std::vector<Batch> batchesOf(const std::vector<at::Tensor>& grads) {
  std::vector<Batch> batches;
  for (const at::Tensor& each : grads) {
    const at::Tensor grad = asReal(each);
    Batch* batch = nullptr;
    for (Batch& candidate : batches)
      if (candidate.takes(grad)) batch = &candidate;
    if (batch == nullptr) batch = &batches.emplace_back();
    batch->grads.push_back(grad);
  }
  return batches;
}

// g <- g * factor in float32 for 16-bit numbers, rounded once; foundInf becomes 1 when a gradient is not finite.
void unscale(std::vector<at::Tensor>& grads, at::Tensor& foundInf, const at::Tensor& factor) {
  at::_amp_foreach_non_finite_check_and_unscale_(grads, foundInf, factor);
  // LibTorch's kernel changes data without telling autograd.
  for (const at::Tensor& grad : grads) bump(grad);
}

void scale(const std::vector<at::Tensor>& grads, double factor) {
  for (Batch& batch : batchesOf(grads)) {
    const at::Tensor& first = batch.grads.front();
    if (at::isReducedFloatingType(first.scalar_type())) {
      // mul_ would round the factor to 16 bits, too.
      const at::TensorOptions scalar = first.options().dtype(at::kFloat);
      at::Tensor ignored = at::zeros({}, scalar);
      unscale(batch.grads, ignored, at::full({}, factor, scalar));
    } else {
      at::_foreach_mul_(batch.grads, factor);
    }
  }
}

// The same with a factor that only its device knows, a float64 scalar.
void scale(const std::vector<at::Tensor>& grads, const at::Tensor& factor) {
  for (Batch& batch : batchesOf(grads)) {
    const at::Tensor& first = batch.grads.front();
    if (at::isReducedFloatingType(first.scalar_type())) {
      const at::TensorOptions scalar = first.options().dtype(at::kFloat);
      at::Tensor ignored = at::zeros({}, scalar);
      unscale(batch.grads, ignored, factor.to(scalar));
    } else {
      at::_foreach_mul_(batch.grads, factor.to(first.options()));
    }
  }
}

}  // namespace

double gradNorm(at::TensorList params, double normType) {
  const at::NoGradGuard noGrad;
  checkOrder("grad_norm", normType);
  return normOf(withGradient("grad_norm", params), normType);
}

double clipGradNorm(at::TensorList params, double maxNorm, double normType, bool skipNonfinite) {
  const at::NoGradGuard noGrad;
  checkOrder("clip_grad_norm_", normType);
  const std::vector<at::Tensor> clipped = withGradient("clip_grad_norm_", params);
  const double norm = normOf(clipped, normType);
  if (skipNonfinite && !std::isfinite(norm)) return norm;
  const double coefficient = maxNorm / (norm + kClipEpsilon);
  // Written so that a NaN goes on into the gradients, as in PyTorch.
  if (coefficient >= 1) return norm;
  scale(writableGradients(clipped), coefficient);
  return norm;
}

int64_t clipGradNormLate(at::TensorList params, double maxNorm, at::Tensor ledger, int64_t at) {
  const at::NoGradGuard noGrad;
  const Ledger noted("clip_grad_norm_", ledger, at, 1);
  const std::vector<at::Tensor> clipped = withGradient("clip_grad_norm_", params);
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& param : clipped) gradients.push_back(param.grad());
  const at::Tensor norm = composite::norm(gradients, ledger.device());
  noted.note(at, norm);
  scale(writableGradients(clipped), (maxNorm / (norm + kClipEpsilon)).clamp_max(1));
  return static_cast<int64_t>(clipped.size());
}

void clipGradValue(at::TensorList params, double clipValue) {
  const at::NoGradGuard noGrad;
  const std::vector<at::Tensor> clipped = withGradient("clip_grad_value_", params);
  for (const at::Tensor& param : clipped)
    TORCH_CHECK_TYPE(!param.grad().is_complex(), "dgsam::clip_grad_value_: expected gradients of a real dtype, since complex numbers have no order, got ",
                     param.grad().scalar_type());
  for (Batch& batch : batchesOf(writableGradients(clipped))) {
    const at::Tensor& first = batch.grads.front();
    // LibTorch refuses a bound that the dtype cannot hold. In the dtype it is infinity, and bounds nothing.
    if (clipValue > largestOf(first.scalar_type())) continue;
    if (first.is_cpu()) {
      // Once over each, where launches cost nothing.
      for (at::Tensor& grad : batch.grads) grad.clamp_(-clipValue, clipValue);
    } else {
      at::_foreach_clamp_min_(batch.grads, -clipValue);
      at::_foreach_clamp_max_(batch.grads, clipValue);
    }
  }
}

int64_t unscaleGrad(at::TensorList params, at::Tensor foundInf, const at::Tensor& inverseScale) {
  const at::NoGradGuard noGrad;
  const std::vector<at::Tensor> unscaled = withGradient("unscale_grad_", params);
  for (Batch& batch : batchesOf(writableGradients(unscaled))) {
    const at::Device device = batch.grads.front().device();
    at::Tensor found = device == foundInf.device() ? foundInf : at::zeros({}, foundInf.options().device(device));
    unscale(batch.grads, found, inverseScale.to(device));
    if (!found.is_same(foundInf)) foundInf.copy_(at::maximum(foundInf, found.to(foundInf.device())));
  }
  return static_cast<int64_t>(unscaled.size());
}

}  // namespace dgsam::ops
