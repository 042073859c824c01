// Optimizers by kernels of our own (native/ops/cuda/optimizers.cc, descents.cuh) on CPU tensors, the kernels emulated, against LibTorch's foreach
// functions and fused kernels (native/ops/foreach.cc, fused.cc): several steps of all kinds of parameters, with all options, taken and left out.
//
// Usage: optimizers [spoil]. With `spoil` a check must fail. Prints the number of comparisons and of launches.
#include "operators.h"

#include "../../../native/ops/batches.cc"
#include "../../../native/ops/foreach.cc"
#include "../../../native/ops/fused.cc"
#include "../../../native/ops/rates.cc"
#include "../../../native/ops/rows.cc"

#include "../../../native/ops/cuda/descents.cuh"
#include "../../../native/ops/cuda/optimizers.cc"

namespace dgsam::ops::cuda {
namespace {
// So few that the parameters below take several launches.
Descents<emulator::Launch, 3> descents{emulator::Launch{}};
}  // namespace

void advance(Stream, const std::vector<Counters>& counters, const Descent& how, double* factors) { descents.advance(counters, how, factors); }
void descend(Stream, int element, const std::vector<Span>& spans, const Descent& how) { descents.descend(element, spans, how); }

}  // namespace dgsam::ops::cuda

namespace {

using namespace dgsam::ops;

// --- Parameters and what is remembered of them --------------------------------------------------------------------------------

// What `batches.cc` hands to kernels as it lies, and by way of copies; more than one piece, with a rest; off a multiple of 16 bytes.
enum class Kind { Plain, ChannelsLast, Large, Off, Empty, NoGradient, OtherOrder, Negated, Gaps };

struct Parameters {
  std::vector<at::Tensor> params, first, second, third, steps, products;

  Parameters(at::ScalarType type, int64_t seed) {
    at::manual_seed(static_cast<uint64_t>(seed));
    for (const Kind kind : {Kind::Plain, Kind::ChannelsLast, Kind::Large, Kind::Off, Kind::Empty, Kind::NoGradient, Kind::OtherOrder, Kind::Negated, Kind::Gaps}) add(kind, type);
  }

  // Gradients of the next step.
  void draw(double scale) {
    for (size_t i = 0; i < params.size(); ++i) {
      at::Tensor& grad = params[i].mutable_grad();
      if (!grad.defined()) continue;
      const at::Tensor drawn = (at::randn(grad.sizes(), at::kDouble) * scale).to(grad.scalar_type());
      // Negated lazily, as it was.
      if (grad.is_neg()) grad = at::_neg_view(drawn);
      else grad.copy_(drawn);
    }
  }

 private:
  void add(Kind kind, at::ScalarType type) {
    static constexpr int64_t kLarge[] = {dgsam::ops::cuda::kPiece + 37}, kShape[] = {4, 3, 5, 5}, kEmpty[] = {0, 3};
    const at::IntArrayRef shape = kind == Kind::Large ? at::IntArrayRef(kLarge) : kind == Kind::Empty ? at::IntArrayRef(kEmpty) : at::IntArrayRef(kShape);
    at::Tensor param = at::randn(shape, at::kDouble).to(type);
    if (kind == Kind::ChannelsLast) param = param.contiguous(at::MemoryFormat::ChannelsLast);
    if (kind == Kind::Off) param = at::randn({301}, at::kDouble).to(type).slice(0, 1).reshape({4, 3, 5, 5});
    if (kind == Kind::Gaps) param = at::randn({4, 3, 5, 10}, at::kDouble).to(type).slice(3, 0, 10, 2);
    at::Tensor grad = at::empty_like(param);
    if (kind == Kind::OtherOrder) grad = grad.contiguous(at::MemoryFormat::ChannelsLast);
    if (kind == Kind::Negated) grad = at::_neg_view(grad);
    param.requires_grad_();
    if (kind != Kind::NoGradient) param.mutable_grad() = grad;
    params.push_back(param);
    for (std::vector<at::Tensor>* list : {&first, &second, &third}) list->push_back(at::zeros_like(param.detach()));
    steps.push_back(at::zeros({}));
    products.push_back(at::ones({}));
  }
};

// 16-bit numbers are rounded once here, and after every operation there.
double toleranceOf(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
    case at::kComplexDouble:
      return 1e-13;
    case at::kBFloat16:
      return 0.06;
    case at::kHalf:
      return 8e-3;
    default:
      return 2e-6;
  }
}

