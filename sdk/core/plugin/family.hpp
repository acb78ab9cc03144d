// A model plugin's instance for one configuration.
#pragma once
#include <strata/abi/model.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/plugin/lent.hpp"
#include "core/plugin/ops.hpp"

namespace strata::plugin {

struct DeclaredWeight {
  std::string name;            // the checkpoint's, whole
  std::vector<int64_t> shape;  // as the ops use it
  uint32_t role = STRATA_MATRIX;
  uint32_t group = 0;  // neighbours with the same number lie packed; 0: alone
  uint32_t experts = 0;
  bool in_out = false;    // the file holds [in,out]
  bool by_turns = false;  // in `also` the rows of a group's members alternate
  bool float32 = false;   // whatever the model's dtype
  // Another name that files give it, or the tensor of all experts; empty: none.
  std::string also = {};
};

struct DeclaredUnit {
  std::string name;
  uint32_t kind = STRATA_UNIT_BODY;
  std::vector<DeclaredWeight> weights;  // their order gives the indices that ops take
};

// A critic's head: one row that gives a value for each token, by the name that training gives it.
inline constexpr std::string_view value_head = "v_head.weight";

// Made on the main thread, used on the thread that computes. Errors carry the plugin's words.
class Family {
 public:
  // `config` must outlive the family. Refused: a table without a required function, by its name; a
  // configuration that the family does not know; units that break the ABI's rules.
  Family(const strata_model* table, std::string name, const strata_host* host,
         const strata_config* config);
  ~Family();
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  const std::string& name() const { return name_; }
  const strata_host* host() const { return host_; }
  // In the order of the pass: embedding, body, head.
  const std::vector<DeclaredUnit>& units() const { return units_; }
  // A checkpoint's tensor with one of these in its name may be there beside the weights.
  const std::vector<std::string>& passed_over() const { return passed_over_; }
  // From here on the head is the value head: the logits have one column, the value. Throws Error
  // for a family whose head has a bias.
  void become_critic();
  // Unit `unit` over x: [T,D], or ids [T] for the embedding. Refused: a result of other rows than
  // x, of a body's unit of other columns, or of integers.
  Handle forward(uint32_t unit, Call& call, Handle x) const;

 private:
  const strata_model* table_;
  std::string name_, who_;
  const strata_host* host_;
  strata_self* self_ = nullptr;
  std::vector<DeclaredUnit> units_;
  std::vector<std::string> passed_over_;
};

}  // namespace strata::plugin
