// A step of the optimizers of foreach.h, of Adam and of Adagrad by kernels of our own, for code that the host's compiler compiles. They wait for
// nothing, and a graph can capture them; a launch that fails throws c10::Error.
#pragma once

#include "spans.h"
#include "stream.h"

namespace dgsam::ops::cuda {

enum class Rule { Adam, RMSprop, Adagrad, Adadelta, NAdam, RAdam, Adamax };

struct Descent {
  Rule rule;
  // Of the running means: of gradients, and of squares or greatest magnitudes.
  double beta1;
  double beta2;
  double eps;
  double weightDecay;
  // RMSprop's momentum, Adagrad's decay of the learning rate, NAdam's of its momentum.
  double extra;
  bool maximize;
  bool decoupled;
  double lr;
  // Where it is not null, on the device, it replaces lr.
  const double* lrOnDevice;
  // Null, or on the device, and nothing happens where it is 1.
  const float* stopped;
};

// Of one parameter, on the device: its step count, and NAdam's product.
struct Counters {
  float* step;
  float* product;
};

// What a parameter's counters come to: so many numbers for each.
constexpr int kFactors = 4;

// Counts the step, and forms each parameter's factors.
void advance(Stream stream, const std::vector<Counters>& counters, const Descent& how, double* factors);

// Then the step itself. Of a span, `saved`, `sum` and `third` are what is remembered of the parameter in the order of foreach.h and fused.h, null where the
// rule has no such thing, and `rho` its factors. `element`: as dgsam::ops::Element.
void descend(Stream stream, int element, const std::vector<Span>& spans, const Descent& how);

}  // namespace dgsam::ops::cuda
