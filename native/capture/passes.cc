#include "passes.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/utils/grad_layout_contract.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <cmath>

#include "../gradients.h"
#include "light.h"
#include "threads.h"

namespace dgsam::capture {
namespace {

bool isPlainMemory(const at::Tensor& tensor) {
  return tensor.is_cpu() && tensor.layout() == at::kStrided && tensor.is_contiguous() && !tensor.is_neg() && !tensor._is_zerotensor() &&
         !tensor.requires_grad() && !tensor.is_inference();
}

// What add_() does with so many elements takes longer to begin than to do.
constexpr int64_t kFewElements = 32'768;

// to <- to + from
void addTo(const at::Tensor& to, const at::Tensor& from) {
  const bool isPlain = to.numel() <= kFewElements && to.scalar_type() == at::kFloat && from.scalar_type() == at::kFloat && isPlainMemory(to) && isPlainMemory(from);
  if (!isPlain) {
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
void accumulate(const at::Tensor& variable, const at::Tensor& gradient, bool own) {
  at::Tensor& held = variable.mutable_grad();
  if (held.defined())
    addTo(held, gradient);
  else if (own && torch::autograd::utils::obeys_layout_contract(gradient, variable))
    // Its own tensor: whoever has it may change its shape, and its version counts from the beginning.
    held = aliasOf(gradient);
  else
    held = torch::autograd::utils::clone_obey_contract(gradient, variable);
}

// A pass under way.
class Run {
 public:
  Run(const Pass& pass, bool lightly) : pass_(&pass), lightly_(lightly), frame_(pass.program->begin(pass.inputs)) {}

  // Returns the loss. A light program can be run in parts, which together give the same.
  double forward(Part part = Part::All) {
    if (lightly_)
      program().runForwardLightly(*frame_, part);
    else
      program().runForward(*frame_);
    const at::Tensor& loss = (*frame_)[program().tape().outputs[0]];
    value_ = valueOf(loss);
    return value_;
  }

  void backward(double weight, Part part = Part::All) {
    const at::Tensor seed = scalarLike((*frame_)[program().tape().outputs[0]], weight);
    if (lightly_)
      program().runBackwardLightly(*frame_, seed, part);
    else
      gradients_ = program().runBackward(*frame_, {seed});
  }

  // Adds the gradients to `grad` and gives the frame back for the next run.
  void end() {
    if (lightly_) gradients_ = program().gradients(*frame_);
    const std::vector<at::Tensor> leaves = program().leaves(pass_->inputs);
    for (size_t i = 0; i < leaves.size(); ++i)
      if (gradients_[i].defined()) accumulate(leaves[i], gradients_[i], program().isOwnGradient(i));
    program().end(std::move(frame_), lightly_);
  }

  double value() const { return value_; }

  // Between the forward and the backward pass others may have written to what the latter reads.
  void noteVersions() { versions_ = versions(); }
  void checkVersions() const {
    TORCH_CHECK(versions() == versions_, "one of the variables needed for gradient computation has been modified by an inplace operation since the captured "
                                         "function was called");
  }

 private:
  std::vector<uint32_t> versions() const {
    std::vector<uint32_t> result;
    for (Slot slot : program().readByBackward()) result.push_back((*frame_)[slot].is_inference() ? 0 : (*frame_)[slot]._version());
    return result;
  }

  Program& program() const { return *pass_->program; }

  const Pass* pass_;
  bool lightly_;
  std::unique_ptr<Frame> frame_;
  double value_ = 0;
  std::vector<uint32_t> versions_;
  std::vector<at::Tensor> gradients_;
};

// Whether a pass is worth being run with care for threads. In less than full precision oneDNN multiplies matrices.
bool runsLightly(const Pass& pass) {
  if (!pass.program->isLight()) return false;
  if (at::globalContext().float32MatmulPrecision() != at::Float32MatmulPrecision::HIGHEST) return false;
  if (pass.tries) pass.program->prepare(pass.inputs);
  return pass.program->isPrepared();
}

// Sums what passes gave, in their order.
class Sum {
 public:
  Sum(const std::vector<Pass>& passes, at::TensorList parameters) : passes_(passes), parameters_(parameters) {}

  // Notes the next loss. Returns false where it ends the step.
  bool note(double loss) {
    const size_t pass = summed_.losses.size();
    summed_.losses.push_back(loss);
    if (!std::isfinite(loss)) summed_.stop = Stop{pass, true, loss};
    return std::isfinite(loss);
  }

  bool add(size_t pass, Run& run) {
    run.end();
    const double norm = passes_[pass].looks ? gradientNorm(parameters_) : 0;
    if (!std::isfinite(norm)) summed_.stop = Stop{pass, false, norm};
    return std::isfinite(norm);
  }

  const Summed& result() const { return summed_; }

 private:
  const std::vector<Pass>& passes_;
  const at::TensorList parameters_;
  Summed summed_;
};

Summed differentiateInTurn(const std::vector<Pass>& passes, at::TensorList parameters) {
  Sum sum(passes, parameters);
  for (size_t i = 0; i < passes.size(); ++i) {
    Run run(passes[i], runsLightly(passes[i]));
    if (!sum.note(run.forward())) break;
    run.backward(passes[i].weight);
    if (!sum.add(i, run)) break;
  }
  return sum.result();
}

Summed differentiateTogether(const std::vector<Pass>& passes, at::TensorList parameters) {
  std::vector<Run> runs;
  for (const Pass& pass : passes) runs.emplace_back(pass, true);
  sideBySide(runs.size(), [&](size_t i) {
    if (std::isfinite(runs[i].forward(Part::Sooner))) runs[i].backward(passes[i].weight, Part::Sooner);
  });
  Sum sum(passes, parameters);
  for (size_t i = 0; i < runs.size(); ++i) {
    if (!sum.note(runs[i].value())) break;
    runs[i].backward(passes[i].weight, Part::Later);
    if (!sum.add(i, runs[i])) break;
  }
  return sum.result();
}

}  // namespace

bool givesLoss(const Program& program, const std::vector<at::Tensor>& inputs) {
  const Tape& tape = program.tape();
  if (tape.outputs.size() != 1 || tape.differentiable.size() != 1 || !program.isRealNumber(0)) return false;
  // From inputs with a history gradients would have to flow on.
  return std::all_of(tape.leaves.begin(), tape.leaves.end(), [&](const Leaf& leaf) { return !leaf.input.has_value() || inputs[*leaf.input].is_leaf(); });
}

Summed differentiate(const std::vector<Pass>& passes, at::TensorList parameters) {
  const at::NoGradGuard noGrad;
  const bool together = passes.size() > 1 && std::all_of(passes.begin(), passes.end(), [](const Pass& pass) { return runsLightly(pass) && pass.program->separates(); });
  return together ? differentiateTogether(passes, parameters) : differentiateInTurn(passes, parameters);
}

Summed differentiateByVariance(const std::vector<Pass>& passes, double lambda, at::TensorList parameters) {
  const at::NoGradGuard noGrad;
  Sum sum(passes, parameters);
  std::vector<Run> runs;
  double mean = 0;
  for (const Pass& pass : passes) {
    runs.emplace_back(pass, runsLightly(pass));
    if (!sum.note(runs.back().forward())) return sum.result();
    runs.back().noteVersions();
    mean += runs.back().value();
  }
  const auto count = static_cast<double>(runs.size());
  mean /= count;
  for (size_t i = 0; i < runs.size(); ++i) {
    runs[i].checkVersions();
    runs[i].backward((1 - 2 * lambda * (runs[i].value() - mean)) / count * passes[i].weight);
    if (!sum.add(i, runs[i])) break;
  }
  return sum.result();
}

}  // namespace dgsam::capture
