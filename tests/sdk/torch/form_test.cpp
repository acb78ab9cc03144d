#include "torch/form.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

TEST_CASE("each dtype of the ABI is LibTorch's of the same kind and width, both ways",
          "[torch][form]") {
  const auto [dtype, type] = GENERATE(table<strata_dtype, at::ScalarType>({
      {{STRATA_FLOAT, 64, 1}, at::kDouble},
      {{STRATA_FLOAT, 32, 1}, at::kFloat},
      {{STRATA_FLOAT, 16, 1}, at::kHalf},
      {{STRATA_BFLOAT, 16, 1}, at::kBFloat16},
      {{STRATA_INT, 64, 1}, at::kLong},
      {{STRATA_INT, 32, 1}, at::kInt},
      {{STRATA_INT, 16, 1}, at::kShort},
      {{STRATA_INT, 8, 1}, at::kChar},
      {{STRATA_UINT, 8, 1}, at::kByte},
      {{STRATA_BOOL, 8, 1}, at::kBool},
  }));
  CHECK(scalar_type(dtype) == type);
  const auto back = dtype_of(type);
  CHECK(back.code == dtype.code);
  CHECK(back.bits == dtype.bits);
  CHECK(back.lanes == 1);
  CHECK(at::elementSize(type) * 8 == dtype.bits);
}

TEST_CASE("dtypes that the other side does not have are refused by name", "[torch][form]") {
  CHECK_THROWS_WITH(scalar_type({STRATA_UINT, 32, 1}), Catch::Contains("code 1 with 32 bits"));
  CHECK_THROWS_WITH(scalar_type({STRATA_FLOAT, 32, 2}), Catch::Contains("no arithmetic"));
  CHECK_THROWS_WITH(dtype_of(at::kComplexFloat), Catch::Contains("ComplexFloat"));
}

TEST_CASE("devices keep their kind and number both ways", "[torch][form]") {
  CHECK(device_of(strata_device{STRATA_CPU, 0}).is_cpu());
  const auto gpu = device_of(strata_device{STRATA_CUDA, 3});
  CHECK(gpu.is_cuda());
  CHECK(gpu.index() == 3);
  CHECK(device_of(gpu).type == STRATA_CUDA);
  CHECK(device_of(gpu).id == 3);
  CHECK(device_of(at::Device(at::kCPU)).type == STRATA_CPU);
}

TEST_CASE("a borrowed tensor is the owner's memory, with the shape that is asked for",
          "[torch][form]") {
  std::vector<float> memory{1, 2, 3, 4, 5, 6};
  const auto tensor =
      borrowed(reinterpret_cast<const std::byte*>(memory.data()), {2, 3}, at::kFloat, at::kCPU);
  memory[4] = 50;
  CHECK(tensor.is_contiguous());
  CHECK(tensor.data_ptr() == memory.data());
  CHECK(tensor[1][1].item<float>() == 50);
  CHECK(uploaded(tensor, at::kCPU).is_same(tensor));  // a CPU needs no copy
}

}  // namespace strata::torch
