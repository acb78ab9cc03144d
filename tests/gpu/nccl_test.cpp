// A group of one rank, whose data NCCL moves.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "core/run/group.hpp"
#include "torch/cuda/cuda_device.hpp"

extern "C" std::unique_ptr<strata::run::Group> strata_open_cuda_group(
    const strata::run::GroupOptions& options);

namespace strata::torch {

using device::Element;
using device::Lane;

namespace {

constexpr uint64_t size = 4u << 20;

std::unique_ptr<run::Group> one_rank(const std::string& device) {
  return strata_open_cuda_group({.ranks = {}, .device = device, .on_lost = {}});
}

void fill(std::byte* memory) {
  auto* numbers = reinterpret_cast<float*>(memory);
  for (uint64_t i = 0; i < size / 4; ++i) numbers[i] = static_cast<float>(i % 251) - 125;
}

}  // namespace

TEST_CASE("a group of one rank keeps its data through every collective of NCCL", "[gpu][nccl]") {
  const auto group = one_rank("cuda:0");
  auto& data = group->data();
  REQUIRE(data.ranks() == 1);
  CudaDevice device(2);
  auto* arena = device.arena(size);
  auto* from = device.staging(size);
  auto* to = device.staging(size);
  double values[2] = {3, 0.1};
  fill(from);
  device.copy(Lane::comm, arena, from, size);
  device.gather(data, arena, size);
  device.reduce_scatter(data, arena, size, Element::float32);
  device.reduce_scatter(data, arena, size, Element::bfloat16);
  device.broadcast(data, arena, size, 0);
  device.copy(Lane::comm, to, arena, size);
  device.record(Lane::comm, 0, 1);
  device.all_reduce(data, values, 2);
  device.record(Lane::host, 1, 1);
  device.synchronize(0, 1);
  device.synchronize(1, 1);
  REQUIRE(std::equal(from, from + size, to));
  REQUIRE((values[0] == 3 && values[1] == 0.1));
  const auto collected = data.collected();
  REQUIRE(collected.library == "nccl");
  REQUIRE((collected.all_gather.calls == 1 && collected.all_gather.bytes == size));
  REQUIRE((collected.reduce_scatter.calls == 2 && collected.reduce_scatter.bytes == 2 * size));
  REQUIRE(collected.all_reduce.calls == 1);
}

TEST_CASE("NCCL gathers in page-locked memory of the host", "[gpu][nccl]") {
  const auto group = one_rank("cuda");
  CudaDevice device(1);
  auto* flags = device.staging(4096);
  std::fill_n(flags, 4096, std::byte{1});
  device.gather(group->data(), flags, 4096);
  device.record(Lane::comm, 0, 1);
  device.synchronize(0, 1);
  REQUIRE(std::all_of(flags, flags + 4096, [](auto flag) { return flag == std::byte{1}; }));
}

TEST_CASE("a GPU that is not there is refused by its number", "[gpu][device]") {
  cudaGetLastError();  // those of others are not this test's
  REQUIRE_THROWS_WITH(CudaDevice(1, 127), Catch::Contains("there is no device 127"));
  REQUIRE_THROWS_WITH(one_rank("cuda:127"), Catch::Contains("there is no device 127"));
  REQUIRE_THROWS_WITH(one_rank("cpu"), Catch::Contains("is no GPU"));
  REQUIRE(cudaPeekAtLastError() == cudaSuccess);  // else the next kernel would report it
}

}  // namespace strata::torch
