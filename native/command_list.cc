#include "command_list.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "capture/threads.h"

namespace dgsam {
namespace {

using capture::LatePass;
using capture::Pass;
using capture::Program;

// The numbers are a contract with lib/tensor/capture/commands.ts.
enum class CommandKind { Passes = 0, Operator = 1, LatePasses = 2 };

size_t count(FrameReader& reader) {
  const double number = reader.number();
  if (!(number >= 0 && number < 1e6)) throw UsageError("ERR_ARGUMENT", "expected a count");
  return static_cast<size_t>(number);
}

// A place in a ledger, whose operators check it.
int64_t place(FrameReader& reader) {
  const double number = reader.number();
  if (!(number >= 0 && number < 1e9)) throw UsageError("ERR_ARGUMENT", "expected a place in a ledger");
  return static_cast<int64_t>(number);
}

// Frame: whether there is a lambda, lambda.
std::optional<double> readLambda(FrameReader& reader) {
  const bool weighs = reader.number() != 0;
  const double lambda = reader.number();
  return weighs ? std::optional(lambda) : std::nullopt;
}

// Frame: lambda, the number of passes; of each its program, its inputs, its weight, whether to look.
PassesCommand readPasses(Environment& environment, FrameReader& reader) {
  environment.subject = nullptr;
  PassesCommand command;
  command.lambda = readLambda(reader);
  const size_t passes = count(reader);
  for (size_t i = 0; i < passes; ++i) {
    Pass& pass = command.passes.emplace_back(Pass{environment.programs.at(reader.number()), reader.tensors(), 1});
    pass.weight = reader.number();
    pass.looks = reader.number() != 0;
  }
  return command;
}

// Frame: the ledger, lambda, the number of passes; of each its program, its inputs, its weight, the places of its numbers.
LatePassesCommand readLatePasses(Environment& environment, FrameReader& reader) {
  environment.subject = nullptr;
  LatePassesCommand command;
  command.ledger = reader.tensor();
  command.lambda = readLambda(reader);
  const size_t passes = count(reader);
  for (size_t i = 0; i < passes; ++i) {
    LatePass& pass = command.passes.emplace_back(LatePass{environment.programs.at(reader.number()), reader.tensors(), 1, 0, 0});
    pass.weight = reader.number();
    pass.loss = place(reader);
    pass.gradient = place(reader);
  }
  return command;
}

OperatorCommand readOperator(Environment& environment, FrameReader& reader) {
  const size_t finite = count(reader);
  std::vector<c10::IValue> stack;
  OperatorCall call(environment, reader, stack);
  return {std::move(call), std::move(stack), finite};
}

Command readCommand(Environment& environment, FrameReader& reader) {
  const double kind = reader.number();
  if (kind == static_cast<double>(CommandKind::Passes)) return readPasses(environment, reader);
  if (kind == static_cast<double>(CommandKind::LatePasses)) return readLatePasses(environment, reader);
  return readOperator(environment, reader);
}

using Fit = CommandList::Fit;

template <typename AnyPass>
Fit fit(const std::vector<AnyPass>& passes, at::TensorList parameters) {
  for (const AnyPass& pass : passes) {
    if (pass.program->fits(pass.inputs) != Program::Fit::Yes || !capture::givesLoss(*pass.program, pass.inputs)) return Fit::No;
    if (!pass.program->reaches(parameters, pass.inputs)) return Fit::Unreached;
  }
  return Fit::Yes;
}

Fit fits(const PassesCommand& command, at::TensorList parameters) { return fit(command.passes, parameters); }
Fit fits(const LatePassesCommand& command, at::TensorList parameters) { return fit(command.passes, parameters); }
Fit fits(const OperatorCommand&, at::TensorList) { return Fit::Yes; }

// Whether it has no programs but small ones.
bool isLight(const Command& command) {
  const auto* passes = std::get_if<PassesCommand>(&command);
  if (passes == nullptr) return std::holds_alternative<OperatorCommand>(command);
  return std::all_of(passes->passes.begin(), passes->passes.end(), [](const Pass& pass) { return pass.program->isLight(); });
}

// Says whose operator failed.
template <typename AnyPass, typename Body>
auto namingTheFailed(Environment& environment, const std::vector<AnyPass>& passes, Body body) {
  environment.subject = nullptr;
  try {
    return body();
  } catch (...) {
    for (const AnyPass& pass : passes)
      if (environment.subject == nullptr) environment.subject = pass.program->failed();
    throw;
  }
}

void forgetGradients(const std::vector<at::Tensor>& parameters) {
  for (const at::Tensor& parameter : parameters) parameter.mutable_grad().reset();
}

// What one command tells. Whether the next one follows.
bool run(Environment& environment, PassesCommand& command, const std::vector<at::Tensor>& parameters, std::vector<double>& told) {
  forgetGradients(parameters);
  const capture::Summed summed = namingTheFailed(environment, command.passes, [&] {
    return command.lambda.has_value() ? capture::differentiateByVariance(command.passes, *command.lambda, parameters)
                                      : capture::differentiate(command.passes, parameters);
  });
  told.push_back(static_cast<double>(summed.losses.size()));
  told.insert(told.end(), summed.losses.begin(), summed.losses.end());
  told.push_back(!summed.stop.has_value() ? 0 : summed.stop->isLoss ? 1 : 2);
  told.push_back(summed.stop.has_value() ? static_cast<double>(summed.stop->pass) : 0);
  told.push_back(summed.stop.has_value() ? summed.stop->value : 0);
  return !summed.stop.has_value();
}

bool run(Environment& environment, LatePassesCommand& command, const std::vector<at::Tensor>& parameters, std::vector<double>& told) {
  forgetGradients(parameters);
  namingTheFailed(environment, command.passes, [&] { capture::differentiateLate(command.passes, command.lambda, parameters, command.ledger); });
  told.push_back(0);
  return true;
}

bool run(Environment& environment, OperatorCommand& command, const std::vector<at::Tensor>&, std::vector<double>& told) {
  environment.subject = &command.call.bound().name;
  std::vector<c10::IValue>& stack = command.stack;
  command.call.run(stack);
  std::vector<double> numbers;
  bool finite = true;
  for (size_t i = 0; i < stack.size(); ++i) {
    const c10::IValue& value = stack[i];
    const c10::AliasInfo* const alias = command.call.bound().handle.schema().returns()[i].alias_info();
    if (value.isTensor() && alias != nullptr && alias->isWrite()) continue;
    TORCH_CHECK(value.isDouble() || value.isInt(), "expected an operator whose results are numbers");
    numbers.push_back(value.isDouble() ? value.toDouble() : static_cast<double>(value.toInt()));
    finite = finite && (i >= command.finite || std::isfinite(numbers.back()));
  }
  told.push_back(static_cast<double>(numbers.size()));
  told.insert(told.end(), numbers.begin(), numbers.end());
  return finite;
}

}  // namespace

CommandList::CommandList(Environment& environment, FrameReader& reader) : parameters_(reader.tensors()) {
  const size_t length = count(reader);
  for (size_t i = 0; i < length; ++i) commands_.push_back(readCommand(environment, reader));
}

CommandList::Fit CommandList::fits() const {
  for (const Command& command : commands_) {
    const Fit fit = std::visit([&](const auto& each) { return dgsam::fits(each, parameters_); }, command);
    if (fit != Fit::Yes) return fit;
  }
  return Fit::Yes;
}

void CommandList::run(Environment& environment) {
  const at::NoGradGuard noGrad;
  // What small programs leave lies in this thread's caches.
  const bool isSmall = std::all_of(commands_.begin(), commands_.end(), isLight);
  for (Command& command : commands_) {
    const size_t before = told_.size();
    bool goesOn;
    std::optional<capture::OneThread> alone;
    if (isSmall && std::holds_alternative<OperatorCommand>(command)) alone.emplace();
    try {
      goesOn = std::visit([&](auto& each) { return dgsam::run(environment, each, parameters_, told_); }, command);
    } catch (...) {
      told_.resize(before);
      throw;
    }
    ++done_;
    if (!goesOn) break;
  }
}

void CommandList::tell(FrameWriter& writer) const {
  writer.number(static_cast<double>(done_));
  for (double number : told_) writer.number(number);
}

}  // namespace dgsam
