// Which kernels an operator launches, and how often: one launch serves as many spans of one element type as a pack holds.
#pragma once

#include "kernels.cuh"

namespace dgsam::ops::cuda {

// `launch(kernel, blocks, threads, arguments...)` starts a kernel after those before it.
template <typename Launch, int kSpans = kCapacity>
class Sweeps {
 public:
  explicit Sweeps(Launch launch) : launch_(launch) {}

  // The norms, the ascent: for all spans, and the ledger.
  void climb(const Spans& spans, const Sums& sums, const Ascent& how, const std::vector<Number>& losses) {
    if (how.adaptive)
      measure<Second::Weighted>(spans, sums, how.eta);
    else
      measure<Second::Same>(spans, sums, 0);
    const bool addsNothing = sums.others[0] == nullptr && sums.others[1] == nullptr;
    if (addsNothing && sums.pieces > 0 && sums.pieces <= kThreads) {
      bool notes = true;
      forEach(spans, [&](auto element, const auto& pack, unsigned blocks) {
        launch_(&cuda::ascendAfterSums<decltype(element), kSpansOf<decltype(pack)>>, blocks, kThreads, pack, how, sums, Losses(losses), notes);
        notes = false;
      });
      return;
    }
    finish<NoteClimb>(sums, losses);
    forEach(spans, [&](auto element, const auto& pack, unsigned blocks) {
      launch_(&cuda::ascend<decltype(element), kSpansOf<decltype(pack)>>, blocks, kThreads, pack, how, sums.number, sums.ledger);
    });
  }

  void accumulate(const Spans& spans, const Sums& sums, bool first, const std::vector<Number>& losses) {
    forEach(spans, [&](auto element, const auto& pack, unsigned blocks) {
      launch_(&cuda::accumulate<decltype(element), kSpansOf<decltype(pack)>>, blocks, kThreads, pack, first, sums.partials, sums.pieces);
    });
    finish<NoteFirst>(sums, losses);
  }

  // Leaves what GSAM multiplies the gradient by in sums.number.
  void orthogonalScale(const Spans& spans, const Sums& sums, double alpha, double lossScale) {
    measure<Second::Product>(spans, sums, 0);
    finish<OrthogonalScale>(sums, {}, alpha, lossScale);
  }

  // Without its end, which may have to wait for rows that are no spans.
  void gather(const Spans& spans, const Sums& sums, const Gathering& how) {
    forEach(spans, [&](auto element, const auto& pack, unsigned blocks) {
      launch_(&cuda::gather<decltype(element), kSpansOf<decltype(pack)>>, blocks, kThreads, pack, how, sums.partials, sums.pieces);
    });
  }

  void endGather(const Sums& sums, const std::vector<Number>& losses) { finish<NoteBoth>(sums, losses); }

  // Spans of bytes.
  void revert(const std::vector<Span>& spans, const double* ledger) {
    forEachPack<kSpans, kBytePiece>(spans, 0, [&](const auto& pack, unsigned blocks) { launch_(&cuda::revert<kSpansOf<decltype(pack)>>, blocks, kThreads, pack, ledger); });
  }

  void note(const std::vector<Number>& values, double* ledger, int64_t at) {
    launch_(&cuda::noteMean, 1u, 1, Numbers<kMaxNumbers>(values), ledger, at);
  }

  void flagStop(const double* ledger, float* flag) { launch_(&cuda::storeStop, 1u, 1, ledger, flag); }

 private:
  template <Second kSecond>
  void measure(const Spans& spans, const Sums& sums, double eta) {
    forEach(spans, [&](auto element, const auto& pack, unsigned blocks) {
      launch_(&cuda::measure<decltype(element), kSecond, kSpansOf<decltype(pack)>>, blocks, kThreads, pack, eta, sums.partials, sums.pieces);
    });
  }

  template <typename End>
  void finish(const Sums& sums, const std::vector<Number>& losses, double alpha = 0, double lossScale = 1) {
    launch_(&cuda::finish<End>, 1u, kFinishThreads, sums, Losses(losses), alpha, lossScale);
  }

  // Calls `body(element, pack, blocks)`; an element is a value of the type.
  template <typename Body>
  void forEach(const Spans& spans, const Body& body) {
    int64_t pieces = 0;
    const auto serve = [&](auto element, const std::vector<Span>& list) {
      pieces = forEachPack<kSpans>(list, pieces, [&](const auto& pack, unsigned blocks) { body(element, pack, blocks); });
    };
    serve(float{}, spans[0]);
    serve(double{}, spans[1]);
    serve(__nv_bfloat16{}, spans[2]);
    serve(__half{}, spans[3]);
  }

  Launch launch_;
};

}  // namespace dgsam::ops::cuda
