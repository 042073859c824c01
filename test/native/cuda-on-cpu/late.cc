// The host's side of the CUDA operators (native/ops/cuda/late.cc) on CPU tensors, its kernels emulated, against the operators
// that need no kernels (native/ops/late.cc): which rows go where, what becomes of the others, what is told of it. And those that wait
// (native/ops/cuda/now.cc) against these.
//
// Usage: late [spoil]. With `spoil` a check must fail. Prints the number of comparisons.
#include "operators.h"

#include "../../../native/ops/composite.cc"
#include "../../../native/ops/composite_lists.cc"
#include "../../../native/ops/late.cc"
#include "../../../native/ops/late_rows.cc"
#include "../../../native/ops/rates.cc"
#include "../../../native/ops/rows.cc"

#include <ATen/record_function.h>

#include "rows.h"

#include "../../../native/ops/cuda/late.cc"
// What each file registers is a function here, whose name must be its own.
#undef TORCH_LIBRARY_IMPL
#define TORCH_LIBRARY_IMPL(library, key, m) [[maybe_unused]] void registerNow(torch::Library& m)
#include "../../../native/ops/cuda/now.cc"
#include "../../../native/ops/cuda/sweeps.cuh"

namespace dgsam::ops {

// What now.cc leaves to climb.cc.
static long left = 0;
std::tuple<double, int64_t> climb(at::TensorList, at::TensorList, at::TensorList, at::ArrayRef<double>, bool, bool, std::optional<double>, double, std::optional<bool>) {
  return ++left, std::tuple<double, int64_t>{};
}
std::tuple<double, int64_t> accumulate(at::TensorList, at::TensorList, bool) { return ++left, std::tuple<double, int64_t>{}; }
std::tuple<double, double, int64_t> gather(at::TensorList, at::TensorList, at::TensorList, double, double) { return ++left, std::tuple<double, double, int64_t>{}; }

// Of climb.cc, without the CPU's kernels.
void restore(at::TensorList params, at::TensorList saved) {
  const at::NoGradGuard noGrad;
  for (const Row& row : rowsToRestore(params, saved)) {
    row.param->copy_(*row.saved);
    bump(*row.param);
  }
}

namespace cuda {
namespace {
Sweeps<emulator::Launch> sweeps{emulator::Launch{}};
}  // namespace

void climb(Stream, const Spans& spans, const Sums& sums, const Ascent& how, const std::vector<Number>& losses) { sweeps.climb(spans, sums, how, losses); }
void accumulate(Stream, const Spans& spans, const Sums& sums, bool first, const std::vector<Number>& losses) {
  sweeps.accumulate(spans, sums, first, losses);
}
void orthogonalScale(Stream, const Spans& spans, const Sums& sums, double alpha, double lossScale) { sweeps.orthogonalScale(spans, sums, alpha, lossScale); }
void gather(Stream, const Spans& spans, const Sums& sums, const Gathering& how) { sweeps.gather(spans, sums, how); }
void endGather(Stream, const Sums& sums, const std::vector<Number>& losses) { sweeps.endGather(sums, losses); }
void revert(Stream, const std::vector<Span>& spans, const double* ledger) { sweeps.revert(spans, ledger); }
void note(Stream, const std::vector<Number>& values, double* ledger, int64_t at) { sweeps.note(values, ledger, at); }
void flagStop(Stream, const double* ledger, float* flag) { sweeps.flagStop(ledger, flag); }

}  // namespace cuda
}  // namespace dgsam::ops

namespace {

using namespace dgsam::ops;

// Runs both and compares all there is; the kernels must have been launched so many times.
template <typename Run>
void compare(const Plan& plan, long launches, const std::string& what, const Run& run) {
  const Lists got(plan), expected(plan);
  const at::Tensor gotLedger = newLedger(), expectedLedger = newLedger();
  emulator::launches = 0;
  const int64_t gradients = run(true, got, gotLedger);
  check(launches < 0 || emulator::launches == launches, what + ": " + std::to_string(emulator::launches) + " launches, expected " + std::to_string(launches));
  check(gradients == run(false, expected, expectedLedger), what + ": number of gradients");
  if (spoil) gotLedger[1].add_(1e-3);
  checkLedgers(gotLedger, expectedLedger, what);
  checkSame(got, expected, Lists(plan), what);
}

struct Given {
  std::optional<std::vector<at::Tensor>> losses;
  // That they are noted by.
  long launches;

