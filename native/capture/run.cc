#include "run.h"

#include <ATen/Functions.h>
#include <torch/csrc/autograd/utils/grad_layout_contract.h>
#include <torch/csrc/autograd/variable.h>

#include "../gradients.h"

namespace dgsam::capture {
namespace {

bool isPlainMemory(const at::Tensor& tensor) {
  return tensor.is_cpu() && tensor.layout() == at::kStrided && tensor.is_contiguous() && !tensor.is_neg() && !tensor._is_zerotensor() &&
         !tensor.requires_grad() && !tensor.is_inference();
}

// What add_() does with so many elements takes longer to begin than to do.
constexpr int64_t kFewElements = 32'768;

// to <- to + from
void addTo(const at::Tensor& to, const at::Tensor& from, bool byCalls) {
  // Somebody may have given the gradient another shape: add_ says what is wrong then.
  const bool isPlain = to.sizes() == from.sizes() && to.numel() <= kFewElements && to.scalar_type() == at::kFloat && from.scalar_type() == at::kFloat && isPlainMemory(to) && isPlainMemory(from);
  if (byCalls || !isPlain) {
    to.add_(from);
    return;
  }
  const int64_t elements = to.numel();
  float* const sums = to.mutable_data_ptr<float>();
  const float* const summands = from.const_data_ptr<float>();
#pragma omp simd
  for (int64_t i = 0; i < elements; ++i) sums[i] += summands[i];
  to.unsafeGetTensorImpl()->bump_version();
}

// What AccumulateGrad does with a gradient outside of double differentiation. Of one that is `own` the variable may have the memory.
void accumulate(const at::Tensor& variable, const at::Tensor& gradient, bool own, bool byCalls) {
  at::Tensor& held = variable.mutable_grad();
  if (held.defined())
    addTo(held, gradient, byCalls);
  else if (own && torch::autograd::utils::obeys_layout_contract(gradient, variable))
    // Its own tensor: whoever has it may change its shape, and its version counts from the beginning.
    held = aliasOf(gradient);
  else
    held = torch::autograd::utils::clone_obey_contract(gradient, variable);
}

}  // namespace

Run::Run(Program& program, const std::vector<at::Tensor>& inputs, bool lightly, bool byCalls)
    : program_(&program), inputs_(&inputs), lightly_(lightly), byCalls_(byCalls), frame_(program.begin(inputs)) {}

void Run::forward(Part part) {
  if (lightly_)
    program_->runForwardLightly(*frame_, part);
  else
    program_->runForward(*frame_);
}

const at::Tensor& Run::loss() const { return (*frame_)[program_->tape().outputs[0]]; }

double Run::read() {
  value_ = valueOf(loss());
  return value_;
}

void Run::backward(const at::Tensor& seed, Part part) {
  if (lightly_)
    program_->runBackwardLightly(*frame_, seed, part);
  else
    gradients_ = program_->runBackward(*frame_, {seed});
}

void Run::end() {
  if (lightly_) gradients_ = program_->gradients(*frame_);
  const std::vector<at::Tensor> leaves = program_->leaves(*inputs_);
  for (size_t i = 0; i < leaves.size(); ++i)
    if (gradients_[i].defined()) accumulate(leaves[i], gradients_[i], program_->isOwnGradient(i), byCalls_);
  program_->end(std::move(frame_), lightly_);
}

void Run::checkVersions() const {
  TORCH_CHECK(versions() == versions_, "one of the variables needed for gradient computation has been modified by an inplace operation since the captured "
                                       "function was called");
}

std::vector<uint32_t> Run::versions() const {
  std::vector<uint32_t> result;
  for (Slot slot : program_->readByBackward()) result.push_back((*frame_)[slot].is_inference() ? 0 : (*frame_)[slot]._version());
  return result;
}

}  // namespace dgsam::capture
