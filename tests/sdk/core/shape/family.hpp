// A family made by a test, without a library: declared and run through the ABI like any other.
#pragma once
#include <strata/model.hpp>

#include "core/ops/op_table.hpp"
#include "core/plugin/config_table.hpp"
#include "core/plugin/family.hpp"
#include "core/plugin/host.hpp"

// The class Model as a family, for a configuration with only the keys that it reads.
template <class Model>
class Opened {
 public:
  explicit Opened(const std::string& json = R"({"model_type": "test"})")
      : values_(json, "test.json"), seen_{&values_}, opened_(open()),
        family_(&strata::ModelTable<Model, strata::abi::Literal("test")>::table, "test",
                host_.table(), &seen_) {}
  const strata::plugin::Family& operator*() const { return family_; }
  const strata::plugin::Family* operator->() const { return &family_; }

 private:
  bool open() { return strata::abi::open_plugin(host_.table()) == STRATA_OK; }

  strata::plugin::Host host_{strata::plugin::config_table(), strata::ops::op_table()};
  strata::source::Config values_;
  strata_config seen_;
  bool opened_;
  strata::plugin::Family family_;
};
