#include "images.h"

#include <c10/cuda/CUDAException.h>

#include <algorithm>

#include "images.cuh"

namespace dgsam::ops::cuda {

void makeTrainingImages(CUstream_st* stream, const Images& images, const ImageJobs<1>& common, const std::vector<ImageJob>& jobs, float* to) {
  ImageJobs<kImageJobs> some{common.sizes, common.scale, {}, {}, 0, {}};
  std::copy_n(common.mean, 3, some.mean);
  std::copy_n(common.deviation, 3, some.deviation);
  for (size_t first = 0; first < jobs.size(); first += kImageJobs) {
    const size_t count = std::min<size_t>(kImageJobs, jobs.size() - first);
    some.first = static_cast<int64_t>(first);
    std::copy_n(jobs.begin() + static_cast<std::ptrdiff_t>(first), count, some.of);
    if (images.isFloat)
      makeTrainingImages<<<static_cast<unsigned>(count), kImageThreads, 0, stream>>>(some, static_cast<const float*>(images.data), to);
    else
      makeTrainingImages<<<static_cast<unsigned>(count), kImageThreads, 0, stream>>>(some, static_cast<const unsigned char*>(images.data), to);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  }
}

}  // namespace dgsam::ops::cuda
