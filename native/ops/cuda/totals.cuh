// Sums over a block of threads.
#pragma once

namespace dgsam::ops::cuda {

// The sums over the threads of a block, given back by the first.
template <int kBlock>
struct Total {
  double first = 0;
  double second = 0;

  __device__ void reduce() {
    __shared__ double sums[2][kBlock];
    sums[0][threadIdx.x] = first;
    sums[1][threadIdx.x] = second;
    for (int width = kBlock / 2; width > 0; width /= 2) {
      __syncthreads();
      if (static_cast<int>(threadIdx.x) >= width) continue;
      sums[0][threadIdx.x] += sums[0][threadIdx.x + width];
      sums[1][threadIdx.x] += sums[1][threadIdx.x + width];
    }
    first = sums[0][0];
    second = sums[1][0];
  }
};

}  // namespace dgsam::ops::cuda
