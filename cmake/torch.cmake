# LibTorch out of the Python environment, as plain imported targets: TorchConfig.cmake would ask for
# a CUDA toolkit and add run paths of its own. Its headers are not ours to warn about.
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
# Its own libraries of CUDA are found by its run path when it is loaded, not by our linker.
set_property(TARGET torch::torch_cpu PROPERTY INTERFACE_LINK_OPTIONS "-Wl,--allow-shlib-undefined")
set_property(TARGET torch::torch_cpu PROPERTY INTERFACE_LINK_LIBRARIES torch::c10)