  std::optional<at::TensorList> list() const { return losses.has_value() ? std::optional<at::TensorList>(*losses) : std::nullopt; }
};

// No losses, such as a climb's kernels note, and such as they do not: too many, and one that is not memory as it is.
std::vector<Given> givenLosses() {
  const auto losses = [](int count) {
    std::vector<at::Tensor> values;
    const at::ScalarType types[] = {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf};
    for (int i = 0; i < count; ++i) values.push_back(at::full(i % 2 == 0 ? std::vector<int64_t>{} : std::vector<int64_t>{1}, i + 0.5, types[i % 4]));
    return values;
  };
  std::vector<at::Tensor> negated = losses(2);
  negated.back() = at::_neg_view(negated.back());
  return {{std::nullopt, 0}, {losses(1), 0}, {losses(4), 0}, {losses(5), 1}, {negated, 1}};
}

// `types`: of how many dtypes there are rows that kernels sweep, or -1.
void compareAll(const Plan& plan, long types, const std::string& what, bool isFlat = false) {
  // Of kernels that run once for each of those, and of one that ends their sums.
  const auto launches = [types](long swept, long ended) { return types < 0 ? -1 : swept * types + ended; };
  std::vector<at::Tensor> rho;
  for (size_t i = 0; i < plan.size(); ++i) rho.push_back(at::scalar_tensor(0.05 * static_cast<double>(1 + i % 3), at::kDouble));
  compare(plan, plan.empty() ? 0 : -1, what + ": restore_", [&](bool kernels, const Lists& on, const at::Tensor&) {
    (kernels ? &cuda::restore : &restore)(on.params, on.saved);
    return int64_t{0};
  });
  // Few pieces, to whose sums nothing is added, are added up by the kernel that climbs.
  const long added = isFlat ? 0 : 1;
  for (const bool first : {true, false}) {
    for (const bool adaptive : {false, true})
      for (const std::optional<double> eta : {std::optional<double>(), std::optional<double>(0.01)})
        compare(plan, launches(2, added), what + ": climb_", [&](bool kernels, const Lists& on, const at::Tensor& ledger) {
          const auto climb = kernels ? &cuda::climbLate : &climbLate;
          return climb(on.params, on.saved, first ? on.sums : std::vector<at::Tensor>(), rho, first, adaptive, eta, -0.001, true, ledger, 1, std::nullopt);
        });
    for (const Given& given : givenLosses()) {
      compare(plan, launches(2, added + given.launches), what + ": climb_ with losses", [&](bool kernels, const Lists& on, const at::Tensor& ledger) {
        const auto climb = kernels ? &cuda::climbLate : &climbLate;
        return climb(on.params, on.saved, on.sums, rho, first, false, {}, 0, true, ledger, 1, given.list());
      });
      compare(plan, launches(1, 1 + given.launches), what + ": accumulate_", [&](bool kernels, const Lists& on, const at::Tensor& ledger) {
        return (kernels ? &cuda::accumulateLate : &accumulateLate)(on.params, on.sums, first, ledger, 2, given.list());
      });
      compare(plan, launches(1, 1 + given.launches), what + ": gather_ with losses", [&](bool kernels, const Lists& on, const at::Tensor& ledger) {
        return (kernels ? &cuda::gatherLate : &gatherLate)(on.params, on.saved, on.sums, 0.75, 1, ledger, 1, given.list(), std::nullopt);
      });
    }
    for (const double gradScale : {1., -0.5})
      for (const bool sums : {true, false})
        compare(plan, launches(1, 1), what + ": gather_", [&](bool kernels, const Lists& on, const at::Tensor& ledger) {
          const auto gather = kernels ? &cuda::gatherLate : &gatherLate;
          return gather(on.params, first ? on.saved : std::vector<at::Tensor>(), sums ? on.sums : std::vector<at::Tensor>(), 0.75, gradScale, ledger, 1, std::nullopt, std::nullopt);
        });
    compare(plan, launches(2, 2), what + ": gather_orthogonal_", [&](bool kernels, const Lists& on, const at::Tensor& ledger) {
      return (kernels ? &cuda::gatherOrthogonalLate : &gatherOrthogonalLate)(on.params, on.saved, on.sums, 0.4, 8, ledger, 1);
    });
  }
}

// A loss that is a parameter is noted before the parameter moves, or comes back.
void checkLossThatIsAParameter() {
  const at::Tensor rho = at::scalar_tensor(0.5, at::kDouble);
  for (const bool gathers : {false, true}) {
    const Plan plan{{Kind::Dense, at::kFloat}};
    const Lists lists(plan);
    const at::Tensor param = lists.params.front(), loss = param.detach().flatten().slice(0, 0, 1), ledger = newLedger();
    const double expected = loss.item<double>();
    const std::vector<at::Tensor> losses{loss};
    if (gathers)
      cuda::gatherLate(lists.params, lists.saved, lists.sums, 1, 1, ledger, 1, at::TensorList(losses), std::nullopt);
    else
      cuda::climbLate(lists.params, lists.saved, lists.sums, rho.expand({1}).unbind(), true, false, {}, 0, true, ledger, 1, at::TensorList(losses));
    check(ledger[1].item<double>() == expected, "a loss that is a parameter");
  }
}

// What stopped() gives after a gathering, without a launch for it.
void checkFlagOfGatherings() {
  for (const bool kernels : {true, false}) {
    const Lists lists({{Kind::Dense, at::kFloat}, {Kind::OtherOrder, at::kFloat}});
    const at::Tensor flag = at::full({}, 7, at::kFloat), ledger = newLedger();
    for (const bool stops : {false, true}) {
      if (stops) lists.params[0].grad().view(-1)[3].fill_(INFINITY);
      const auto version = flag._version();
      emulator::launches = 0;
      (kernels ? &cuda::gatherLate : &gatherLate)(lists.params, lists.saved, lists.sums, 1, 1, ledger, 1, std::nullopt, flag);
      check(flag.item<float>() == (stops ? 1 : 0), "the flag of a gathering");
      check(flag._version() > version, "the flag of a gathering: version");
      check(emulator::launches == (kernels ? 2 : 0), "the flag of a gathering: launches");
    }
  }
}

// How many operators a call of `run` calls, without those that they call, and without memory for results and views, which launch nothing.
template <typename Run>
int64_t countCalls(const Run& run) {
  static int64_t depth, calls;
  depth = calls = 0;
  const auto begin = [](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
    const std::string name = function.name();
    if (depth++ == 0 && name != "aten::empty_like" && name != "aten::as_strided") ++calls;
    return nullptr;
  };
  const auto end = [](const at::RecordFunction&, at::ObserverContext*) { --depth; };
  const auto handle = at::addThreadLocalCallback(at::RecordFunctionCallback(begin, end).scopes({at::RecordScope::FUNCTION}));
  run();
  at::removeCallback(handle);
  return calls;
}

// Where no kernels of ours serve, the lists go to LibTorch's foreach functions: as many calls for forty parameters as for four.
void checkListsWithoutKernels() {
  const at::Tensor rho = at::scalar_tensor(0.5, at::kDouble);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16})
    for (const bool adaptive : {false, true}) {
      std::vector<int64_t> calls;
      for (const size_t count : {size_t{4}, size_t{40}}) {
        const Lists on(Plan(count, {Kind::Dense, type}));
        const at::Tensor ledger = newLedger();
        const std::vector<at::Tensor> same(count, rho);
        calls.push_back(countCalls([&] {
          climbLate(on.params, on.saved, on.sums, same, true, adaptive, {}, 0, true, ledger, 1, std::nullopt);
          climbLate(on.params, on.saved, on.sums, same, false, adaptive, {}, 0, false, ledger, 2, std::nullopt);
          accumulateLate(on.params, on.sums, false, ledger, 3, std::nullopt);
          gatherLate(on.params, on.saved, on.sums, 0.75, 0.75, ledger, 4, std::nullopt, std::nullopt);
          gatherOrthogonalLate(on.params, on.saved, on.sums, 0.4, 8, ledger, 1);
          const Rows rows = rowsToAccumulate(on.params, on.sums);
          composite::scaleSums(composite::listOf(rows), at::scalar_tensor(true));
          revertLate(on.saved, on.sums, ledger);
        }));
      }
      check(calls[0] > 0 && calls[0] == calls[1], "without kernels: " + std::to_string(calls[0]) + " calls for four parameters, " + std::to_string(calls[1]) + " for forty");
    }
}

