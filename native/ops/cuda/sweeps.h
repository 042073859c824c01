// The sweeps of sweeps.cuh on a CUDA stream, for code that the host's compiler compiles. They wait for nothing, and a graph can
// capture them; a launch that fails throws c10::Error.
#pragma once

#include "spans.h"
#include "stream.h"

namespace dgsam::ops::cuda {

// Where losses are taken they are noted first, as the mean of at most kMaxLosses values; none for no losses.

// Notes the norm, which stands in sums.number too, or with `adaptive` the weighted one; saves, sums, moves.
void climb(Stream stream, const Spans& spans, const Sums& sums, const Ascent& how, const std::vector<Number>& losses);

void accumulate(Stream stream, const Spans& spans, const Sums& sums, bool first, const std::vector<Number>& losses);

// sums.number <- (1 + alpha c) / lossScale with c = <s, g> / ||g||^2.
void orthogonalScale(Stream stream, const Spans& spans, const Sums& sums, double alpha, double lossScale);

// In two parts: between them, what sums.others points to may still be computed.
void gather(Stream stream, const Spans& spans, const Sums& sums, const Gathering& how);
void endGather(Stream stream, const Sums& sums, const std::vector<Number>& losses);

// param <- saved where the step has stopped, or, if the ledger is null, in any case. Counts are bytes.
void revert(Stream stream, const std::vector<Span>& spans, const double* ledger);

// Notes the mean of at most kMaxNumbers values.
void note(Stream stream, const std::vector<Number>& values, double* ledger, int64_t at);

// flag <- 1 where the step has stopped, else 0.
void flagStop(Stream stream, const double* ledger, float* flag);

}  // namespace dgsam::ops::cuda