void checkSame(const std::vector<at::Tensor>& got, const std::vector<at::Tensor>& expected, const std::string& what) {
  for (size_t i = 0; i < got.size(); ++i) {
    const double tolerance = toleranceOf(got[i].scalar_type());
    check(got[i].strides() == expected[i].strides(), what + "[" + std::to_string(i) + "]: strides");
    check(at::allclose(got[i].detach(), expected[i].detach(), tolerance, tolerance), what + "[" + std::to_string(i) + "]");
  }
}

void checkSame(const Parameters& got, const Parameters& expected, const std::string& what) {
  checkSame(got.params, expected.params, what + ": params");
  checkSame(got.first, expected.first, what + ": first");
  checkSame(got.second, expected.second, what + ": second");
  checkSame(got.third, expected.third, what + ": third");
  for (size_t i = 0; i < got.steps.size(); ++i) {
    check(got.steps[i].equal(expected.steps[i]), what + ": steps");
    check(got.products[i].equal(expected.products[i]), what + ": products");
    // Those of 16 bits are copied here.
    if (!at::isReducedFloatingType(got.params[i].scalar_type()))
      check((got.params[i]._version() > 0) == (expected.params[i]._version() > 0), what + ": whether autograd is told of a change");
  }
}

bool sameBits(const Parameters& left, const Parameters& right) {
  const auto same = [](const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
    for (size_t i = 0; i < a.size(); ++i)
      if (!a[i].detach().equal(b[i].detach())) return false;
    return true;
  };
  return same(left.params, right.params) && same(left.first, right.first) && same(left.second, right.second) && same(left.third, right.third) &&
         same(left.steps, right.steps) && same(left.products, right.products);
}

void copyValues(Parameters& to, const Parameters& from) {
  const at::NoGradGuard noGrad;
  const auto copy = [](const std::vector<at::Tensor>& into, const std::vector<at::Tensor>& values) {
    for (size_t i = 0; i < into.size(); ++i) into[i].copy_(values[i]);
  };
  copy(to.params, from.params), copy(to.first, from.first), copy(to.second, from.second), copy(to.third, from.third), copy(to.steps, from.steps), copy(to.products, from.products);
}

// --- Optimizers -----------------------------------------------------------------------------------------------------------------

// Takes a step at a learning rate of the host's, and late ones: by kernels, or by LibTorch's functions.
struct Optimizer {
  std::string name;
  std::function<void(bool kernels, Parameters& on, double lr, const OptionalTensor& rate, const OptionalTensor& foundInf)> step;
};

