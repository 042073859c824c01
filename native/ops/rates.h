// What late steps (late.h) tell optimizers on the device, in place of what the host knows: a learning rate, `rate`, a float64 scalar, and whether
// to leave the step out, `foundInf`, a float32 scalar that is 1 then.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace dgsam::ops {

using OptionalTensor = std::optional<at::Tensor>;

bool isGiven(const OptionalTensor& tensor);

// Throw c10::Error naming operator and argument unless it is a float64 scalar, and a float32 one.
void checkRate(const char* name, const char* argument, const at::Tensor& rate);
void checkFlag(const char* name, const char* argument, const at::Tensor& flag);

// The rate, if it is given, else `lr`. Waits for the device.
double rateOf(const char* name, double lr, const OptionalTensor& rate);
// Whether the step is left out. Waits for the device.
bool isLeftOut(const char* name, const OptionalTensor& foundInf);

}  // namespace dgsam::ops
