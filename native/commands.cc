#include "commands.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <variant>

#include "capture/passes.h"
#include "capture/recorder.h"
#include "capture/threads.h"
#include "operator_call.h"

namespace dgsam {
namespace {

using capture::Pass;
using capture::Program;

// The numbers are a contract with lib/tensor/capture/commands.ts.
enum class CommandKind { Passes = 0, Operator = 1 };

// The gradients of some losses at the parameters as they are then, in the place of older ones.
struct PassesCommand {
  std::vector<Pass> passes;
  // DISAM's lambda, or none.
  std::optional<double> lambda;
};

// An operator whose results are numbers.
struct OperatorCommand {
  OperatorCall call;
  std::vector<c10::IValue> stack;
  // So many of its results, from the first, must be finite, or the commands end there.
  size_t finite;
};

using Command = std::variant<PassesCommand, OperatorCommand>;

size_t count(FrameReader& reader) {
  const double number = reader.number();
  if (!(number >= 0 && number < 1e6)) throw UsageError("ERR_ARGUMENT", "expected a count");
  return static_cast<size_t>(number);
}

// Frame: whether there is a lambda, lambda, the number of passes; of each its program, its inputs, its weight, whether to look.
PassesCommand readPasses(Environment& environment, FrameReader& reader) {
  environment.subject = nullptr;
  PassesCommand command;
  const bool weighs = reader.number() != 0;
  const double lambda = reader.number();
  if (weighs) command.lambda = lambda;
  const size_t passes = count(reader);
  for (size_t i = 0; i < passes; ++i) {
    Pass& pass = command.passes.emplace_back(Pass{environment.programs.at(reader.number()), reader.tensors(), 1});
    pass.weight = reader.number();
    pass.looks = reader.number() != 0;
  }
  return command;
}

OperatorCommand readOperator(Environment& environment, FrameReader& reader) {
  const size_t finite = count(reader);
  std::vector<c10::IValue> stack;
  OperatorCall call(environment, reader, stack);
  return {std::move(call), std::move(stack), finite};
}

bool fits(const PassesCommand& command, at::TensorList parameters) {
  return std::all_of(command.passes.begin(), command.passes.end(), [&](const Pass& pass) {
    return pass.program->fits(pass.inputs) == Program::Fit::Yes && capture::givesLoss(*pass.program, pass.inputs) && pass.program->reaches(parameters, pass.inputs);
  });
}

// Whether it has no programs but small ones.
bool isLight(const Command& command) {
  const auto* passes = std::get_if<PassesCommand>(&command);
  return passes == nullptr || std::all_of(passes->passes.begin(), passes->passes.end(), [](const Pass& pass) { return pass.program->isLight(); });
}

// What one command tells. Whether the next one follows.
bool run(Environment& environment, PassesCommand& command, const std::vector<at::Tensor>& parameters, std::vector<double>& told) {
  for (const at::Tensor& parameter : parameters) parameter.mutable_grad().reset();
  environment.subject = nullptr;
  try {
    const capture::Summed summed = command.lambda.has_value() ? capture::differentiateByVariance(command.passes, *command.lambda, parameters)
                                                              : capture::differentiate(command.passes, parameters);
    told.push_back(static_cast<double>(summed.losses.size()));
    told.insert(told.end(), summed.losses.begin(), summed.losses.end());
    told.push_back(!summed.stop.has_value() ? 0 : summed.stop->isLoss ? 1 : 2);
    told.push_back(summed.stop.has_value() ? static_cast<double>(summed.stop->pass) : 0);
    told.push_back(summed.stop.has_value() ? summed.stop->value : 0);
    return !summed.stop.has_value();
  } catch (...) {
    for (const Pass& pass : command.passes)
      if (environment.subject == nullptr) environment.subject = pass.program->failed();
    throw;
  }
}

bool run(Environment& environment, OperatorCommand& command, const std::vector<at::Tensor>&, std::vector<double>& told) {
  environment.subject = &command.call.bound().name;
  command.call.run(command.stack);
  told.push_back(static_cast<double>(command.stack.size()));
  bool finite = true;
  for (size_t i = 0; i < command.stack.size(); ++i) {
    const c10::IValue& value = command.stack[i];
    TORCH_CHECK(value.isDouble() || value.isInt(), "expected an operator whose results are numbers");
    told.push_back(value.isDouble() ? value.toDouble() : static_cast<double>(value.toInt()));
    finite = finite && (i >= command.finite || std::isfinite(told.back()));
  }
  return finite;
}

std::vector<Command> readCommands(Environment& environment, FrameReader& reader) {
  std::vector<Command> commands;
  const size_t length = count(reader);
  for (size_t i = 0; i < length; ++i) {
    if (reader.number() == static_cast<double>(CommandKind::Passes))
      commands.emplace_back(readPasses(environment, reader));
    else
      commands.emplace_back(readOperator(environment, reader));
  }
  return commands;
}

// Frame: parameters, the number of commands, the commands, each with its kind before it -> how many of them were done, the one
// where they ended with it, and what each tells: of passes the number of losses, the losses, why they ended (0: they did not,
// 1: a loss, 2: the gradients were not finite), after which of them, and that number; of an operator the number of results and
// the results. Or -1 when a program does not fit: nothing is done then.
//
// All is read before the first command runs. When one throws, what is told of those before it is in the frame; it is never
// longer than the commands were.
void runCommands(Environment& environment, FrameReader& reader, FrameWriter& writer) {
  std::vector<at::Tensor> parameters;
  std::vector<Command> commands;
  try {
    capture::refuseRecording("it takes a training step");
    parameters = reader.tensors();
    commands = readCommands(environment, reader);
  } catch (...) {
    writer.number(0);
    throw;
  }
  // Losses have a history, whoever takes the step.
  const at::AutoGradMode withHistory(true);
  const auto fit = [&](const Command& command) { return !std::holds_alternative<PassesCommand>(command) || fits(std::get<PassesCommand>(command), parameters); };
  if (!std::all_of(commands.begin(), commands.end(), fit)) return writer.number(-1);
  const at::NoGradGuard noGrad;
  // What small programs leave lies in this thread's caches.
  const bool isSmall = std::all_of(commands.begin(), commands.end(), isLight);
  std::vector<double> told;
  size_t done = 0;
  const auto tell = [&] {
    writer.number(static_cast<double>(done));
    for (double number : told) writer.number(number);
  };
  for (Command& command : commands) {
    const size_t before = told.size();
    bool goesOn;
    std::optional<capture::OneThread> alone;
    if (isSmall && std::holds_alternative<OperatorCommand>(command)) alone.emplace();
    try {
      goesOn = std::visit([&](auto& each) { return run(environment, each, parameters, told); }, command);
    } catch (...) {
      told.resize(before);
      tell();
      throw;
    }
    ++done;
    if (!goesOn) break;
  }
  tell();
}

}  // namespace

void registerCommands(Napi::Object exports, Environment& environment) { addEntry(exports, environment, "runCommands", guardedFrameEntry<runCommands>); }

}  // namespace dgsam
