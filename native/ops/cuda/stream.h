// A CUDA stream, for code that the host's compiler compiles.
#pragma once

struct CUstream_st;

namespace dgsam::ops::cuda {

using Stream = CUstream_st*;

}  // namespace dgsam::ops::cuda
