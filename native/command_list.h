// What a training step of captured functions is made of: passes over programs, and operators between them and after. Read as a whole
// before any of it is done.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "capture/late_passes.h"
#include "capture/passes.h"
#include "operator_call.h"

namespace dgsam {

// The gradients of some losses at the parameters as they are then, in the place of older ones.
struct PassesCommand {
  std::vector<capture::Pass> passes;
  // DISAM's lambda, or none.
  std::optional<double> lambda;
};

// The same where nothing is waited for.
struct LatePassesCommand {
  at::Tensor ledger;
  std::vector<capture::LatePass> passes;
  std::optional<double> lambda;
};

// An operator whose results are numbers, or tensors that it was given.
struct OperatorCommand {
  OperatorCall call;
  std::vector<c10::IValue> stack;
  // So many of its results, from the first, must be finite, or the commands end there.
  size_t finite;
};

using Command = std::variant<PassesCommand, LatePassesCommand, OperatorCommand>;

class CommandList {
 public:
  // Frame: parameters, the number of commands, the commands, each with its kind before it.
  CommandList(Environment& environment, FrameReader& reader);

  // Yes: every program does for its inputs, and reaches all parameters that require gradients. Unreached: one of these it does not.
  enum class Fit { Yes, No, Unreached };
  Fit fits() const;

  // Runs the commands, up to one that ends them. What each tells: of passes the number of losses, the losses, why they ended (0: they did not,
  // 1: a loss, 2: the gradients were not finite), after which of them, and that number; of late passes nothing; of an operator the number of
  // results and the results. When one throws, what those before it told is there.
  void run(Environment& environment);
  // How many were done, the one where they ended with it, and what they told.
  void tell(FrameWriter& writer) const;

  const std::vector<at::Tensor>& parameters() const { return parameters_; }
  const std::vector<Command>& commands() const { return commands_; }
  std::vector<Command>& commands() { return commands_; }

 private:
  std::vector<at::Tensor> parameters_;
  std::vector<Command> commands_;
  size_t done_ = 0;
  std::vector<double> told_;
};

}  // namespace dgsam
