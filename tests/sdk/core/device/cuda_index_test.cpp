#include "core/device/cuda_index.hpp"

#include <catch2/catch.hpp>

using strata::device::cuda_index;

TEST_CASE("a GPU's name has its number, and no other text is one", "[device][cuda_index]") {
  CHECK(cuda_index("cuda") == 0u);
  CHECK(cuda_index("cuda:0") == 0u);
  CHECK(cuda_index("cuda:7") == 7u);
  CHECK(cuda_index("cuda:127") == 127u);
  for (const auto* other : {"", "cpu", "cuda:", "cuda:-1", "cuda:+1", "cuda:01", "cuda:128",
                            "cuda:1 ", "cuda:1000", "CUDA"})
    CHECK(!cuda_index(other));
}
