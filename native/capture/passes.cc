#include "passes.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "../gradients.h"
#include "light.h"
#include "run.h"
#include "threads.h"

namespace dgsam::capture {
namespace {

// With its weight as the gradient that its loss comes with.
at::Tensor seedOf(const Run& run, double weight) { return scalarLike(run.loss(), weight); }

double forward(Run& run, Part part = Part::All) {
  run.forward(part);
  return run.read();
}

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
    Run run(*passes[i].program, passes[i].inputs, runsLightly(passes[i]));
    if (!sum.note(forward(run))) break;
    run.backward(seedOf(run, passes[i].weight));
    if (!sum.add(i, run)) break;
  }
  return sum.result();
}

Summed differentiateTogether(const std::vector<Pass>& passes, at::TensorList parameters) {
  std::vector<Run> runs;
  for (const Pass& pass : passes) runs.emplace_back(*pass.program, pass.inputs, true);
  sideBySide(runs.size(), [&](size_t i) {
    if (std::isfinite(forward(runs[i], Part::Sooner))) runs[i].backward(seedOf(runs[i], passes[i].weight), Part::Sooner);
  });
  Sum sum(passes, parameters);
  for (size_t i = 0; i < runs.size(); ++i) {
    if (!sum.note(runs[i].value())) break;
    runs[i].backward(seedOf(runs[i], passes[i].weight), Part::Later);
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
    runs.emplace_back(*pass.program, pass.inputs, runsLightly(pass));
    if (!sum.note(forward(runs.back()))) return sum.result();
    runs.back().noteVersions();
    mean += runs.back().value();
  }
  const auto count = static_cast<double>(runs.size());
  mean /= count;
  for (size_t i = 0; i < runs.size(); ++i) {
    runs[i].checkVersions();
    runs[i].backward(seedOf(runs[i], (1 - 2 * lambda * (runs[i].value() - mean)) / count * passes[i].weight));
    if (!sum.add(i, runs[i])) break;
  }
  return sum.result();
}

}  // namespace dgsam::capture
