#include "graphs.h"

#include <ATen/core/grad_mode.h>

#include "capture/recorder.h"
#include "step_graph.h"

namespace dgsam {
namespace {

std::vector<size_t> readPlaces(FrameReader& reader) {
  const double count = reader.number();
  if (!(count >= 0 && count < 1e6)) throw UsageError("ERR_ARGUMENT", "expected a count");
  std::vector<size_t> places(static_cast<size_t>(count));
  for (size_t& place : places) {
    const double number = reader.number();
    if (!(number >= 0 && number < 1e6)) throw UsageError("ERR_ARGUMENT", "expected the place of a batch");
    place = static_cast<size_t>(number);
  }
  return places;
}

// Whether a capture failed by what its step does, in CUDA's words for cudaErrorStreamCaptureUnsupported: it waits for the device. All else,
// memory that ran out or what another thread did, may be otherwise next time.
bool isForbidden(const std::string& text) { return text.find("operation not permitted when stream is capturing") != std::string::npos; }

// Frame: a graph that may share its memory, or 0; the batches; of each input of each late pass, in their order, which of them it is; a list
// of commands (command_list.h) -> the new graph's number or 0, whether the step is done, whether there may be a graph another time, why there is
// none, what the commands told.
//
// Where it throws, too, and is never longer than the commands were. On CUDA devices nothing is done then, and what was thrown is a reason.
void captureGraph(Environment& environment, FrameReader& reader, FrameWriter& writer) {
  std::optional<CommandList> list;
  std::shared_ptr<StepGraph> graph, earlier;
  const auto tell = [&](double number, bool done, const c10::IValue& reason, bool mayComeYet = false) {
    writer.number(number);
    writer.number(done ? 1 : 0);
    writer.number(mayComeYet ? 1 : 0);
    writer.value(reason);
    if (list.has_value())
      list->tell(writer);
    else
      writer.number(0);
  };
  const at::AutoGradMode withHistory(true);
  try {
    capture::refuseRecording("it takes a training step");
    const double sharing = reader.number();
    if (sharing != 0) earlier = environment.graphs.at(sharing);
    std::vector<at::Tensor> inputs = reader.tensors();
    std::vector<size_t> places = readPlaces(reader);
    list.emplace(environment, reader);
    // A recorder hears of calls by the same dispatch key.
    if (list->parameters().empty() || capture::Recorder::active() != nullptr || list->fits() != CommandList::Fit::Yes) return tell(0, false, {});
    graph = std::make_shared<StepGraph>(*list, std::move(inputs), std::move(places));
  } catch (...) {
    list.reset();
    tell(0, false, {});
    throw;
  }
  const std::string refusal = graph->refusal(*list);
  if (!refusal.empty()) return tell(0, false, c10::IValue(refusal));
  try {
    graph->capture(environment, *list, earlier.get());
  } catch (const std::exception& error) {
    if (list->parameters().front().is_cpu()) {
      tell(0, false, {});
      throw;
    }
    const std::string text = error.what();
    list.reset();
    graph.reset();
    // The step that is taken without a graph now needs it, too.
    recoverMemory(environment);
    tell(0, false, c10::IValue(text.substr(0, text.find('\n'))), !isForbidden(text));
    return;
  }
  if (graph->lateRefusal().has_value()) return tell(0, true, c10::IValue(*graph->lateRefusal()));
  tell(environment.graphs.insert(graph), true, {});
}

// Frame: a graph, batches -> whether the step is done; why not this once, where another one may be.
void replayGraph(Environment& environment, FrameReader& reader, FrameWriter& writer) {
  capture::refuseRecording("it takes a training step");
  const std::shared_ptr<StepGraph> graph = environment.graphs.at(reader.number());
  const std::vector<at::Tensor> inputs = reader.tensors();
  const StepGraph::Fit fit = graph->fits(inputs);
  if (fit == StepGraph::Fit::Yes) graph->replay(inputs);
  writer.number(fit == StepGraph::Fit::Yes ? 1 : 0);
  writer.value(fit == StepGraph::Fit::NotThisTime ? c10::IValue(StepGraph::kWrittenBatch) : c10::IValue());
}

Napi::Value releaseGraph(Environment& environment, const Napi::CallbackInfo& info) {
  std::shared_ptr<StepGraph> graph;
  return Napi::Boolean::New(info.Env(), environment.graphs.release(handleArgument(info, 0), graph));
}

}  // namespace

void registerGraphs(Napi::Object exports, Environment& environment) {
  addEntry(exports, environment, "captureGraph", guardedFrameEntry<captureGraph>);
  addEntry(exports, environment, "replayGraph", guardedFrameEntry<replayGraph>);
  addEntry(exports, environment, "releaseGraph", guardedEntry<releaseGraph>);
}

}  // namespace dgsam
