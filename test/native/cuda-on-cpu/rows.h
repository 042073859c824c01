// Rows of parameters of all kinds, and whether two lists of them have become the same.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "operators.h"

namespace {

enum class Kind { Dense, ChannelsLast, Empty, NoGradient, OtherOrder, SavedInOtherOrder, Negated, Zeros, Expanded, Gaps };
using Plan = std::vector<std::pair<Kind, at::ScalarType>>;

struct Lists {
  std::vector<at::Tensor> params, saved, sums;

  // The same ones each time.
  explicit Lists(const Plan& plan) {
    at::manual_seed(0);
    for (const auto& [kind, type] : plan) add(kind, type);
  }

 private:
  void add(Kind kind, at::ScalarType type) {
    const at::IntArrayRef shape = kind == Kind::Empty ? at::IntArrayRef(kEmpty) : at::IntArrayRef(kShape);
    const auto make = [&] { return at::randn(shape, at::kDouble).to(type); };
    const auto other = [](const at::Tensor& each) { return each.contiguous(at::MemoryFormat::ChannelsLast); };
    at::Tensor param = make(), grad = make(), copy = make(), sum = make();
    if (kind == Kind::ChannelsLast) param = other(param), grad = other(grad), copy = other(copy), sum = other(sum);
    if (kind == Kind::OtherOrder) grad = other(grad);
    if (kind == Kind::SavedInOtherOrder) copy = other(copy);
    if (kind == Kind::Negated) grad = at::_neg_view(grad);
    if (kind == Kind::Zeros) grad = at::_efficientzerotensor(shape, at::TensorOptions().dtype(type));
    if (kind == Kind::Expanded) grad = at::ones({1, 1, 1, 1}, type).expand(shape);
    if (kind == Kind::Gaps) param = at::randn({4, 3, 5, 10}, at::kDouble).to(type).slice(3, 0, 10, 2);
    param.requires_grad_();
    if (kind != Kind::NoGradient) param.mutable_grad() = grad;
    params.push_back(param);
    saved.push_back(copy);
    sums.push_back(sum);
  }

  static constexpr int64_t kEmpty[] = {0, 3}, kShape[] = {4, 3, 5, 5};
};

double toleranceOf(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
    case at::kComplexDouble:
      // LibTorch's operators round the weighted gradients of float32 rows, whose norm counts for all.
      return 1e-7;
    case at::kBFloat16:
      return 1e-2;
    case at::kHalf:
      return 2e-3;
    default:
      return 1e-5;
  }
}

// `before`: as both were. How often a version is raised is nobody's business.
void checkSame(const at::Tensor& got, const at::Tensor& expected, const at::Tensor& before, const std::string& what) {
  check(got.defined() == expected.defined(), what + ": whether it is defined");
  if (!got.defined()) return;
  check(got.strides() == expected.strides(), what + ": strides");
  check((got._version() > before._version()) == (expected._version() > before._version()), what + ": whether autograd is told of a change");
  const double tolerance = toleranceOf(got.scalar_type());
  check(at::allclose(at::_conj_physical(got.detach()), at::_conj_physical(expected.detach()), tolerance, tolerance, true), what + ": values");
}

void checkSame(const Lists& got, const Lists& expected, const Lists& before, const std::string& what) {
  for (size_t i = 0; i < got.params.size(); ++i) {
    const std::string place = "[" + std::to_string(i) + "] of " + what;
    checkSame(got.params[i], expected.params[i], before.params[i], "params" + place);
    checkSame(got.params[i].grad(), expected.params[i].grad(), before.params[i].grad(), "gradients" + place);
    checkSame(got.saved[i], expected.saved[i], before.saved[i], "saved" + place);
    checkSame(got.sums[i], expected.sums[i], before.sums[i], "sums" + place);
  }
}

at::Tensor newLedger() { return at::zeros({6}, at::kDouble); }

void checkLedgers(const at::Tensor& got, const at::Tensor& expected, const std::string& what) {
  check(at::allclose(got, expected, 1e-5, 1e-7, true), what + ": ledger");
}

}  // namespace
