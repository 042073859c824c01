# CUDA sources: native/ops/cuda/*.cu (kernels) and *.cc, which belong to the operators, native/cuda/*.cc, which belong to the
# addon. CMakeLists.txt includes this where install/cuda.mjs found an nvcc; all sources then see DGSAM_CUDA.
#
# nvcc is called directly: CMake's own support for CUDA wants a whole toolkit, and to link a program before it starts.

set(DGSAM_CUDA_ARCHS "" CACHE STRING "what the kernels are compiled for: 80,90,120+PTX")
set(DGSAM_CUDA_HOST "${CMAKE_CXX_COMPILER}" CACHE FILEPATH "C++ compiler for nvcc")
set(DGSAM_CUDA_INCLUDE "" CACHE PATH "folder of the toolkit's headers, where the compiler does not look there by itself")

add_library(dgsam_cuda INTERFACE)
target_compile_definitions(dgsam_cuda INTERFACE DGSAM_CUDA)
target_include_directories(dgsam_cuda SYSTEM INTERFACE ${DGSAM_CUDA_INCLUDE})
# A CPU build of LibTorch has the headers of c10/cuda but this one, which is what its CUDA builds contain.
if(NOT EXISTS "${DGSAM_LIBTORCH}/include/c10/cuda/impl/cuda_cmake_macros.h")
  file(WRITE "${CMAKE_BINARY_DIR}/headers/c10/cuda/impl/cuda_cmake_macros.h" "#pragma once\n#define C10_CUDA_BUILD_SHARED_LIBS\n")
  target_include_directories(dgsam_cuda SYSTEM INTERFACE "${CMAKE_BINARY_DIR}/headers")
endif()
# The run-time library is deliberately not linked: its symbols come from the copy that libc10_cuda brings, wherever that lies
# and whatever it is called (archives have it under a name with a hash). Two copies in a process would keep two states. Where
# that copy is older than nvcc and lacks a symbol, loading fails and tells, instead of the process ending at the first launch.
target_link_options(dgsam_cuda INTERFACE LINKER:-z,now)

# --- Kernels ----------------------------------------------------------------------------------------------------------
set(DGSAM_NVCC_FLAGS -std=c++20 -O3 -DNDEBUG -DDGSAM_CUDA "-DDGSAM_CUDA_ARCHS=\"${DGSAM_CUDA_ARCHS}\"" -D_GLIBCXX_USE_CXX11_ABI=1 -ccbin "${DGSAM_CUDA_HOST}"
  # What PyTorch gives its own kernels and extensions. Fused multiply-add is on and fast-math off, as there.
  --expt-relaxed-constexpr --extended-lambda
  -D__CUDA_NO_HALF_OPERATORS__ -D__CUDA_NO_HALF_CONVERSIONS__ -D__CUDA_NO_BFLOAT16_CONVERSIONS__ -D__CUDA_NO_HALF2_OPERATORS__
  -Xcompiler=-fPIC,-fvisibility=hidden,-fvisibility-inlines-hidden,-ffp-contract=off,-Wall,-Wno-unknown-pragmas)
string(REPLACE "," ";" archs "${DGSAM_CUDA_ARCHS}")
foreach(arch ${archs})
  string(REGEX MATCH "^[0-9]+a?" number "${arch}")
  list(APPEND DGSAM_NVCC_FLAGS "-gencode=arch=compute_${number},code=sm_${number}")
  if(arch MATCHES "PTX$")
    list(APPEND DGSAM_NVCC_FLAGS "-gencode=arch=compute_${number},code=compute_${number}")
  endif()
endforeach()
foreach(folder "${CMAKE_BINARY_DIR}/headers" "${DGSAM_LIBTORCH}/include" "${DGSAM_LIBTORCH}/include/torch/csrc/api/include")
  # Named a second time, /usr/include would stand before the C++ library's own headers.
  if(NOT folder IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
    list(APPEND DGSAM_NVCC_FLAGS -isystem "${folder}")
  endif()
endforeach()

file(GLOB kernels CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/native/ops/cuda/*.cu")
# Not by what nvcc says a file includes: before CMake 3.20 only Ninja can be told.
file(GLOB headers CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/native/ops/*.h" "${CMAKE_SOURCE_DIR}/native/ops/cuda/*.h" "${CMAKE_SOURCE_DIR}/native/ops/cuda/*.cuh")
set(DGSAM_CUDA_OBJECTS)
foreach(source ${kernels})
  get_filename_component(name "${source}" NAME)
  set(object "${CMAKE_BINARY_DIR}/kernels/${name}.o")
  add_custom_command(OUTPUT "${object}" COMMAND "${DGSAM_NVCC}" ${DGSAM_NVCC_FLAGS} -c "${source}" -o "${object}"
    DEPENDS "${source}" ${headers} COMMENT "Compiling CUDA kernels ${name}" VERBATIM)
  list(APPEND DGSAM_CUDA_OBJECTS "${object}")
endforeach()
file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/kernels")

# --- What uses them on the CPU's side -----------------------------------------------------------------------------------
file(GLOB DGSAM_CUDA_OPS_SOURCES CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/native/ops/cuda/*.cc")
file(GLOB DGSAM_CUDA_ADDON_SOURCES CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/native/cuda/*.cc")

# Libraries take the kernels' objects from commands that Make would otherwise run twice at once.
add_custom_target(dgsam_cuda_kernels DEPENDS ${DGSAM_CUDA_OBJECTS})
# All that needs CUDA's headers, compiled and not linked: it can be had without a LibTorch that has CUDA's libraries
# (test/install/cuda-sources.test.ts).
add_custom_target(dgsam_cuda_objects)
add_dependencies(dgsam_cuda_objects dgsam_cuda_kernels)
if(DGSAM_CUDA_OPS_SOURCES OR DGSAM_CUDA_ADDON_SOURCES)
  add_library(dgsam_cuda_host OBJECT EXCLUDE_FROM_ALL ${DGSAM_CUDA_OPS_SOURCES} ${DGSAM_CUDA_ADDON_SOURCES})
  target_link_libraries(dgsam_cuda_host PRIVATE libtorch dgsam_cuda)
  target_include_directories(dgsam_cuda_host SYSTEM PRIVATE ${CMAKE_JS_INC})
  target_compile_definitions(dgsam_cuda_host PRIVATE NAPI_VERSION=9 NAPI_CPP_EXCEPTIONS)
  target_compile_options(dgsam_cuda_host PRIVATE -Wall -Wextra)
  add_dependencies(dgsam_cuda_objects dgsam_cuda_host)
endif()
