// Whole files, read in one task of libuv's pool. Node's readFile takes four, one after the other, and for an image of a few kB that is most of the time.
#pragma once

#include "entry.h"

namespace dgsam {

void registerFileReading(Napi::Object exports, Environment& environment);

}  // namespace dgsam
