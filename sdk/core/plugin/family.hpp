// A model plugin's instance for one configuration.
#pragma once
#include <strata/abi/model.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/plugin/lent.hpp"
#include "core/plugin/ops.hpp"
#include "core/plugin/pace.hpp"
#include "core/shape/declared.hpp"

namespace strata::plugin {

using shape::DeclaredUnit, shape::DeclaredWeight;

// The name that training gives a critic's head: one row, which gives a value for each token.
inline constexpr std::string_view value_head = "v_head.weight";

// Make it on the main thread, use it on the thread that computes. Errors carry the plugin's words.
class Family {
 public:
  // `config` must outlive the family. Refuses a table without a required function and names it, a
  // configuration that the family does not know, and units that break the ABI's rules.
  Family(const strata_model* table, std::string name, const strata_host* host,
         const strata_config* config);
  ~Family();
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  const std::string& name() const { return name_; }
  const strata_host* host() const { return host_; }
  // The units in the order of the pass: embedding, body, head.
  const std::vector<DeclaredUnit>& units() const { return units_; }
  // Words of tensors' names: a checkpoint may have such tensors besides the weights.
  const std::vector<std::string>& passed_over() const { return passed_over_; }
  // Makes the head the value head: the logits have one column, the value. Throws Error for a family
  // whose head has a bias.
  void become_critic();
  // Computes unit `unit` over x: [T,D], or ids [T] for the embedding. Refuses a result of integers,
  // with other rows than x or, from a unit of the body, with other columns. `pace` is quick where
  // the call's ops compute nothing.
  Handle forward(uint32_t unit, Call& call, Handle x, Pace pace = Pace::slow) const;

 private:
  const strata_model* table_;
  std::string name_, who_;
  const strata_host* host_;
  strata_self* self_ = nullptr;
  std::vector<DeclaredUnit> units_;
  std::vector<std::string> passed_over_;
};

}  // namespace strata::plugin
