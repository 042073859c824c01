// What operators do that their schemas do not say, or not in one place.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <optional>
#include <string>
#include <vector>

namespace dgsam::capture {

std::string nameOf(const c10::OperatorHandle& handle);

bool drawsRandomNumbers(const c10::OperatorHandle& handle);

// Whether the course of a function that calls it depends on the values of tensors: a value, or a result's shape, does.
bool dependsOnValues(const c10::OperatorHandle& handle, const torch::jit::Stack& arguments);

// Whether a result that is no tensor says something of the shapes of tensors only.
bool tellsShape(const c10::OperatorHandle& handle);

// The arguments that it writes to although its schema does not say so.
std::vector<size_t> writtenInSilence(const c10::OperatorHandle& handle, const torch::jit::Stack& arguments);

// Whether it may do so, whatever its arguments.
bool mayWriteInSilence(const c10::OperatorHandle& handle);

// Whether it leaves to its differentiation, which `takesSeeds`, where its random numbers begin: numbers in the host's memory, but on the device
// while a graph is captured, where both kernels then look for them ("Seed and Offset Device" in PyTorch's attention.cu).
bool leavesSeeds(const c10::OperatorHandle& handle);
bool takesSeeds(const c10::OperatorHandle& handle);

// Whether it decomposes matrices, for which CUDA's library has to be asked whether it succeeded: a capture cannot, and the library
// fails ever after.
bool decomposesMatrices(const c10::OperatorHandle& handle);

// The overload that writes the results into tensors given after its arguments, if the CPU has a kernel for it: others make the
// results anew and copy them.
std::optional<c10::OperatorHandle> overloadInto(const c10::OperatorHandle& handle);

// Whether its kernel for the CPU is one of LibTorch's own, or a product of matrices by a BLAS, and may thus be run with any
// number of threads at any time. Kernels of oneDNN, as of convolutions, are kept for the number they were made for, and wait for
// ever where there are fewer. So these are known by name, and all others are not.
bool runsWithAnyThreads(const c10::OperatorHandle& handle);

}  // namespace dgsam::capture
