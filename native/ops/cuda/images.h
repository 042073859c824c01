// What the kernel of images.cuh is told, and its launch on a CUDA stream, for code that the host's compiler compiles.
#pragma once

#include <cstdint>
#include <vector>

struct CUstream_st;

namespace dgsam::ops::cuda {

struct ImageSizes {
  int height, width;
  int toHeight, toWidth;
};

struct ImageStep {
  // As JitterKind (../image_kernels.h).
  enum Kind : int { kBrightness, kContrast, kSaturation, kHue, kGrey };
  Kind kind;
  // Of hue: sixths of the circle.
  float factor;
  // 1 - factor, rounded once.
  float rest;
};

// Brightness, contrast, saturation, hue, grey, and as many again.
constexpr int kMaxImageSteps = 10;

// What is made of an image.
struct ImageJob {
  // Its place among the images.
  int64_t index;
  // The box.
  int top, left, height, width;
  bool flipped;
  int steps;
  ImageStep step[kMaxImageSteps];
};

// An argument of the kernel: it may take 4 KiB.
template <int kJobs>
struct ImageJobs {
  ImageSizes sizes;
  // Of the pixels, before the steps.
  float scale;
  // Of the normalisation, by channel.
  float mean[3], deviation[3];
  // How many images were made before these.
  int64_t first;
  ImageJob of[kJobs];
};

constexpr int kImageJobs = 24;
static_assert(sizeof(ImageJobs<kImageJobs>) < 4000, "jobs and the kernel's other arguments must fit");

struct Images {
  const void* data;
  bool isFloat;
};

// Writes an image [3, toHeight, toWidth] of float32 for each job, one after the other. `common`: all but `first` and `of`.
void makeTrainingImages(CUstream_st* stream, const Images& images, const ImageJobs<1>& common, const std::vector<ImageJob>& jobs, float* to);

}  // namespace dgsam::ops::cuda
