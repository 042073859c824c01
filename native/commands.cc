#include "commands.h"

#include <ATen/core/grad_mode.h>

#include <optional>

#include "capture/recorder.h"
#include "command_list.h"

namespace dgsam {
namespace {

// Frame: a list of commands -> how many of them were done, and what they told. Or -1 when a program does not fit, -2 when one does not reach all parameters
// that require gradients: nothing is done then.
//
// All is read before the first command runs. When one throws, what is told of those before it is in the frame; it is never
// longer than the commands were.
void runCommands(Environment& environment, FrameReader& reader, FrameWriter& writer) {
  std::optional<CommandList> list;
  try {
    capture::refuseRecording("it takes a training step");
    list.emplace(environment, reader);
  } catch (...) {
    writer.number(0);
    throw;
  }
  // Losses have a history, whoever takes the step.
  const at::AutoGradMode withHistory(true);
  const CommandList::Fit fit = list->fits();
  if (fit != CommandList::Fit::Yes) return writer.number(fit == CommandList::Fit::No ? -1 : -2);
  try {
    list->run(environment);
  } catch (...) {
    list->tell(writer);
    throw;
  }
  list->tell(writer);
}

}  // namespace

void registerCommands(Napi::Object exports, Environment& environment) { addEntry(exports, environment, "runCommands", guardedFrameEntry<runCommands>); }

}  // namespace dgsam
