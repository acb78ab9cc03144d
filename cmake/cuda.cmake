# Finds nvcc, and the CUDA runtime that LibTorch itself uses.
#
# Kernels are compiled for Hopper and Blackwell, and as PTX for older and newer GPUs.
set(CMAKE_CUDA_ARCHITECTURES "80-virtual;90-real;100-real" CACHE STRING "GPUs that kernels are compiled for")
if(NOT DEFINED CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX} AND EXISTS /usr/local/cuda/bin/nvcc)
  set(CMAKE_CUDA_COMPILER /usr/local/cuda/bin/nvcc)
endif()
if(STRATA_CCACHE)
  set(CMAKE_CUDA_COMPILER_LAUNCHER "${STRATA_CCACHE}")
endif()
enable_language(CUDA)
# Each plugin with kernels has a copy of its own; a sixth of their size remains.
string(APPEND CMAKE_CUDA_FLAGS " --compress-mode=size")
# CMake 3.25 does not know that nvcc 13 supports C++20.
foreach(form STANDARD EXTENSION)
  set(CMAKE_CUDA20_${form}_COMPILE_OPTION "-std=c++20")
endforeach()
