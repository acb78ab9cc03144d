#include "torch/cuda/cuda_device.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "core/error.hpp"
#include "tests/gpu/device_memory.hpp"
#include "torch/device.hpp"

namespace strata::torch {

using device::Lane;

namespace {

constexpr uint64_t size = 32u << 20;

void fill(std::byte* memory, unsigned seed) {
  for (uint64_t i = 0; i < size; ++i)
    memory[i] = static_cast<std::byte>((i * 2654435761u + seed * 40503UL) >> 7);
}

bool is_filled(const std::byte* memory, unsigned seed) {
  for (uint64_t i = 0; i < size; ++i)
    if (memory[i] != static_cast<std::byte>((i * 2654435761u + seed * 40503UL) >> 7)) return false;
  return true;
}

std::exception_ptr broken() { return std::make_exception_ptr(Error("disk", "it broke", "")); }

}  // namespace

TEST_CASE("a copy at once is done when it returns, on any thread", "[gpu][device]") {
  CudaDevice device(1);
  auto* arena = device.arena(size);
  auto* from = device.staging(size);
  std::vector<std::byte> to(size);
  fill(from, 3);
  std::thread([&] {
    device.copy_at_once(arena, from, size);
    device.copy_at_once(to.data(), arena, size);
  }).join();
  CHECK(is_filled(to.data(), 3));
}

TEST_CASE("a lane sees what the lane that it waits for has copied", "[gpu][device]") {
  CudaDevice device(3);
  auto* arena = device.arena(2 * size);
  auto* from = device.staging(size);
  auto* to = device.staging(size);
  fill(from, 1);
  device.copy(Lane::copy, arena, from, size);
  device.record(Lane::copy, 0, 1);
  device.wait(Lane::comm, 0, 1);
  device.copy(Lane::comm, arena + size, arena, size);
  device.record(Lane::comm, 1, 1);
  device.wait(Lane::compute, 1, 1);
  device.copy(Lane::compute, to, arena + size, size);
  device.record(Lane::compute, 2, 1);
  device.synchronize(2, 1);
  REQUIRE(is_filled(to, 1));
}

TEST_CASE("a wait holds until another thread has issued the event", "[gpu][device]") {
  CudaDevice device(2);
  auto* arena = device.arena(size);
  auto* from = device.staging(size);
  auto* to = device.staging(size);
  fill(from, 2);
  std::thread reader([&] {
    device.copy(Lane::io, arena, from, size);
    device.record(Lane::io, 0, 1);
  });
  device.wait(Lane::compute, 0, 1);
  device.copy(Lane::compute, to, arena, size);
  device.record(Lane::compute, 1, 1);
  device.synchronize(1, 1);
  reader.join();
  REQUIRE(is_filled(to, 2));
}

TEST_CASE("a slot that is used again and again holds each time what was copied last",
          "[gpu][device]") {
  constexpr uint32_t fetched = 0, released = 1, rounds = 12;
  CudaDevice device(2);
  auto* slot = device.arena(size);
  auto* from = device.staging(rounds * size);
  auto* to = device.staging(rounds * size);
  for (uint32_t i = 0; i < rounds; ++i) fill(from + i * size, i);
  for (uint32_t i = 0; i < rounds; ++i) {
    if (i > 0) device.wait(Lane::copy, released, i);
    device.copy(Lane::copy, slot, from + i * size, size);
    device.record(Lane::copy, fetched, i + 1);
    device.wait(Lane::compute, fetched, i + 1);
    device.copy(Lane::compute, to + i * size, slot, size);
    device.record(Lane::compute, released, i + 1);
  }
  device.synchronize(released, rounds);
  for (uint32_t i = 0; i < rounds; ++i) {
    CAPTURE(i);
    REQUIRE(is_filled(to + i * size, i));
  }
}

TEST_CASE("a lane's failure passes on to all who wait for its events", "[gpu][device]") {
  CudaDevice device(4);
  auto* arena = device.arena(size);
  auto* memory = device.staging(size);
  fill(memory, 3);
  device.fail(Lane::io, broken());
  device.copy(Lane::io, arena, memory, size);
  device.record(Lane::io, 0, 1);
  REQUIRE_THROWS_WITH(device.synchronize(0, 1), Catch::Contains("it broke"));
  REQUIRE_THROWS_WITH(device.wait(Lane::compute, 0, 1), Catch::Contains("it broke"));
  REQUIRE_NOTHROW(device.wait(Lane::copy, 0, 1));
  device.record(Lane::copy, 1, 1);
  REQUIRE_THROWS_WITH(device.synchronize(1, 1), Catch::Contains("it broke"));
  device.record(Lane::comm, 2, 1);
  REQUIRE_NOTHROW(device.synchronize(2, 1));
}

TEST_CASE("an arena that the GPU has no room for is refused by its size", "[gpu][device]") {
  CudaDevice device(0);
  REQUIRE_THROWS_WITH(device.arena(uint64_t{1} << 50), Catch::Contains("1125899906842624 bytes") &&
                                                           Catch::Contains("--device-memory"));
  REQUIRE(device.arena(size) != nullptr);
}

TEST_CASE("an arena takes no more of the GPU than its bytes", "[gpu][device]") {
  CudaDevice device(0);
  std::size_t before = 0, after = 0, all = 0;
  test::succeed(cudaMemGetInfo(&before, &all));
  device.arena(size * 8);
  test::succeed(cudaMemGetInfo(&after, &all));
  REQUIRE(before - after <= size * 8 + (2u << 20));
}

TEST_CASE("staging is page-locked", "[gpu][device]") {
  CudaDevice device(0);
  const auto* memory = device.staging(size);
  cudaPointerAttributes seen{};
  test::succeed(cudaPointerGetAttributes(&seen, memory + size - 1));
  REQUIRE(seen.type == cudaMemoryTypeHost);
}

TEST_CASE("all that a thread opens computes on one stream, not on the shared one",
          "[gpu][device]") {
  const auto first = open_place({STRATA_CUDA, 0}), second = open_place({STRATA_CUDA, 0});
  REQUIRE(first.stream->native_handle() == second.stream->native_handle());
  REQUIRE(first.stream->native_handle() != nullptr);
}

}  // namespace strata::torch