// What is left of buffers, and the flag, of a step that stopped or went on.
void checkStop(bool kernels, bool stopped) {
  const std::string what = std::string(kernels ? "with" : "without") + " kernels, " + (stopped ? "stopped" : "going on");
  const at::Tensor ledger = newLedger();
  ledger[0].fill_(stopped ? 2 : 0);
  std::vector<at::Tensor> tensors, saved;
  const auto add = [&](at::Tensor tensor, at::Tensor copy) { tensors.push_back(std::move(tensor)), saved.push_back(std::move(copy)); };
  for (const int64_t length : {3, 2})
    for (const at::ScalarType type : {at::kFloat, at::kLong, at::kBool, at::kComplexFloat, at::kByte})
      add(at::arange(length * 4).remainder(3).to(type).reshape({length, 4, 1}), at::arange(length * 4).remainder(2).to(type).reshape({length, 4, 1}));
  add(at::rand({3, 8}).slice(1, 0, 8, 2), at::rand({3, 4}));
  add(at::rand({3, 4}), at::rand({4, 3}).t());
  add(at::rand({4, 3}).t(), at::rand({4, 3}).t());
  add(at::ones({0}), at::ones({0}));
  add(at::ones({1}), at::full({1}, INFINITY));
  std::vector<at::Tensor> expected;
  std::vector<int64_t> versions;
  for (size_t i = 0; i < tensors.size(); ++i) expected.push_back((stopped ? saved : tensors)[i].clone()), versions.push_back(tensors[i]._version());
  (kernels ? &cuda::revertLate : &revertLate)(tensors, saved, ledger);
  const at::Tensor flag = (kernels ? &cuda::stopped : &dgsam::ops::stopped)(ledger), kept = at::full({}, 7, at::kFloat);
  (kernels ? &cuda::noteStopped : &noteStopped)(kept, ledger);
  for (const at::Tensor& each : {flag, kept}) check(each.equal(at::scalar_tensor(stopped ? 1 : 0, at::kFloat)), what + ": stopped");
  for (size_t i = 0; i < tensors.size(); ++i) {
    check(tensors[i].equal(expected[i]), what + ": revert_: tensor " + std::to_string(i));
    check(tensors[i]._version() == versions[i], what + ": revert_: version of tensor " + std::to_string(i));
  }
}

