#include "room.h"

#include <ATen/Functions.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>

#include <sstream>

#include "../gradients.h"
#include "function.h"
#include "passes.h"
#include "recorder.h"

namespace dgsam {
namespace {

using capture::Program;
using capture::Recorder;

// The numbers are a contract with lib/tensor/capture/program.ts.
enum class Status { Other = 0, Done = 1, Stale = 2, Never = 3 };

// Frame: inputs -> the tensors that the function is to be called with in their place. What it calls from now on is recorded.
void beginRecording(Environment& environment, FrameReader& reader, FrameWriter& writer) {
  const std::vector<at::Tensor> inputs = reader.tensors();
  if (Recorder::active() != nullptr) throw UsageError("ERR_STATE", "a function is being recorded already");
  std::vector<at::Tensor> aliases;
  const at::AutoGradMode withHistory(true);
  // With the history of the inputs, so that what the function returns has it. LibTorch forgets the history of views of views
  // that were made to require a gradient: such an input stays what it is, and is not recorded.
  for (const at::Tensor& input : inputs) aliases.push_back(input.is_leaf() && input.requires_grad() && input.is_view() ? input : at::alias(input));
  at::autocast::clear_cache();
  environment.recorder = std::make_unique<Recorder>(aliases, environment.tensors());
  environment.recorded = inputs;
  writer.tensors(aliases);
  environment.recorder->start();
}

// Frame: what the function returned -> the program's number, and of each where it comes from: from the function, -1, from
// outside, -2, or the input of that number. Or 0, with the reason why there is no program.
void endRecording(Environment& environment, FrameReader& reader, FrameWriter& writer) {
  const std::vector<at::Tensor> outputs = reader.tensors();
  if (environment.recorder == nullptr) throw UsageError("ERR_STATE", "no function is being recorded");
  const std::unique_ptr<Recorder> recorder = std::move(environment.recorder);
  const std::vector<at::Tensor> inputs = std::move(environment.recorded);
  environment.recorded.clear();
  std::optional<capture::Tape> tape = recorder->finish(outputs);
  at::autocast::clear_cache();
  if (!tape.has_value()) {
    writer.number(0);
    return writer.value(c10::IValue(*recorder->refusal()));
  }
  writer.number(environment.programs.insert(std::make_shared<Program>(*std::move(tape), inputs)));
  for (const at::Tensor& output : outputs) {
    const std::optional<size_t> input = recorder->inputOf(output);
    writer.number(input.has_value() ? static_cast<double>(*input) : recorder->isOwn(output) ? -1 : -2);
  }
}

Napi::Value abandonRecording(Environment& environment, const Napi::CallbackInfo& info) {
  environment.recorder.reset();
  environment.recorded.clear();
  return info.Env().Undefined();
}

Status statusOf(Program::Fit fit) {
  switch (fit) {
    case Program::Fit::Yes:
      return Status::Done;
    case Program::Fit::Stale:
      return Status::Stale;
    case Program::Fit::Never:
      return Status::Never;
    default:
      return Status::Other;
  }
}

// Errors name the operator that failed.
template <typename Run>
auto naming(Environment& environment, const Program& program, Run run) {
  try {
    return run();
  } catch (...) {
    environment.subject = program.failed();
    throw;
  }
}

// Frame: program, inputs -> a status and, if it is done, the outputs.
void replay(Environment& environment, FrameReader& reader, FrameWriter& writer) {
  const std::shared_ptr<Program> program = environment.programs.at(reader.number());
  const std::vector<at::Tensor> inputs = reader.tensors();
  const Status status = statusOf(program->fits(inputs));
  if (status != Status::Done) return writer.number(static_cast<double>(status));
  const std::vector<at::Tensor> outputs = naming(environment, *program, [&] { return capture::callProgram(program, inputs); });
  writer.number(static_cast<double>(status));
  writer.tensors(outputs);
}

// Frame: program, inputs, parameters, weight, stamp of their gradients, whether to look at these -> a status and, if it is
// done, the loss, the stamp now and the norm of all gradients, if it was looked at.
void replayDifferentiated(Environment& environment, FrameReader& reader, FrameWriter& writer) {
  capture::Pass pass{environment.programs.at(reader.number()), reader.tensors(), 1};
  const std::vector<at::Tensor> parameters = reader.tensors();
  pass.weight = reader.number();
  // A step that is taken in pieces is mostly the first one, which records, too.
  pass.tries = false;
  const double stamp = reader.number();
  const bool looks = reader.number() != 0;
  Status status = statusOf(pass.program->fits(pass.inputs));
  if (status == Status::Done && (!capture::givesLoss(*pass.program, pass.inputs) || stampOf(parameters) != stamp)) status = Status::Other;
  if (status != Status::Done) return writer.number(static_cast<double>(status));
  const capture::Summed summed = naming(environment, *pass.program, [&] { return capture::differentiate({pass}, {}); });
  const bool differentiated = !summed.stop.has_value();
  writer.number(static_cast<double>(status));
  writer.number(summed.losses[0]);
  writer.number(differentiated ? stampOf(parameters) : stamp);
  writer.number(differentiated && looks ? gradientNorm(parameters) : 0);
}

// Frame: program, inputs -> a status.
void programFits(Environment& environment, FrameReader& reader, FrameWriter& writer) {
  const std::shared_ptr<Program> program = environment.programs.at(reader.number());
  writer.number(static_cast<double>(statusOf(program->fits(reader.tensors()))));
}

// Frame: program -> the tensors outside of the function that it writes to, and those that gradients flow to.
void programSurroundings(Environment& environment, FrameReader& reader, FrameWriter& writer) {
  const std::shared_ptr<Program> program = environment.programs.at(reader.number());
  writer.tensors(program->written());
  writer.tensors(program->leaves());
}

// Frame: program, tensors -> one of each: whether the program refers to it.
void programUses(Environment& environment, FrameReader& reader, FrameWriter& writer) {
  const std::shared_ptr<Program> program = environment.programs.at(reader.number());
  for (const at::Tensor& tensor : reader.tensors()) writer.number(program->uses(tensor) ? 1 : 0);
}

// releaseProgram(number): false when it was released before.
Napi::Value releaseProgram(Environment& environment, const Napi::CallbackInfo& info) {
  std::shared_ptr<Program> program;
  return Napi::Boolean::New(info.Env(), environment.programs.release(handleArgument(info, 0), program));
}

// Frame: tensors -> what of them and of the thread's modes decides which calls a function makes, as text.
void inputSignature(Environment&, FrameReader& reader, FrameWriter& writer) {
  std::ostringstream text;
  const capture::Modes modes = capture::currentModes();
  text << modes.grad << modes.inference << modes.autocastCpu << modes.autocastCuda << modes.autocastCache << modes.deterministic
       << modes.deterministicFill << modes.oneDnn << modes.cudnn << modes.cudnnBenchmark << modes.cudnnDeterministic << ' '
       << modes.autocastCpuDtype << ' ' << modes.autocastCudaDtype;
  const std::vector<at::Tensor> tensors = reader.tensors();
  for (const at::Tensor& tensor : tensors) {
    text << '\n' << tensor.scalar_type() << ' ' << tensor.device() << ' ' << tensor.layout() << ' ' << tensor.sizes() << ' '
         << tensor.requires_grad() << tensor.is_conj() << tensor.is_neg();
    if (tensor.layout() != at::kStrided) continue;
    text << ' ' << tensor.strides();
    // A function whose inputs share memory is another one.
    for (size_t i = 0; &tensors[i] != &tensor; ++i)
      if (tensors[i].has_storage() && tensor.has_storage() && tensors[i].storage().is_alias_of(tensor.storage())) text << " with " << i;
  }
  writer.value(c10::IValue(text.str()));
}

}  // namespace

void registerCapture(Napi::Object exports, Environment& environment) {
  addEntry(exports, environment, "beginRecording", guardedFrameEntry<beginRecording>);
  addEntry(exports, environment, "endRecording", guardedFrameEntry<endRecording>);
  addEntry(exports, environment, "abandonRecording", guardedEntry<abandonRecording>);
  addEntry(exports, environment, "replay", guardedFrameEntry<replay>);
  addEntry(exports, environment, "replayDifferentiated", guardedFrameEntry<replayDifferentiated>);
  addEntry(exports, environment, "programFits", guardedFrameEntry<programFits>);
  addEntry(exports, environment, "programSurroundings", guardedFrameEntry<programSurroundings>);
  addEntry(exports, environment, "programUses", guardedFrameEntry<programUses>);
  addEntry(exports, environment, "releaseProgram", guardedEntry<releaseProgram>);
  addEntry(exports, environment, "inputSignature", guardedFrameEntry<inputSignature>);
}

}  // namespace dgsam
