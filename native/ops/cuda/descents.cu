#include "descents.h"

#include "descents.cuh"
#include "on_stream.cuh"

namespace dgsam::ops::cuda {

void advance(Stream stream, const std::vector<Counters>& counters, const Descent& how, double* factors) {
  Descents<OnStream>(OnStream{stream}).advance(counters, how, factors);
}

void descend(Stream stream, int element, const std::vector<Span>& spans, const Descent& how) {
  Descents<OnStream>(OnStream{stream}).descend(element, spans, how);
}

}  // namespace dgsam::ops::cuda
