// What the process runs on: LibTorch's version and build, devices, threads.
#pragma once

#include "entry.h"

namespace dgsam {

// Throws when LibTorch at run time is not the version the addon was built against.
void checkLibTorchVersion();
void registerRuntime(Napi::Object exports, Environment& environment);

}  // namespace dgsam
