// A tiny model of the reference, its family and an attention backend, loaded from built plugins.
#pragma once
#include <strata/abi/model.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/plugin/config_table.hpp"
#include "core/plugin/family.hpp"
#include "core/plugin/host.hpp"
#include "core/run/compute.hpp"
#include "core/source/config.hpp"

namespace strata::torch::test {

// The table of a built attention backend, which stays loaded.
const strata_attention* attention_table(const std::string& name);

class TinyModel {
 public:
  // `attention` is the name of a backend; `tile` the bytes of a head's tile, 0 for a whole head.
  TinyModel(const std::string& attention, strata_dtype dtype, uint64_t tile);

  // The logits of every token of the sequences in one pass.
  std::vector<float> pass(const std::vector<std::vector<int32_t>>& tokens,
                          const std::vector<run::Sequence>& sequences);

  const plugin::Family& family() const { return *family_; }
  const strata_host* host() const;

 private:
  strata_config config_handle_{};
  std::unique_ptr<source::Config> config_;
  std::unique_ptr<plugin::Host> host_;
  std::unique_ptr<plugin::Family> family_;
  std::vector<zero::Unit> units_;
  std::vector<std::vector<std::byte>> memory_;  // run form of each unit
  std::unique_ptr<run::Compute> compute_;
};

}  // namespace strata::torch::test
