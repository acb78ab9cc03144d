// A stand-in for the half that does arithmetic: it keeps the rows of the embedding that it is given
// and expands a unit by adding one to each byte.
#pragma once
#include <cstring>
#include <string>
#include <vector>

#include "core/run/compute.hpp"

namespace made {

class NotingCompute : public strata::run::Compute {
 public:
  struct Rows {
    std::string bytes;
    bool stored = false;
  };
  std::vector<Rows> given;
  std::vector<const std::byte*> tables;
  int expanded = 0;

  // The rows of the next call of rows() are so many bytes.
  explicit NotingCompute(std::size_t bytes = 0) : bytes_(bytes) {}
  void expect(std::size_t bytes) { bytes_ = bytes; }

  void* stream(uint32_t) override { return nullptr; }
  void begin(const strata::run::Batch&) override {}
  void expand(const strata::zero::Unit& unit, const std::byte* stored, std::byte* run) override {
    for (uint64_t i = 0; i < unit.run_bytes; ++i)
      run[i] = static_cast<std::byte>(std::to_integer<unsigned>(stored[i]) + 1);
    ++expanded;
  }
  void rows(const strata::zero::Weight&, const std::byte* rows, bool stored) override {
    given.push_back({std::string(reinterpret_cast<const char*>(rows), bytes_), stored});
  }
  void table(const strata::zero::Weight&, const std::byte* table) override {
    tables.push_back(table);
  }
  void run(const strata::zero::Unit&, const std::byte*, uint32_t) override {}
  std::span<const float> logits() override { return {}; }
  void reset() override {}
  Held held() override { return {}; }

 private:
  std::size_t bytes_;
};

}  // namespace made
