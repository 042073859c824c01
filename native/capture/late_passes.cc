#include "late_passes.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>

#include "../gradients.h"
#include "run.h"

namespace dgsam::capture {
namespace {

void noteMean(const std::vector<at::Tensor>& losses, const at::Tensor& ledger, int64_t at) {
  using Note = void(at::TensorList, at::Tensor, int64_t);
  static const auto note = c10::Dispatcher::singleton().findSchemaOrThrow("dgsam::note_", "").typed<Note>();
  note.call(losses, ledger, at);
}

void noteGradient(at::TensorList parameters, const at::Tensor& ledger, int64_t at) {
  using Gather = int64_t(at::TensorList, at::TensorList, at::TensorList, double, double, at::Tensor, int64_t, std::optional<at::TensorList>, std::optional<at::Tensor>);
  static const auto gather = c10::Dispatcher::singleton().findSchemaOrThrow("dgsam::gather_", "late").typed<Gather>();
  // Without anything to gather it only reads.
  gather.call(parameters, {}, {}, 0, 1, ledger, at, std::nullopt, std::nullopt);
}

class Notes {
 public:
  Notes(at::TensorList parameters, const at::Tensor& ledger) : parameters_(parameters), ledger_(ledger) {}

  void loss(const LatePass& pass, const Run& run) {
    losses_.push_back(run.loss());
    if (pass.loss == 0) return;
    noteMean(losses_, ledger_, pass.loss);
    losses_.clear();
  }

  void gradient(const LatePass& pass) {
    if (pass.gradient != 0) noteGradient(parameters_, ledger_, pass.gradient);
  }

 private:
  const at::TensorList parameters_;
  const at::Tensor& ledger_;
  std::vector<at::Tensor> losses_;
};

Run runOf(const LatePass& pass) { return Run(*pass.program, pass.inputs, false, true); }

// By the same calls as lib/optim/sharpness makes where the losses are no captured functions', so that the bits are the same.
void differentiateByVarianceLate(const std::vector<LatePass>& passes, double lambda, Notes& notes) {
  std::vector<Run> runs;
  std::vector<at::Tensor> losses;
  for (const LatePass& pass : passes) {
    runs.push_back(runOf(pass));
    runs.back().forward();
    runs.back().noteVersions();
    notes.loss(pass, runs.back());
    losses.push_back(at::stack({runs.back().loss().reshape({}).to(at::kDouble)}).mean());
  }
  const at::Tensor mean = at::stack(losses).mean();
  for (size_t i = 0; i < runs.size(); ++i) {
    runs[i].checkVersions();
    const at::Tensor weight = at::rsub((losses[i] - mean) * (2 * lambda), 1) / static_cast<double>(runs.size());
    const at::Tensor seed = scalarLike(runs[i].loss(), passes[i].weight);
    runs[i].backward(seed * weight.to(seed.scalar_type()));
    runs[i].end();
    notes.gradient(passes[i]);
  }
}

}  // namespace

void differentiateLate(const std::vector<LatePass>& passes, std::optional<double> lambda, at::TensorList parameters, const at::Tensor& ledger) {
  const at::NoGradGuard noGrad;
  Notes notes(parameters, ledger);
  if (lambda.has_value()) return differentiateByVarianceLate(passes, *lambda, notes);
  for (const LatePass& pass : passes) {
    Run run = runOf(pass);
    run.forward();
    notes.loss(pass, run);
    run.backward(scalarLike(run.loss(), pass.weight));
    run.end();
    notes.gradient(pass);
  }
}

}  // namespace dgsam::capture