std::vector<Optimizer> optimizers() {
  std::vector<Optimizer> all;
  for (const bool maximize : {false, true})
    for (const double decay : {0., 0.1}) {
      const std::string how = std::string(maximize ? ", maximize" : "") + (decay == 0 ? "" : ", decay");
      for (const bool centered : {false, true})
        for (const double momentum : {0., 0.9})
          all.push_back({"rmsprop_" + how + (centered ? ", centered" : "") + (momentum == 0 ? "" : ", momentum"),
                         [=](bool kernels, Parameters& on, double lr, const OptionalTensor& rate, const OptionalTensor& foundInf) {
                           const std::vector<at::Tensor> none;
                           (kernels ? &cuda::rmsprop : &rmsprop)(on.params, on.first, momentum == 0 ? none : on.second, centered ? on.third : none, on.steps, lr, 0.9, 0.1,
                                                                 decay, momentum, maximize, rate, foundInf);
                         }});
      for (const double lrDecay : {0., 0.1})
        all.push_back({"adagrad_" + how, [=](bool kernels, Parameters& on, double lr, const OptionalTensor& rate, const OptionalTensor& foundInf) {
                         (kernels ? &cuda::adagrad : &adagrad)(on.params, on.first, on.steps, lr, lrDecay, 0.1, decay, maximize, rate, foundInf);
                       }});
      all.push_back({"adadelta_" + how, [=](bool kernels, Parameters& on, double lr, const OptionalTensor& rate, const OptionalTensor& foundInf) {
                       (kernels ? &cuda::adadelta : &adadelta)(on.params, on.first, on.second, on.steps, 10 * lr, 0.9, 0.1, decay, maximize,
                                                               rate.has_value() ? OptionalTensor(*rate * 10) : rate, foundInf);
                     }});
      all.push_back({"adamax_" + how, [=](bool kernels, Parameters& on, double lr, const OptionalTensor& rate, const OptionalTensor& foundInf) {
                       (kernels ? &cuda::adamax : &adamax)(on.params, on.first, on.second, on.steps, lr, 0.9, 0.99, 0.1, decay, maximize, rate, foundInf);
                     }});
      for (const bool decoupled : {false, true})
        for (const bool amsgrad : {false, true})
          all.push_back({"adam_" + how + (decoupled ? ", decoupled" : "") + (amsgrad ? ", amsgrad" : ""),
                         [=](bool kernels, Parameters& on, double lr, const OptionalTensor& rate, const OptionalTensor& foundInf) {
                           const std::vector<at::Tensor> largest = amsgrad ? on.third : std::vector<at::Tensor>();
                           if (rate.has_value())
                             (kernels ? &cuda::adamLate : &adamLate)(on.params, on.first, on.second, largest, on.steps, *rate, 0.9, 0.99, 0.1, decay, maximize, decoupled, *foundInf);
                           else
                             (kernels ? &cuda::adam : &adam)(on.params, on.first, on.second, largest, on.steps, lr, 0.9, 0.99, 0.1, decay, maximize, decoupled, foundInf);
                         }});
      for (const bool decoupled : {false, true}) {
        const std::string more = how + (decoupled ? ", decoupled" : "");
        all.push_back({"nadam_" + more, [=](bool kernels, Parameters& on, double lr, const OptionalTensor& rate, const OptionalTensor& foundInf) {
                         (kernels ? &cuda::nadam : &nadam)(on.params, on.first, on.second, on.products, on.steps, lr, 0.9, 0.99, 0.1, decay, 0.004, maximize, decoupled, rate,
                                                           foundInf);
                       }});
        // The first steps are without the variance: its second moment's decay makes it tractable from the sixth on.
        for (const double beta1 : {0.9, 0.3})
          all.push_back({"radam_" + more, [=](bool kernels, Parameters& on, double lr, const OptionalTensor& rate, const OptionalTensor& foundInf) {
                           (kernels ? &cuda::radam : &radam)(on.params, on.first, on.second, on.steps, lr, beta1, 0.99, 0.1, decay, maximize, decoupled, rate, foundInf);
                         }});
      }
    }
  return all;
}

// --- What is compared -----------------------------------------------------------------------------------------------------------

