#include "image_kernels.h"

#include <ATen/Version.h>

#include <string>

namespace dgsam::ops {
namespace {

#define DGSAM_LOOPS "images.inc"
#include "instruction_sets.inc"

}  // namespace

const ImageKernels& imageKernels() {
  static const ImageKernels kernels = DGSAM_FOR_PROCESSOR(imageKernelsOf)();
  return kernels;
}

}  // namespace dgsam::ops
