// A program as a function that autograd can differentiate, and as the pass of a training step.
#pragma once

#include <memory>
#include <vector>

#include "program.h"

namespace dgsam::capture {

// The outputs; those that the function gave a history have one: a single node, whose differentiation runs the program's.
std::vector<at::Tensor> callProgram(const std::shared_ptr<Program>& program, const std::vector<at::Tensor>& inputs);

// Whether the program gives one number that can be differentiated, a loss, whose gradients flow to leaves only.
bool givesLoss(const Program& program, const std::vector<at::Tensor>& inputs);

// Runs the function and then, if the loss is finite, its differentiation: adds `weight` times the gradients to the `grad` of
// the leaves, as backward() does. Returns the loss.
double differentiateProgram(Program& program, const std::vector<at::Tensor>& inputs, double weight);

}  // namespace dgsam::capture
