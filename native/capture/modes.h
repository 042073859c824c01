// The modes of a thread and of LibTorch that decide which calls a function makes.
#pragma once

#include <ATen/core/ATen_fwd.h>
#include <c10/core/ScalarType.h>

namespace dgsam::capture {

struct Modes {
  bool grad;
  bool inference;
  bool autocastCpu;
  bool autocastCuda;
  bool autocastCache;
  c10::ScalarType autocastCpuDtype;
  c10::ScalarType autocastCudaDtype;
  bool deterministic;
  bool deterministicFill;
  bool oneDnn;
  bool cudnn;
  bool cudnnBenchmark;
  bool cudnnDeterministic;

  bool operator==(const Modes& other) const = default;
};

Modes currentModes();

}  // namespace dgsam::capture
