#include "sweeps.h"

#include "on_stream.cuh"
#include "sweeps.cuh"

namespace dgsam::ops::cuda {
namespace {

using OnDevice = Sweeps<OnStream>;

OnDevice on(Stream stream) { return OnDevice(OnStream{stream}); }

}  // namespace

void climb(Stream stream, const Spans& spans, const Sums& sums, const Ascent& how, const std::vector<Number>& losses) {
  on(stream).climb(spans, sums, how, losses);
}

void accumulate(Stream stream, const Spans& spans, const Sums& sums, bool first, const std::vector<Number>& losses) {
  on(stream).accumulate(spans, sums, first, losses);
}

void orthogonalScale(Stream stream, const Spans& spans, const Sums& sums, double alpha, double lossScale) {
  on(stream).orthogonalScale(spans, sums, alpha, lossScale);
}

void gather(Stream stream, const Spans& spans, const Sums& sums, const Gathering& how) { on(stream).gather(spans, sums, how); }

void endGather(Stream stream, const Sums& sums, const std::vector<Number>& losses) { on(stream).endGather(sums, losses); }

void revert(Stream stream, const std::vector<Span>& spans, const double* ledger) { on(stream).revert(spans, ledger); }

void note(Stream stream, const std::vector<Number>& values, double* ledger, int64_t at) { on(stream).note(values, ledger, at); }

void flagStop(Stream stream, const double* ledger, float* flag) { on(stream).flagStop(ledger, flag); }

}  // namespace dgsam::ops::cuda