void makeInfinite(const Lists& lists) { lists.params.back().grad().view(-1)[1].fill_(INFINITY); }

// Operators that wait against late ones, both with kernels.
void checkNow(const Plan& plan) {
  std::vector<double> rho;
  std::vector<at::Tensor> radii;
  for (size_t i = 0; i < plan.size(); ++i) rho.push_back(0.05 * static_cast<double>(1 + i % 3)), radii.push_back(at::scalar_tensor(rho.back(), at::kDouble));
  const auto told = [](double number, const at::Tensor& ledger, int64_t at, const std::string& what) {
    const double expected = ledger[at].item<double>();
    check(number == expected || (number != number && expected != expected), what + ": what it tells");
  };
  for (const bool first : {true, false})
    for (const bool adaptive : {false, true}) {
      const std::string what = std::string(first ? "first " : "") + (adaptive ? "adaptive " : "") + "climb_ that waits";
      const Lists got(plan), expected(plan);
      const at::Tensor ledger = newLedger();
      emulator::launches = 0;
      const auto [norm, gradients] = cuda::climbNow(got.params, got.saved, got.sums, rho, first, adaptive, 0.01, -0.001, std::nullopt);
      check(emulator::launches > 0, what + ": launches");
      check(gradients == cuda::climbLate(expected.params, expected.saved, expected.sums, radii, first, adaptive, 0.01, -0.001, std::nullopt, ledger, 1, std::nullopt), what);
      told(norm, ledger, 1, what);
      checkSame(got, expected, Lists(plan), what);
      const Lists stopped(plan), untouched(plan);
      makeInfinite(stopped), makeInfinite(untouched);
      const auto [infinite, count] = cuda::climbNow(stopped.params, stopped.saved, stopped.sums, rho, first, adaptive, 0.01, -0.001, std::nullopt);
      check(!std::isfinite(infinite) && count == gradients, what + ": a norm that is not finite");
      checkSame(stopped, untouched, untouched, what + ": that is not finite");
    }
  for (const bool isFinite : {true, false}) {
    const Lists got(plan), expected(plan);
    if (!isFinite) makeInfinite(got), makeInfinite(expected);
    const at::Tensor ledger = newLedger();
    const auto [norm, gradients] = cuda::accumulateNow(got.params, got.sums, false);
    check(gradients == cuda::accumulateLate(expected.params, expected.sums, false, ledger, 1, std::nullopt), "accumulate_ that waits");
    told(norm, ledger, 1, "accumulate_ that waits");
    const auto [plain, made, count] = cuda::gatherNow(got.params, got.saved, got.sums, 0.75, -0.5);
    check(count == cuda::gatherLate(expected.params, expected.saved, expected.sums, 0.75, -0.5, ledger, 2, std::nullopt, std::nullopt), "gather_ that waits");
    told(plain, ledger, 2, "gather_ that waits"), told(made, ledger, 3, "gather_ that waits");
    checkSame(got, expected, Lists(plan), "accumulate_ and gather_ that wait");
  }
  check(left == 0, "that nothing was left to climb.cc");
}