void compare(const Optimizer& optimizer, at::ScalarType type, bool late) {
  const std::string what = optimizer.name + (late ? ", late, " : ", ") + c10::toString(type);
  Parameters got(type, 1), expected(type, 1);
  const at::Tensor rate = at::scalar_tensor(0, at::kDouble), stopped = at::scalar_tensor(0, at::kFloat);
  const auto step = [&](bool kernels, Parameters& on, double lr) {
    if (late) optimizer.step(kernels, on, 7, rate, stopped);
    else optimizer.step(kernels, on, lr, std::nullopt, std::nullopt);
  };
  for (int t = 0; t < 8; ++t) {
    const double lr = 0.01 * (1 + t % 3);
    rate.fill_(lr);
    for (Parameters* on : {&got, &expected}) {
      at::manual_seed(static_cast<uint64_t>(t));
      on->draw(1 + t % 2);
    }
    // A parameter whose gradients began later has a count of its own.
    if (t == 2)
      for (Parameters* on : {&got, &expected}) on->steps[1].zero_(), on->products[1].fill_(1);
    emulator::backwards = t % 2 == 1;
    const long launches = emulator::launches;
    step(true, got, lr);
    if (cuda::served) check(emulator::launches > launches, what + ": launches");
    emulator::backwards = false;
    step(false, expected, lr);
    if (spoil) got.params[0].detach().add_(1);
    checkSame(got, expected, what + ", step " + std::to_string(t));
    // What was rounded otherwise is not to add up.
    if (at::isReducedFloatingType(type)) copyValues(got, expected);
  }
  if (!late) return;
  Parameters before(type, 1);
  copyValues(before, got);
  stopped.fill_(1);
  got.draw(NAN);
  step(true, got, 0.1);
  check(sameBits(got, before), what + ": left out");
  stopped.fill_(0);
  got.draw(1);
  step(true, got, 0.1);
  check(!sameBits(got, before), what + ": taken again");
}

template <typename Body>
void checkThrows(const Body& body, const std::string& part) {
  std::string message;
  try {
    body();
  } catch (const c10::Error& error) {
    message = error.what_without_backtrace();
  }
  check(message.find(part) != std::string::npos, "expected an error with '" + part + "', got '" + message + "'");
}

void checkRefusals() {
  Parameters on(at::kFloat, 1);
  const auto step = [&](const OptionalTensor& rate, const OptionalTensor& foundInf) { cuda::adamax(on.params, on.first, on.second, on.steps, 1, 0, 0, 0, 0, false, rate, foundInf); };
  checkThrows([&] { step(at::zeros({}), std::nullopt); }, "dgsam::adamax_: expected a float64 scalar in 'rate', got Float");
  checkThrows([&] { step(std::nullopt, at::zeros({2})); }, "dgsam::adamax_: expected a float32 scalar in 'found_inf', got Float of shape [2]");
  checkThrows([&] { cuda::rmsprop(on.params, on.first, {}, {}, on.steps, 1, 0.9, 1, 0, 0.5, false, std::nullopt, std::nullopt); }, "momentum_buffers");
  const auto adamStep = [&](const at::Tensor& lr, const at::Tensor& flag) { cuda::adamLate(on.params, on.first, on.second, {}, on.steps, lr, 0, 0, 0, 0, false, false, flag); };
  checkThrows([&] { adamStep({}, at::zeros({})); }, "dgsam::adam_: expected a float64 scalar in 'lr', got ");
  checkThrows([&] { adamStep(at::zeros({}, at::kDouble), at::zeros({1})); }, "dgsam::adam_: expected a float32 scalar in 'found_inf', got Float of shape [1]");
  on.second[2] = at::zeros({3});
  checkThrows([&] { step(std::nullopt, std::nullopt); }, "dgsam::adamax_: exp_infs[2]");
  check(on.steps[0].item<float>() == 0, "nothing was counted");
}

}  // namespace

int main(int count, char**) {
  spoil = count > 1;
  for (const Optimizer& optimizer : optimizers())
    for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf})
      for (const bool late : {false, true}) compare(optimizer, type, late);
  // As pairs.
  for (const Optimizer& optimizer : optimizers())
    if (optimizer.name.find("adamax") == std::string::npos) compare(optimizer, at::kComplexFloat, true);
  checkRefusals();
  const long launches = emulator::launches;
  dgsam::ops::cuda::served = false;
  for (const Optimizer& optimizer : optimizers()) compare(optimizer, at::kFloat, optimizer.name.starts_with("adam_"));
  check(emulator::launches == launches, "no launches on a device that no kernels were compiled for");
  std::cout << comparisons << " comparisons, " << launches << " launches\n";
}
