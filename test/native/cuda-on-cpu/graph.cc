// Captures and their failures (native/cuda/graph.cc), over what stands here for CUDA's runtime (runtime.h): whatever fails, and when, leaves nothing
// behind, and what other threads do has to wait for it.
//
// Usage: graph [hasty]. With `hasty` other threads do not wait, which must be seen. Prints the number of checks.
#include "../../../native/cuda/graph.cc"

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using namespace dgsam::capture;
using emulated::Fault;

long checks = 0;

void check(bool holds, const std::string& what) {
  ++checks;
  if (holds) return;
  std::fprintf(stderr, "wrong: %s\n", what.c_str());
  std::exit(1);
}

const c10::Device kDevice(c10::kCPU, 0);

std::string messageOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

void checkNothingLeft(const std::string& when, size_t graphs = 0) {
  check(emulated::underway == 0, when + ": a capture is underway");
  check(emulated::poolsInUse() == graphs, when + ": " + std::to_string(emulated::poolsInUse()) + " pools are in use");
  check(emulated::pinned == 0, when + ": a capture takes pinned memory");
  check(c10::cuda::getCurrentCUDAStream() == nullptr, when + ": another stream is the current one");
}

void captureAndReplay() {
  {
    int calls = 0;
    const auto graph = captureOnCuda(kDevice, nullptr, [&] {
      ++calls;
      check(c10::cuda::getCurrentCUDAStream() != nullptr, "it is captured on a stream of its own");
    });
    const auto other = captureOnCuda(kDevice, graph.get(), [&] { ++calls; });
    check(emulated::pools.count(*emulated::pools.begin()) == 2, "graphs share their memory");
    for (int i = 0; i < 3; ++i) graph->replay();
    check(calls == 2 && emulated::launches == 3, "it is captured once, and launched as often as it is replayed");
    check(emulated::generator().get_offset() == 3 * emulated::kDraws, "each replay draws numbers");
    checkNothingLeft("while there are graphs", 2);
  }
  checkNothingLeft("when graphs are gone");
}

// What its memory becomes may only happen when its last launch is over.
void endings() {
  CUstream_st* captured = nullptr;
  char elsewhere = 0;
  auto graph = captureOnCuda(kDevice, nullptr, [&] { captured = c10::cuda::getCurrentCUDAStream(); });
  emulated::waiting = nullptr;
  graph.reset();
  check(emulated::waiting == nullptr, "what was never launched is not waited for");
  graph = captureOnCuda(kDevice, nullptr, [&] { captured = c10::cuda::getCurrentCUDAStream(); });
  graph->replay();
  c10::cuda::currentStreamOfThread() = {reinterpret_cast<CUstream_st*>(&elsewhere), 0};
  graph->replay();
  c10::cuda::currentStreamOfThread() = {nullptr, -1};
  graph.reset();
  check(emulated::waiting == captured && emulated::waitedFor == reinterpret_cast<CUstream_st*>(&elsewhere), "the stream of its memory waits for its last launch");
  checkNothingLeft("when they are gone");
}

void failures() {
  const auto plain = [] {};
  const auto throwing = [] { throw std::runtime_error("out of memory"); };
  const auto earlier = captureOnCuda(kDevice, nullptr, plain);
  for (int round = 0; round < 3; ++round) {
    check(messageOf([&] { captureOnCuda(kDevice, nullptr, throwing); }) == "out of memory", "what the body throws is told");
    checkNothingLeft("after a body that failed", 1);
    emulated::fault = Fault::End;
    check(messageOf([&] { captureOnCuda(kDevice, nullptr, throwing); }) == "out of memory", "the first failure is told");
    emulated::fault = Fault::None;
    checkNothingLeft("after a body and an end that failed", 1);
    emulated::fault = Fault::End;
    check(messageOf([&] { captureOnCuda(kDevice, nullptr, plain); }).find("previous error") != std::string::npos, "an end that fails is told");
    checkNothingLeft("after an end that failed", 1);
    emulated::fault = Fault::Begin;
    check(messageOf([&] { captureOnCuda(kDevice, nullptr, plain); }).find("does not begin") != std::string::npos, "a beginning that fails is told");
    checkNothingLeft("after a beginning that failed", 1);
  }
  const auto sharing = captureOnCuda(kDevice, earlier.get(), plain);
  check(emulated::pools.count(*emulated::pools.begin()) == 2, "failures elsewhere spoil no memory");
  emulated::fault = Fault::End;
  messageOf([&] { captureOnCuda(kDevice, earlier.get(), plain); });
  const auto apart = captureOnCuda(kDevice, earlier.get(), plain);
  check(emulated::pools.count(*emulated::pools.rbegin()) == 1, "no capture begins in memory in which one failed");
  earlier->replay();
}

void launches() {
  const auto graph = captureOnCuda(kDevice, nullptr, [] {});
  graph->replay();
  const uint64_t offset = emulated::generator().get_offset();
  emulated::fault = Fault::Launch;
  check(messageOf([&] { graph->replay(); }).find("the launch failed") == 0, "a launch that fails is told");
  check(emulated::generator().get_offset() == offset, "a launch that fails draws nothing");
  graph->replay();
  check(emulated::generator().get_offset() == offset + emulated::kDraws, "the next one draws");
  // As a thread has it that waits for a device, maybe long; here a launch that needed it would never end.
  const std::lock_guard<std::mutex> turn(captureTurn());
  graph->replay();
  check(emulated::generator().get_offset() == offset + 2 * emulated::kDraws, "graphs are launched while somebody waits for the device");
}

// Steps are captured by some threads while another one waits for the device and empties the cache.
void threads(bool hasty) {
  constexpr int kCaptures = 60;
  std::atomic<int> left = 3;
  std::atomic<int> failed = 0;
  std::vector<std::thread> all;
  for (int i = 0; i < 3; ++i)
    all.emplace_back([&] {
      for (int j = 0; j < kCaptures; ++j)
        if (!messageOf([] { captureOnCuda(kDevice, nullptr, [] { std::this_thread::sleep_for(std::chrono::microseconds(200)); })->replay(); }).empty()) ++failed;
      --left;
    });
  while (left > 0) {
    if (hasty) {
      c10::cuda::CUDACachingAllocator::emptyCache();
    } else {
      const std::lock_guard<std::mutex> turn(captureTurn());
      c10::cuda::device_synchronize();
      c10::cuda::CUDACachingAllocator::emptyCache();
    }
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  for (std::thread& each : all) each.join();
  check(emulated::broken == 0 && failed == 0, std::to_string(failed) + " captures were broken by another thread");
  check(emulated::waits > 3 * kCaptures, "other threads had their turn");
  checkNothingLeft("after all threads");
}

}  // namespace

int main(int count, char** arguments) {
  captureAndReplay();
  endings();
  failures();
  launches();
  threads(count > 1 && std::string(arguments[1]) == "hasty");
  std::printf("%ld checks\n", checks);
}