// With one row that kernels do not sweep, all go through climb.cc, and nothing was done before.
void checkLeft(const Plan& plan) {
  const Lists lists(plan);
  const std::vector<double> rho(plan.size(), 0.05);
  emulator::launches = 0;
  left = 0;
  cuda::climbNow(lists.params, lists.saved, lists.sums, rho, true, false, {}, 0, {});
  cuda::accumulateNow(lists.params, lists.sums, true);
  cuda::gatherNow(lists.params, lists.saved, lists.sums, 1, 1);
  check(left == 3 && emulator::launches == 0, "rows of climb.cc: " + std::to_string(left));
  checkSame(lists, Lists(plan), Lists(plan), "rows of climb.cc");
}

void checkNumbersAndBuffers() {
  for (const size_t count : {size_t{1}, size_t{5}, size_t{64}, size_t{65}}) {
    std::vector<at::Tensor> values;
    const at::ScalarType types[] = {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf, at::kLong};
    for (size_t i = 0; i < count; ++i) values.push_back(at::full({1}, static_cast<double>(i) - 3, types[i % 5]));
    values.front() = at::_neg_view(values.front());
    const at::Tensor got = newLedger(), expected = newLedger();
    cuda::noteLate(values, got, 3);
    noteLate(values, expected, 3);
    checkLedgers(got, expected, "note_ of " + std::to_string(count));
  }
  for (const bool kernels : {true, false})
    for (const bool stopped : {false, true}) checkStop(kernels, stopped);
}

}  // namespace

int main(int count, char**) {
  spoil = count > 1;
  Plan flat, others;
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
    for (const Kind kind : {Kind::Dense, Kind::ChannelsLast, Kind::Empty, Kind::NoGradient}) flat.emplace_back(kind, type);
    for (const Kind kind : {Kind::OtherOrder, Kind::Negated, Kind::Zeros, Kind::Expanded, Kind::Gaps}) others.emplace_back(kind, type);
  }
  for (const at::ScalarType type : {at::kComplexFloat, at::kComplexDouble})
    for (const Kind kind : {Kind::Dense, Kind::NoGradient}) others.emplace_back(kind, type);
  Plan mixed = others;
  mixed.insert(mixed.begin() + 3, flat.begin(), flat.end());
  // Which one it is depends on whether the operator takes saved parameters.
  mixed.emplace_back(Kind::SavedInOtherOrder, at::kFloat);
  compareAll(flat, 4, "flat rows", true);
  compareAll(mixed, 4, "rows of all kinds");
  compareAll(others, 0, "rows that kernels do not sweep");
  compareAll({}, 0, "no rows");
  checkNumbersAndBuffers();
  checkLossThatIsAParameter();
  checkFlagOfGatherings();
  checkListsWithoutKernels();
  Plan trained = flat;
  trained.emplace_back(Kind::Dense, at::kFloat);
  checkNow(trained);
  checkLeft(mixed);
  dgsam::ops::cuda::served = false;
  compareAll(mixed, -1, "a device that no kernels were compiled for");
  checkLeft(flat);
  check(emulator::launches == 0, "no launches on such a device");
  std::cout << comparisons << " comparisons\n";
}
