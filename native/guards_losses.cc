#include <c10/util/StringUtil.h>

#include <algorithm>

#include "guard_rooms.h"

namespace dgsam {
namespace {

// Every target that is read is a class: all of a flat tensor, as many of each row as its length says.
void ctcTargets(const Arguments& arguments) {
  const at::Tensor logProbs = arguments.tensor("log_probs");
  const at::Tensor targets = arguments.numbers("targets");
  if (logProbs.dim() == 0 || !targets.defined() || targets.dim() == 0 || targets.dim() > 2) return;  // the operator says so itself
  std::vector<int64_t> lengths = {targets.numel()};
  if (targets.dim() == 2) {
    lengths = arguments.integers("target_lengths");
    if (const at::Tensor tensor = arguments.numbers("target_lengths"); tensor.defined())
      lengths.assign(tensor.const_data_ptr<int64_t>(), tensor.const_data_ptr<int64_t>() + tensor.numel());
  }
  const int64_t classes = logProbs.size(-1);
  const int64_t rows = targets.dim() == 2 ? targets.size(0) : 1;
  const int64_t* row = targets.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < std::min<int64_t>(rows, lengths.size()); ++i, row += targets.size(-1))
    for (int64_t j = 0; j < std::min(lengths[i], targets.size(-1)); ++j)
      if (row[j] < 0 || row[j] >= classes)
        arguments.refuse("ERR_ARGUMENT", "targets", c10::str("expected values from 0 to ", classes - 1, ", got ", row[j]));
}

// log_alpha is [batch, time, 2 * longest target + 1], or shares its layout with what _ctc_loss gave.
void ctcBackward(const Arguments& arguments) {
  arguments.dims("log_probs", 3);
  const at::Tensor logProbs = arguments.tensor("log_probs");
  const int64_t time = logProbs.size(0);
  const int64_t batch = logProbs.size(1);
  const at::Tensor targets = arguments.tensor("targets");
  arguments.between("blank", 0, logProbs.size(2) - 1);
  ctcTargets(arguments);
  for (const char* name : {"grad", "neg_log_likelihood"}) arguments.numel(name, batch);
  arguments.sameDtype({"log_probs", "neg_log_likelihood", "log_alpha", "grad"});
  const auto lengths = [&](const char* name, int64_t longest) {
    std::vector<int64_t> values = arguments.integers(name);
    if (const at::Tensor tensor = arguments.tensor(name); tensor.defined()) {
      arguments.values(name, 0, longest);
      const at::Tensor flat = arguments.numbers(name);
      if (flat.defined()) values.assign(flat.const_data_ptr<int64_t>(), flat.const_data_ptr<int64_t>() + flat.numel());
    }
    if (static_cast<int64_t>(values.size()) != batch)
      arguments.refuse("ERR_SHAPE", name, c10::str("expected ", batch, " lengths, got ", values.size()));
    for (const int64_t each : values)
      if (each < 0 || each > longest) arguments.refuse("ERR_ARGUMENT", name, c10::str("expected lengths from 0 to ", longest, ", got ", each));
    return values;
  };
  lengths("input_lengths", time);
  const bool flat = targets.dim() == 1;
  arguments.expect(flat || (targets.dim() == 2 && targets.size(0) == batch), "ERR_SHAPE", "targets",
                   c10::str("one dimension, or shape [", batch, ", longest target], got ", describe(targets)));
  const std::vector<int64_t> targetLengths = lengths("target_lengths", flat ? targets.numel() : targets.size(1));
  int64_t total = 0;
  int64_t longest = 0;
  for (const int64_t each : targetLengths) {
    total += each;
    longest = std::max(longest, each);
  }
  if (flat) arguments.numel("targets", total);
  const at::Tensor alpha = arguments.tensor("log_alpha");
  if (alpha.dim() != 3 || alpha.size(0) != batch || alpha.size(1) < time || alpha.size(2) < 2 * longest + 1)
    arguments.refuse("ERR_SHAPE", "log_alpha", c10::str("expected shape [", batch, ", ", time, ", ", 2 * longest + 1, "], got ", describe(alpha)));
}

// Integers are divided by `beta` as integers, where it may be 0.
void floatingLoss(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  arguments.expect(self.is_floating_point() || self.is_complex(), "ERR_DTYPE", "self", "a floating-point dtype, got " + describe(self));
}

void logSoftmaxBackward(const Arguments& arguments) {
  arguments.sameSizes({"grad_output", "output"});
  arguments.dimension("dim", arguments.tensor("output").dim());
}

// The gradient of a loss: one number, or one for each row where they were not reduced.
void lossGradient(const Arguments& arguments, int64_t rows) {
  if (arguments.integer("reduction") == 0) return arguments.numel("grad_output", rows);
  const at::Tensor grad = arguments.tensor("grad_output");
  arguments.expect(grad.numel() > 0, "ERR_SHAPE", "grad_output", "one element, got " + describe(grad));
}

void crossEntropyTarget(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  const int64_t classes = self.dim() == 0 ? 1 : self.size(-1);
  arguments.expect(self.dim() <= 2 && classes > 0, "ERR_SHAPE", "self", "one row or more of at least one class, got " + describe(self));
  const int64_t rows = self.numel() / classes;
  arguments.numel("target", rows);
  arguments.numel("weight", classes);
  arguments.values("target", 0, classes - 1);
  lossGradient(arguments, rows);
}

void multilabelBackward(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  arguments.expect(self.dim() <= 2 && self.numel() > 0, "ERR_SHAPE", "self", "one row or more of at least one class, got " + describe(self));
  const int64_t classes = self.dim() == 0 ? 1 : self.size(-1);
  for (const char* name : {"target", "is_target"}) arguments.numel(name, self.numel());
  arguments.dtype("target", at::kLong);
  arguments.values("target", -1, classes - 1);
  lossGradient(arguments, self.numel() / classes);
}

}  // namespace

std::vector<Guard> lossGuards() {
  return {
      {"ctc_loss _ctc_loss", "targets within the classes", ctcTargets},
      {"_ctc_loss_backward", "lengths, targets and states as _ctc_loss took and gave them", ctcBackward},
      {"smooth_l1_loss_backward", "a floating-point input", floatingLoss},
      {"_log_softmax_backward_data", "a gradient of the output's shape", logSoftmaxBackward},
      {"multi_margin_loss_backward", "a target for each row, within the classes", crossEntropyTarget},
      {"multilabel_margin_loss_backward", "targets of the input's shape, within the classes or -1", multilabelBackward},
  };
}

}  // namespace dgsam
