// Streams and events of CUDA devices, by LibTorch's device-neutral guards.
//
// JavaScript knows a stream by its place in the environment's list: streams come from LibTorch's pools and are never freed.
// An event is a handle that is released. Which stream is current is a state of the thread, so `enterStream` and
// `leaveStream` nest as modes do.
#pragma once

#include "entry.h"

namespace dgsam {

void registerStreams(Napi::Object exports, Environment& environment);

#ifdef DGSAM_CUDA
// What LibTorch does at operators that wait for a device: 0 nothing, 1 warn, 2 throw (cuda/sync_debug.cc).
void setCudaSyncDebugMode(int mode);
#endif

}  // namespace dgsam
