// Checks before operators whose kernels trust their arguments.
//
// Some of LibTorch's kernels, mostly those that its own Python layer or autograd calls, read and write memory without
// looking at shapes, dtypes or indices: a wrong argument ends the process. A guard refuses what such a kernel cannot take,
// and nothing that it can. The fuzzer in test/operators/fuzz finds the operators; those that are found and not guarded are
// listed in lib/generate/unchecked.ts.
#pragma once

#include "guard_arguments.h"

namespace dgsam {

struct Guard {
  // What it stands before, separated by spaces: operators with all their overloads, or single overloads.
  const char* operators;
  // What it asks for, as the documentation prints it.
  const char* requirement;
  void (*check)(const Arguments&);
};

const std::vector<Guard>& guards();

// For an overload, "aten::_fused_adam_.default"; null for most.
const Guard* findGuard(const std::string& qualifiedName);

}  // namespace dgsam
