// A program as a function that autograd can differentiate.
#pragma once

#include <memory>
#include <vector>

#include "program.h"

namespace dgsam::capture {

// The outputs; those that the function gave a history have one: a single node, whose differentiation runs the program's.
std::vector<at::Tensor> callProgram(const std::shared_ptr<Program>& program, const std::vector<at::Tensor>& inputs);

}  // namespace dgsam::capture
