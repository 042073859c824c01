// In place of CUDA's, for graph.cc of this folder.
#pragma once

struct CUstream_st;
using cudaStream_t = CUstream_st*;
enum cudaError_t { cudaSuccess };
enum cudaStreamCaptureMode { cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal, cudaStreamCaptureModeRelaxed };
constexpr unsigned cudaStreamNonBlocking = 1;

using cudaEvent_t = cudaStream_t*;
constexpr unsigned cudaEventDisableTiming = 2;

inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline const char* cudaGetErrorString(cudaError_t) { return ""; }
namespace emulated {
// The stream on which something that a capture began with is not done yet.
inline cudaStream_t unsettled = nullptr;
}  // namespace emulated
inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (stream == emulated::unsettled) emulated::unsettled = nullptr;
  return cudaSuccess;
}
namespace emulated {
// The stream that was told to wait for an event last, and the one whose work that was.
inline cudaStream_t waiting = nullptr, waitedFor = nullptr;
}  // namespace emulated
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new cudaStream_t(nullptr);
  return cudaSuccess;
}
inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  *event = stream;
  return cudaSuccess;
}
inline cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  emulated::waiting = stream;
  emulated::waitedFor = *event;
  return cudaSuccess;
}
inline cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  static char streams[64], *next = streams;
  *stream = reinterpret_cast<cudaStream_t>(next++);
  return cudaSuccess;
}
