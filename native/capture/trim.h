// Makes a tape shorter without changing a bit of what it computes.
#pragma once

#include "tape.h"

namespace dgsam::capture {

// Calls whose results nobody needs are dropped, repeated ones made once, copies of constants that nobody writes to are the
// constants. Random draws and what is written outside of the function stay, in order.
void trim(Tape& tape);

// Whether a call does nothing but give results, which depend on nothing but its arguments.
bool isPure(const Call& call);

}  // namespace dgsam::capture
