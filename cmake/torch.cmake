# LibTorch from the Python environment, as plain imported targets: TorchConfig.cmake would require a CUDA
# toolkit and add run paths of its own. Its headers are system headers, without warnings.
file(GLOB torch_folder "${STRATA_VENV}/lib/python3*/site-packages/torch")
if(NOT EXISTS "${torch_folder}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "No LibTorch under STRATA_VENV=${STRATA_VENV}: install torch there, or set STRATA_TORCH=OFF")
endif()
set(STRATA_TORCH_LIB "${torch_folder}/lib" CACHE STRING "Where the installed libstrata-torch finds LibTorch; may begin with $ORIGIN")

foreach(library c10 torch_cpu)
  add_library(torch::${library} SHARED IMPORTED)
  set_target_properties(torch::${library} PROPERTIES
    IMPORTED_LOCATION "${torch_folder}/lib/lib${library}.so"
    INTERFACE_INCLUDE_DIRECTORIES "${torch_folder}/include")
endforeach()
# LibTorch's run path finds its CUDA libraries when it is loaded; our linker does not.
set_property(TARGET torch::torch_cpu PROPERTY INTERFACE_LINK_OPTIONS "-Wl,--allow-shlib-undefined")
set_property(TARGET torch::torch_cpu PROPERTY INTERFACE_LINK_LIBRARIES torch::c10)

if(STRATA_CUDA)
  # The wheels contain the runtime without the file name that a linker looks for.
  set(cuda_folder "${torch_folder}/../nvidia/cu13")
  if(NOT EXISTS "${cuda_folder}/lib/libcudart.so.13" OR NOT EXISTS "${torch_folder}/lib/libtorch_cuda.so")
    message(FATAL_ERROR "No LibTorch for CUDA 13 under STRATA_VENV=${STRATA_VENV}: install it there, or set STRATA_CUDA=OFF")
  endif()
  add_library(torch::cudart SHARED IMPORTED)
  set_target_properties(torch::cudart PROPERTIES
    IMPORTED_LOCATION "${cuda_folder}/lib/libcudart.so.13"
    INTERFACE_INCLUDE_DIRECTORIES "${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES}")
  add_library(torch::nccl SHARED IMPORTED)
  set_target_properties(torch::nccl PROPERTIES
    IMPORTED_LOCATION "${torch_folder}/../nvidia/nccl/lib/libnccl.so.2"
    INTERFACE_INCLUDE_DIRECTORIES "${torch_folder}/../nvidia/nccl/include")
  # No symbol of it is referenced: it registers itself with torch_cpu when it is loaded.
  add_library(torch::torch_cuda SHARED IMPORTED)
  set_target_properties(torch::torch_cuda PROPERTIES
    IMPORTED_LOCATION "${torch_folder}/lib/libtorch_cuda.so"
    INTERFACE_LINK_OPTIONS "-Wl,--no-as-needed,--allow-shlib-undefined"
    INTERFACE_LINK_LIBRARIES torch::torch_cpu)
endif()
