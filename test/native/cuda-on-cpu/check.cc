// Compares the CUDA kernels, compiled for the CPU, with the CPU's own kernels (native/ops/loops.inc), over random tensors.
//
// Usage: check <part> <seed> <cases> [spoil]. With `spoil` one bit of what the kernels give is turned, and the check must fail.
// Prints how much of what there was.
#include "emulator.h"

#include "../../../native/ops/cuda/sweeps.cuh"
#include "tensors.h"

#define DGSAM_INLINE inline __attribute__((always_inline))
#define DGSAM_INLINE_LAMBDA __attribute__((always_inline))
#define DGSAM_VECTOR_BYTES 16
namespace dgsam::ops {
namespace reference {
#include "../../../native/ops/loops.inc"
}  // namespace reference
}  // namespace dgsam::ops

namespace {

using namespace dgsam::ops;
using cuda::Span;
using cuda::Spans;
using cuda::Sums;

bool spoil = false;
long stops = 0;

struct Tensor {
  Element element;
  int64_t count;
  Array param, grad, saved, sum;
  double rho;
  bool weighted;

  Span span() { return {param.data(), grad.data(), saved.data(), sum.data(), count, &rho, weighted}; }
};

// --- Random tensors -----------------------------------------------------------------------------------------------------

int64_t randomCount() {
  if (chance(0.08)) return 0;
  if (chance(0.5)) return between(1, 40);
  if (chance(0.6)) return between(41, 3000);
  if (chance(0.5)) return cuda::kPiece * between(1, 3) + between(-9, 9);
  return between(3000, 100000);
}

// What must be survived: numbers whose squares are beyond their type's range, and of less than its smallest.
double randomValue(Element element, double scale) {
  const double rare = uniform();
  return normal() * scale * (rare < 0.01 ? 0 : rare < 0.02 ? 1e-7 : rare < 0.03 ? (element == Element::Half ? 5e3 : 1e20) : 1);
}

Array randomArray(Element element, int64_t count, double scale) {
  Array array(element, count, chance(0.7) ? 0 : between(0, 9));
  for (int64_t i = 0; i < count; ++i) array.set(i, randomValue(element, scale));
  return array;
}

using Tensors = std::vector<Tensor>;

Tensors randomTensors(bool withSaved, bool withSums) {
  Tensors tensors;
  const bool mixed = chance(0.3);
  const auto first = static_cast<Element>(between(0, 3));
  for (int64_t left = chance(0.2) ? between(60, 140) : between(1, 12); left > 0; --left) {
    const Element element = mixed ? static_cast<Element>(between(0, 3)) : first;
    const int64_t count = left > 12 ? between(0, 40) : randomCount();
    Tensor tensor{element, count, randomArray(element, count, 0.3), {}, {}, {}, std::fabs(normal()), false};
    if (!chance(0.15)) tensor.grad = randomArray(element, count, 2);
    if (withSaved) tensor.saved = randomArray(element, count, 1);
    if (withSums) tensor.sum = randomArray(element, count, 2);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

Spans spansOf(Tensors& tensors) {
  Spans spans;
  for (Tensor& tensor : tensors) spans[static_cast<size_t>(tensor.element)].push_back(tensor.span());
  return spans;
}

// --- The two ways -------------------------------------------------------------------------------------------------------

// What the kernels write besides tensors.
struct Device {
  std::vector<double> partials, ledger = std::vector<double>(6, 0.);
  double number = -1;
  double others[2] = {0, 0};
  bool hasOthers = false;
  float flag = -1;
  bool hasFlag = false;

  Sums sums(const Spans& spans, int64_t at) {
    const int64_t pieces = cuda::piecesOf(spans);
    partials.assign(static_cast<size_t>(2 * pieces), NAN);
    return {partials.data(), pieces, {hasOthers ? &others[0] : nullptr, hasOthers ? &others[1] : nullptr}, &number, ledger.data(), at, hasFlag ? &flag : nullptr};
  }
};

Device randomDevice() {
  Device device;
  device.hasOthers = chance(0.3);
  if (device.hasOthers) device.others[0] = std::fabs(normal()), device.others[1] = std::fabs(normal());
  return device;
}

// Runs it with big packs and small ones, forwards and backwards, and over memory of another alignment, which must give the same bits, and leaves those in
// `tensors` and `device`.
template <typename Run>
void runAll(Tensors& tensors, Device& device, const Run& run) {
  const Tensors before = tensors;
  const Device deviceBefore = device;
  const auto once = [&](auto sweeps, bool backwards, bool elsewhere = false) {
    Tensors copy = before;
    for (Tensor& tensor : copy)
      for (Array* array : {&tensor.param, &tensor.grad, &tensor.saved, &tensor.sum})
        if (elsewhere) array->displace();
    Device made = deviceBefore;
    emulator::backwards = backwards;
    run(sweeps, spansOf(copy), made);
    return std::pair(std::move(copy), std::move(made));
  };
  auto [expected, expectedDevice] = once(cuda::Sweeps<emulator::Launch>(emulator::Launch{}), false);
  const auto compare = [&](auto pair) {
    for (size_t i = 0; i < tensors.size(); ++i) {
      pair.first[i].param.checkSame(expected[i].param, "again: param");
      pair.first[i].grad.checkSame(expected[i].grad, "again: grad");
      pair.first[i].saved.checkSame(expected[i].saved, "again: saved");
      pair.first[i].sum.checkSame(expected[i].sum, "again: sum");
    }
    check(std::memcmp(pair.second.ledger.data(), expectedDevice.ledger.data(), 6 * sizeof(double)) == 0, "again: ledger");
    check(std::memcmp(&pair.second.number, &expectedDevice.number, sizeof(double)) == 0, "again: number");
  };
  compare(once(cuda::Sweeps<emulator::Launch, 3>(emulator::Launch{}), true));
  // As where CUDA 13 is: few spans get a pack of less.
  compare(once(cuda::Sweeps<emulator::Launch, 256>(emulator::Launch{}), false));
  compare(once(cuda::Sweeps<emulator::Launch>(emulator::Launch{}), false, true));
  tensors = std::move(expected);
  device = std::move(expectedDevice);
  if (!spoil) return;
  for (Tensor& tensor : tensors)
    for (Array* array : {&tensor.param, &tensor.grad, &tensor.sum})
      if (array->bytes() > 0) array->data()[array->bytes() - 1] ^= 0x40;
}

// Calls `body(tensor, kernels, start, size)` for the pieces of all tensors.
template <typename Body>
void forEachPiece(Tensors& tensors, const Body& body) {
  for (Tensor& tensor : tensors)
    for (int64_t start = 0; start < tensor.count; start += cuda::kPiece)
      body(tensor, reference::kernelsOf(tensor.element), start * static_cast<int64_t>(sizeOf(tensor.element)),
           static_cast<long>(std::min<int64_t>(cuda::kPiece, tensor.count - start)));
}

unsigned char* in(Array& array, int64_t offset) { return array.exists() ? array.data() + offset : nullptr; }

Squares squaresOf(Tensors& tensors, double eta) {
  Squares squares{0, 0};
  forEachPiece(tensors, [&](Tensor& tensor, const Kernels& kernels, int64_t offset, long size) {
    if (!tensor.grad.exists()) return;
    const double plain = kernels.sumOfSquares(in(tensor.grad, offset), size);
    squares += tensor.weighted ? kernels.weightedSumOfSquares(in(tensor.grad, offset), in(tensor.param, offset), eta, size) : Squares{plain, plain};
  });
  return squares;
}

void checkTensors(Tensors& got, Tensors& expected) {
  for (size_t i = 0; i < got.size(); ++i) {
    const std::string name = " of tensor " + std::to_string(i) + " of type " + std::to_string(static_cast<int>(got[i].element)) + " and size " +
                             std::to_string(got[i].count);
    got[i].param.checkSame(expected[i].param, "param" + name);
    got[i].grad.checkSame(expected[i].grad, "grad" + name);
    got[i].saved.checkSame(expected[i].saved, "saved" + name);
    got[i].sum.checkSame(expected[i].sum, "sum" + name);
  }
}

void copyArray(Array& to, Array& from) {
  if (to.exists() && from.exists() && from.bytes() > 0) std::memcpy(to.data(), from.data(), from.bytes());
}

SumMode modeOf(Tensor& tensor, bool first) { return !tensor.sum.exists() ? SumMode::None : first ? SumMode::Overwrite : SumMode::Add; }

// Losses of a climb, or none.
struct Losses {
  std::vector<Array> values;
  std::vector<cuda::Number> numbers;
  double mean = 0;

  explicit Losses(int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      values.emplace_back(static_cast<Element>(between(0, 3)), 1, 0);
      set(i, normal());
    }
    for (Array& value : values) numbers.push_back({value.data(), static_cast<int>(value.element())});
  }

  void set(int64_t i, double value) {
    values[static_cast<size_t>(i)].set(0, value);
    mean = 0;
    for (Array& each : values) mean += each.get(0) / static_cast<double>(values.size());
  }

  // The place of what comes after them.
  int64_t after(int64_t at) const { return values.empty() ? at : at + 1; }

  void checkNoted(const Device& device, int64_t at) const {
    if (!values.empty()) checkClose(device.ledger[static_cast<size_t>(at)], mean, "loss");
  }
};

Losses randomLosses() { return Losses(chance(0.5) ? 0 : between(1, cuda::kMaxLosses)); }

// --- Parts --------------------------------------------------------------------------------------------------------------

enum class Fault { None, Gradient, Loss, Before };

void climbOnce(Fault fault) {
  const bool adaptive = chance(0.5), withEta = chance(0.5);
  cuda::Ascent how{chance(0.5), chance(0.5), adaptive, adaptive && withEta ? 0.01 : 0, chance(0.3) ? -0.001 : 0};
  Tensors tensors = randomTensors(chance(0.8), chance(0.8));
  for (Tensor& tensor : tensors) tensor.weighted = adaptive && (!withEta || chance(0.5));
  Device device = randomDevice();
  if (fault == Fault::Before) device.ledger[0] = 1;
  if (fault == Fault::Gradient) {
    Tensor* bad = nullptr;
    for (Tensor& tensor : tensors)
      if (tensor.grad.exists() && tensor.count > 0) bad = &tensor;
    if (bad == nullptr) return;
    bad->grad.set(between(0, bad->count - 1), chance(0.5) ? NAN : -INFINITY);
  }
  Losses losses = fault == Fault::Loss ? Losses(between(1, cuda::kMaxLosses)) : randomLosses();
  if (fault == Fault::Loss) losses.set(between(0, static_cast<int64_t>(losses.values.size()) - 1), chance(0.5) ? NAN : INFINITY);
  const auto at = static_cast<size_t>(losses.after(2));
  Tensors expected = tensors;
  const Squares squares = squaresOf(expected, how.eta);
  const double plain = std::sqrt(squares.plain + device.others[0]), norm = std::sqrt(squares.made + device.others[1]);
  const Tensors before = tensors;
  const Device deviceBefore = device;
  runAll(tensors, device, [&](auto sweeps, const Spans& spans, Device& made) { sweeps.climb(spans, made.sums(spans, 2), how, losses.numbers); });
  if (!device.hasOthers) {
    // Adding nothing to the sums takes another kernel, to the same bits.
    Tensors again = before;
    Device other = deviceBefore;
    other.hasOthers = true;
    runAll(again, other, [&](auto sweeps, const Spans& spans, Device& made) { sweeps.climb(spans, made.sums(spans, 2), how, losses.numbers); });
    checkTensors(again, tensors);
    check(std::memcmp(other.ledger.data(), device.ledger.data(), 6 * sizeof(double)) == 0, "the ledger of sums that nothing is added to");
  }

  losses.checkNoted(device, 2);
  checkClose(device.ledger[at], std::isfinite(norm) ? plain : norm, "norm");
  checkClose(device.number, norm, "the norm that divides");
  const bool stopped = fault == Fault::Before || fault == Fault::Loss || !std::isfinite(plain) || !std::isfinite(norm);
  check(fault == Fault::None || stopped, "a gradient or loss that is not finite stops the step");
  if (stopped) ++stops;
  check(device.ledger[0] == (fault == Fault::Before ? 1 : fault == Fault::Loss ? 2 : stopped ? static_cast<double>(at) : 0), "the stop's place");
  check(device.ledger[1] == 0 && device.ledger[at + 1] == 0, "the ledger's other places");
  forEachPiece(expected, [&](Tensor& tensor, const Kernels& kernels, int64_t offset, long size) {
    if (!tensor.grad.exists()) return;
    // With the kernels' own norm: its last bit may differ from the reference's.
    const double scale = tensor.rho / (device.number + 1e-12) + how.shift;
    std::vector<double> kept(static_cast<size_t>(size));
    std::memcpy(kept.data(), in(tensor.param, offset), static_cast<size_t>(size) * sizeOf(tensor.element));
    kernels.ascend(in(tensor.param, offset), in(tensor.grad, offset), how.first ? in(tensor.saved, offset) : nullptr, in(tensor.sum, offset),
                   modeOf(tensor, how.firstSum), scale, tensor.weighted, how.eta, size);
    if (stopped) std::memcpy(in(tensor.param, offset), kept.data(), static_cast<size_t>(size) * sizeOf(tensor.element));
  });
  for (Tensor& tensor : expected) {
    if (tensor.grad.exists()) continue;
    if (how.first) copyArray(tensor.saved, tensor.param);
    if (how.firstSum && tensor.sum.bytes() > 0) std::memset(tensor.sum.data(), 0, tensor.sum.bytes());
  }
  checkTensors(tensors, expected);
}

void climb() { climbOnce(Fault::None); }
void stop() { climbOnce(chance(0.5) ? Fault::Gradient : chance(0.6) ? Fault::Loss : Fault::Before); }

void accumulate() {
  const bool first = chance(0.5);
  Tensors tensors = randomTensors(false, true);
  Device device = randomDevice();
  Tensors expected = tensors;
  const Losses losses = randomLosses();
  runAll(tensors, device, [&](auto sweeps, const Spans& spans, Device& made) { sweeps.accumulate(spans, made.sums(spans, 1), first, losses.numbers); });
  double squares = device.others[0];
  forEachPiece(expected, [&](Tensor& tensor, const Kernels& kernels, int64_t offset, long size) {
    if (tensor.grad.exists()) squares += kernels.accumulate(in(tensor.grad, offset), in(tensor.sum, offset), modeOf(tensor, first), size);
  });
  for (Tensor& tensor : expected)
    if (!tensor.grad.exists() && first && tensor.sum.bytes() > 0) std::memset(tensor.sum.data(), 0, tensor.sum.bytes());
  losses.checkNoted(device, 1);
  checkClose(device.ledger[static_cast<size_t>(losses.after(1))], std::sqrt(squares), "norm");
  checkTensors(tensors, expected);
}

void gatherOnce(bool orthogonal) {
  Tensors tensors = randomTensors(chance(0.7), orthogonal || chance(0.7));
  const bool sums = tensors.front().sum.exists();
  const double gradScale = chance(0.3) ? 1 : normal() * (chance(0.2) ? 1e3 : 1), sumScale = normal(), alpha = 0.4, lossScale = chance(0.5) ? 1 : 1024;
  const bool writes = sums || gradScale != 1;
  Device device = randomDevice();
  device.hasFlag = chance(0.5);
  Tensors expected = tensors;
  if (orthogonal) device.others[1] = -device.others[1];
  const Losses losses = randomLosses();
  const auto at = static_cast<size_t>(losses.after(2));
  double scale = gradScale;
  if (orthogonal) {
    Products products{0, 0, 0};
    forEachPiece(expected, [&](Tensor& tensor, const Kernels& kernels, int64_t offset, long size) {
      if (tensor.grad.exists()) products += kernels.products(in(tensor.grad, offset), in(tensor.sum, offset), size);
    });
    const double square = products.gradSquares + device.others[0];
    scale = (1 + alpha * (square == 0 ? 0 : (products.product + device.others[1]) / square)) / lossScale;
  }
  runAll(tensors, device, [&](auto sweeps, const Spans& spans, Device& made) {
    const Sums all = made.sums(spans, 2);
    if (orthogonal) sweeps.orthogonalScale(spans, all, alpha, lossScale);
    // The number must be neither used nor changed by what follows.
    sweeps.gather(spans, all, {writes, sumScale, orthogonal ? NAN : gradScale, orthogonal ? &made.number : nullptr});
    sweeps.endGather(all, losses.numbers);
  });
  if (orthogonal) {
    checkClose(device.number, scale, "the gradient's factor", 1e-9);
    scale = device.number;
  }
  Squares squares{device.others[0], device.others[1]};
  forEachPiece(expected, [&](Tensor& tensor, const Kernels& kernels, int64_t offset, long size) {
    if (!tensor.grad.exists()) return;
    const double plain = kernels.sumOfSquares(in(tensor.grad, offset), size);
    squares += writes ? kernels.gather(in(tensor.grad, offset), in(tensor.sum, offset), sumScale, scale, size) : Squares{plain, plain};
  });
  for (Tensor& tensor : expected) copyArray(tensor.param, tensor.saved);
  losses.checkNoted(device, 2);
  checkClose(device.ledger[at], std::sqrt(squares.plain), "norm");
  checkClose(device.ledger[at + 1], std::sqrt(squares.made), "norm as stored");
  check(device.ledger[0] == (!std::isfinite(squares.plain) ? static_cast<double>(at) : !std::isfinite(std::sqrt(squares.made)) ? static_cast<double>(at + 1) : 0), "the stop's place");
  check(device.flag == (!device.hasFlag ? -1 : device.ledger[0] == 0 ? 0 : 1), "the flag");
  checkTensors(tensors, expected);
}

void gather() { gatherOnce(false); }
void orthogonal() { gatherOnce(true); }

void revert() {
  Tensors tensors = randomTensors(true, false);
  std::vector<double> ledger = {chance(0.5) ? 0. : 3., 0};
  Tensors expected = tensors;
  std::vector<Span> spans;
  for (Tensor& tensor : tensors) {
    spans.push_back(tensor.span());
    spans.back().count = static_cast<int64_t>(tensor.param.bytes());
  }
  cuda::Sweeps<emulator::Launch>(emulator::Launch{}).revert(spans, ledger.data());
  if (spoil)
    for (Tensor& tensor : tensors)
      if (tensor.count > 0) tensor.param.data()[0] ^= 0x40;
  if (ledger[0] != 0)
    for (Tensor& tensor : expected) copyArray(tensor.param, tensor.saved);
  checkTensors(tensors, expected);
}

void note() {
  std::vector<Array> values;
  std::vector<cuda::Number> numbers;
  double sum = 0;
  const int64_t count = between(1, cuda::kMaxNumbers);
  for (int64_t i = 0; i < count; ++i) {
    const auto element = static_cast<Element>(between(0, 3));
    values.emplace_back(element, 1, 0);
    values.back().set(0, normal());
    sum += values.back().get(0);
  }
  const bool bad = chance(0.3), late = chance(0.3);
  if (bad) values[static_cast<size_t>(between(0, count - 1))].set(0, INFINITY), sum = INFINITY;
  std::vector<double> ledger = {late ? 1. : 0., 0, 0, 0};
  for (Array& value : values) numbers.push_back({value.data(), static_cast<int>(value.element())});
  cuda::Sweeps<emulator::Launch>(emulator::Launch{}).note(numbers, ledger.data(), 2);
  checkClose(ledger[2] + spoil, sum / static_cast<double>(count), "mean");
  check(ledger[0] == (late ? 1 : bad ? 2 : 0), "the stop's place");
  check(ledger[1] == 0 && ledger[3] == 0, "the ledger's other places");
}

void divergent() {
  if (threadIdx.x < 3) __syncthreads();
}

// A control: the emulator ends the process.
void barrier() { emulator::Launch{}(&divergent, 1, 8); }

}  // namespace

int main(int count, char** arguments) {
  const std::pair<const char*, void (*)()> parts[] = {{"climb", &climb}, {"stop", &stop}, {"accumulate", &accumulate}, {"gather", &gather},
                                                      {"orthogonal", &orthogonal}, {"revert", &revert}, {"note", &note}, {"barrier", &barrier}};
  spoil = count > 4;
  for (const auto& [name, part] : parts) {
    if (count < 4 || std::string(arguments[1]) != name) continue;
    randomNumbers.seed(std::strtoul(arguments[2], nullptr, 10));
    for (long i = std::strtol(arguments[3], nullptr, 10); i > 0; --i) part();
    std::printf("%ld comparisons, %ld launches, %ld stops\n", comparisons, emulator::launches, stops);
    return 0;
  }
  std::fprintf(stderr, "usage: check <part> <seed> <cases> [spoil]\n");
  return 2;
}
