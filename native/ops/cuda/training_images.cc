// dgsam::training_images on CUDA devices, by one launch for a few images each. Where the kernels were not compiled for the device, the CPU makes
// the images.
#include <ATen/Functions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "../image_checks.h"
#include "../images.h"
#include "build_info.h"
#include "images.h"

namespace dgsam::ops::cuda {
namespace {

std::vector<ImageStep> stepsOf(at::IntArrayRef kinds, at::ArrayRef<double> factors) {
  std::vector<ImageStep> steps;
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == kNoJitter) continue;
    const auto kind = static_cast<ImageStep::Kind>(kinds[i]);
    steps.push_back({kind, static_cast<float>(kind == ImageStep::kHue ? 6 * factors[i] : factors[i]), static_cast<float>(1 - factors[i])});
  }
  TORCH_CHECK(steps.size() <= kMaxImageSteps, "dgsam::training_images: kinds: expected at most ", kMaxImageSteps, " steps for an image on a CUDA device, got ",
              steps.size());
  return steps;
}

at::Tensor trainingImages(const at::Tensor& images, at::IntArrayRef indices, at::IntArrayRef boxes, at::IntArrayRef flips, int64_t height, int64_t width,
                          at::IntArrayRef kinds, at::ArrayRef<double> factors, at::ArrayRef<double> mean, at::ArrayRef<double> deviation) {
  if (!serves(images.device().index()))
    return ops::trainingImages(images.cpu(), indices, boxes, flips, height, width, kinds, factors, mean, deviation).to(images.device());
  checkTraining(images, indices, boxes, flips, height, width, kinds, factors, mean, deviation);
  TORCH_CHECK(height * width <= (1 << 30), "dgsam::training_images: expected at most 2^30 pixels for an image, got ", height * width);
  const c10::cuda::CUDAGuard guard(images.device());
  const at::Tensor source = images.contiguous();
  const size_t count = indices.size(), steps = count == 0 ? 0 : kinds.size() / count;
  at::Tensor result = at::empty({static_cast<int64_t>(count), 3, height, width}, images.options().dtype(at::kFloat));
  std::vector<ImageJob> jobs(count);
  for (size_t i = 0; i < count; ++i) {
    ImageJob& job = jobs[i];
    job.index = indices[i];
    int* const box[] = {&job.top, &job.left, &job.height, &job.width};
    for (size_t k = 0; k < 4; ++k) *box[k] = static_cast<int>(boxes[4 * i + k]);
    job.flipped = flips[i] != 0;
    const std::vector<ImageStep> own = stepsOf(kinds.slice(i * steps, steps), factors.slice(i * steps, steps));
    job.steps = static_cast<int>(own.size());
    std::copy(own.begin(), own.end(), job.step);
  }
  const bool isFloat = images.scalar_type() == at::kFloat;
  ImageJobs<1> common{{static_cast<int>(images.size(2)), static_cast<int>(images.size(3)), static_cast<int>(height), static_cast<int>(width)},
                      isFloat ? 1.0f : static_cast<float>(1.0 / 255), {}, {}, 0, {}};
  for (size_t channel = 0; channel < 3; ++channel) {
    common.mean[channel] = static_cast<float>(mean[channel]);
    common.deviation[channel] = static_cast<float>(deviation[channel]);
  }
  if (count > 0) makeTrainingImages(c10::cuda::getCurrentCUDAStream(), {source.const_data_ptr(), isFloat}, common, jobs, result.mutable_data_ptr<float>());
  return result;
}

TORCH_LIBRARY_IMPL(dgsam, CUDA, m) { m.impl("training_images", TORCH_FN(trainingImages)); }

}  // namespace
}  // namespace dgsam::ops::cuda
