// Operators beside the JavaScript thread: they run in libuv's pool while JavaScript, or a native step, goes on.
//
// An operator that is called so reads its arguments and makes a new tensor. It runs on one thread of the pool, in no mode of the
// caller's (gradients, inference, autocast) and without LibTorch's threads, which are the steps'. Its tensor arguments stay alive
// meanwhile; nobody may write to them. Node waits for what runs before it ends an environment.
#pragma once

#include "entry.h"

namespace dgsam {

void registerBackground(Napi::Object exports, Environment& environment);

}  // namespace dgsam
