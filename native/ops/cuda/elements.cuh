// Elements as the kernels compute with them: 16-bit ones widened to float32 and rounded once, when they are stored.
//
// This file and those it includes need neither LibTorch nor a GPU: test/native/cuda-on-cpu compiles them for the CPU.
#pragma once

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

namespace dgsam::ops::cuda {

// What `T` is computed with (Wide), and how it gets there and back.
template <typename T>
struct Arithmetic {
  using Wide = T;
  __device__ static T widen(T value) { return value; }
  __device__ static T narrow(T value) { return value; }
};

template <>
struct Arithmetic<__half> {
  using Wide = float;
  __device__ static float widen(__half value) { return __half2float(value); }
  __device__ static __half narrow(float value) { return __float2half_rn(value); }
};

template <>
struct Arithmetic<__nv_bfloat16> {
  using Wide = float;
  __device__ static float widen(__nv_bfloat16 value) { return __bfloat162float(value); }
  __device__ static __nv_bfloat16 narrow(float value) { return __float2bfloat16_rn(value); }
};

// Never fused, so that what is stored has the bits that the CPU's kernels give it.
__device__ inline float times(float left, float right) { return __fmul_rn(left, right); }
__device__ inline double times(double left, double right) { return __dmul_rn(left, right); }
__device__ inline float plus(float left, float right) { return __fadd_rn(left, right); }
__device__ inline double plus(double left, double right) { return __dadd_rn(left, right); }
__device__ inline float magnitude(float value) { return fabsf(value); }
__device__ inline double magnitude(double value) { return fabs(value); }

// So many elements as one access to memory takes.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Lanes {
  using Wide = typename Arithmetic<T>::Wide;
  T values[kCount];

  __device__ Wide operator[](int lane) const { return Arithmetic<T>::widen(values[lane]); }
  __device__ void set(int lane, Wide value) { values[lane] = Arithmetic<T>::narrow(value); }
};

// Where in a piece such an access goes to.
template <typename T, int kCount>
struct Place {
  static constexpr int kLanes = kCount;
  int start;

  __device__ Lanes<T, kCount> load(const T* from) const { return *reinterpret_cast<const Lanes<T, kCount>*>(from + start); }
  __device__ void store(T* to, const Lanes<T, kCount>& lanes) const { *reinterpret_cast<Lanes<T, kCount>*>(to + start) = lanes; }
};

}  // namespace dgsam::ops::cuda
