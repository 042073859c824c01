// The kernel that makes images to train on, a block of threads for each: what trainingImages (../images.h) does on the CPU, with the
// same bits but where the mean of an image's grey values, summed in another order, is rounded elsewhere.
#pragma once

#include "elements.cuh"
#include "images.h"
#include "totals.cuh"

namespace dgsam::ops::cuda {

constexpr int kImageThreads = 512;

// --- Resizing ---------------------------------------------------------------------------------------------------------

// How a place of a line comes from a line of another length: `taps` weights from `first` on, as triangleWeights (../images.cc) has them.
struct Line {
  float centre;
  float inverse;
  int first;
  int taps;
  float total;

  __device__ Line(int inputs, int outputs, int place) {
    const float scale = static_cast<float>(inputs) / static_cast<float>(outputs);
    const float support = scale > 1.0f ? scale : 1.0f;
    inverse = scale >= 1.0f ? 1.0f / scale : 1.0f;
    centre = times(scale, plus(static_cast<float>(place), 0.5f));
    first = static_cast<int>(plus(plus(centre, -support), 0.5f));
    if (first < 0) first = 0;
    if (first >= inputs) first = inputs - 1;
    const int end = static_cast<int>(plus(plus(centre, support), 0.5f));
    taps = (end < inputs ? end : inputs) - first;
    if (taps < 1) taps = 1;
    total = 0;
    for (int k = 0; k < taps; ++k) total = plus(total, triangle(k));
  }

  __device__ float weight(int k, float factor) const { return times(triangle(k) / total, factor); }

 private:
  __device__ float triangle(int k) const {
    const float distance = fabsf(times(plus(plus(static_cast<float>(k + first), -centre), 0.5f), inverse));
    return distance < 1.0f ? plus(1.0f, -distance) : 0.0f;
  }
};

struct Pixel {
  float red, green, blue;
};

template <typename T>
__device__ Pixel resized(const T* image, const ImageSizes& sizes, const ImageJob& job, float scale, int y, int x) {
  const Line row(job.height, sizes.toHeight, y);
  const Line column(job.width, sizes.toWidth, job.flipped ? sizes.toWidth - 1 - x : x);
  const int64_t plane = static_cast<int64_t>(sizes.height) * sizes.width;
  const T* const corner = image + static_cast<int64_t>(job.top + row.first) * sizes.width + job.left + column.first;
  float sums[3];
  for (int h = 0; h < column.taps; ++h) {
    const float across = column.weight(h, 1.0f);
    float inner[3];
    for (int v = 0; v < row.taps; ++v) {
      const float down = row.weight(v, scale);
      const T* const at = corner + static_cast<int64_t>(v) * sizes.width + h;
      for (int channel = 0; channel < 3; ++channel) {
        const float product = times(down, static_cast<float>(at[channel * plane]));
        inner[channel] = v == 0 ? product : plus(inner[channel], product);
      }
    }
    for (int channel = 0; channel < 3; ++channel) {
      const float product = times(across, inner[channel]);
      sums[channel] = h == 0 ? product : plus(sums[channel], product);
    }
  }
  return {sums[0], sums[1], sums[2]};
}

// --- Colours, as in ../images.inc -------------------------------------------------------------------------------------

__device__ inline float clampToUnit(float value) {
  value = value > 0 ? value : 0.0f;
  return value < 1 ? value : 1.0f;
}

__device__ inline float greyOf(const Pixel& pixel) {
  return plus(plus(times(0.2989f, pixel.red), times(0.587f, pixel.green)), times(0.114f, pixel.blue));
}

__device__ inline Pixel blend(const Pixel& pixel, float other, float factor, float rest) {
  const float added = times(other, rest);
  return {clampToUnit(plus(times(pixel.red, factor), added)), clampToUnit(plus(times(pixel.green, factor), added)),
          clampToUnit(plus(times(pixel.blue, factor), added))};
}

__device__ inline float channelAt(float hue, float offset, float most, float range) {
  float place = plus(hue, offset);
  place = place >= 6 ? plus(place, -6) : place;
  const float other = plus(4, -place);
  return plus(most, -times(range, clampToUnit(place < other ? place : other)));
}

__device__ inline Pixel turnHue(const Pixel& pixel, float sixths) {
  const auto [red, green, blue] = pixel;
  const float greater = red > green ? red : green;
  const float lesser = red > green ? green : red;
  const float most = greater > blue ? greater : blue;
  const float range = plus(most, -(lesser < blue ? lesser : blue));
  const float divisor = range == 0 ? 1.0f : range;
  const float difference = most == red ? plus(green, -blue) : (most == green ? plus(blue, -red) : plus(red, -green));
  const float sector = most == red ? 0.0f : (most == green ? 2.0f : 4.0f);
  float hue = plus(plus(difference / divisor, sector), sixths);
  hue = hue < 0 ? plus(hue, 6) : hue;
  hue = hue >= 6 ? plus(hue, -6) : hue;
  return {channelAt(hue, 5, most, range), channelAt(hue, 3, most, range), channelAt(hue, 1, most, range)};
}

__device__ inline Pixel changed(const Pixel& pixel, const ImageStep& step, float mean) {
  switch (step.kind) {
    case ImageStep::kBrightness:
      return blend(pixel, 0, step.factor, 0);
    case ImageStep::kContrast:
      return blend(pixel, mean, step.factor, step.rest);
    case ImageStep::kSaturation:
      return blend(pixel, greyOf(pixel), step.factor, step.rest);
    case ImageStep::kHue:
      return turnHue(pixel, step.factor);
    default: {
      const float grey = greyOf(pixel);
      return {grey, grey, grey};
    }
  }
}

// --- The kernel -------------------------------------------------------------------------------------------------------

// A step of contrast needs the mean of what comes to it, so it begins a sweep of its own. Between sweeps an image lies in `to`, where each
// pixel is one thread's.
template <typename T, int kJobs>
__global__ void __launch_bounds__(kImageThreads) makeTrainingImages(const __grid_constant__ ImageJobs<kJobs> jobs, const T* images, float* to) {
  const ImageJob& job = jobs.of[blockIdx.x];
  const ImageSizes& sizes = jobs.sizes;
  const int pixels = sizes.toHeight * sizes.toWidth;
  const T* const image = images + 3 * job.index * sizes.height * sizes.width;
  float* const red = to + 3 * (jobs.first + blockIdx.x) * static_cast<int64_t>(pixels);
  float* const green = red + pixels;
  float* const blue = green + pixels;
  __shared__ float mean;
  bool isMade = false;
  for (int from = 0, end;; from = end, isMade = true) {
    end = isMade ? from + 1 : 0;
    while (end < job.steps && job.step[end].kind != ImageStep::kContrast) ++end;
    const bool isLast = end == job.steps;
    Total<kImageThreads> grey;
    for (int i = threadIdx.x; i < pixels; i += kImageThreads) {
      Pixel pixel = isMade ? Pixel{red[i], green[i], blue[i]} : resized(image, sizes, job, jobs.scale, i / sizes.toWidth, i % sizes.toWidth);
      for (int step = from; step < end; ++step) pixel = changed(pixel, job.step[step], mean);
      if (isLast) {
        pixel = {plus(pixel.red, -jobs.mean[0]) / jobs.deviation[0], plus(pixel.green, -jobs.mean[1]) / jobs.deviation[1],
                 plus(pixel.blue, -jobs.mean[2]) / jobs.deviation[2]};
      } else {
        grey.first += static_cast<double>(greyOf(pixel));
      }
      red[i] = pixel.red;
      green[i] = pixel.green;
      blue[i] = pixel.blue;
    }
    if (isLast) return;
    grey.reduce();
    if (threadIdx.x == 0) mean = static_cast<float>(grey.first / pixels);
    __syncthreads();
  }
}

}  // namespace dgsam::ops::cuda
