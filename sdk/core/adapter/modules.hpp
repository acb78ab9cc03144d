// The modules of a model that an adapter can change, by transformers' names.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/shape/declared.hpp"

namespace strata::adapter {

// The weight of a module: a matrix of a product, the table of the embedding, or the output head's
// matrix, which may have the table's name.
enum class Kind : std::uint8_t { matrix, table, head };

// A share of a module's product: its rows first, first + step, ... (count of them) are added to
// those of a weight.
struct Use {
  std::string weight;  // its declared name, for one expert of many with its number
  std::uint32_t expert = 0;
  std::int64_t first = 0, count = 0, step = 1;
};

struct Module {
  std::string name;  // of a parameter, its module's with its own: "a.experts.down_proj"
  // Whether it is a parameter of its module, which PEFT names in target_parameters.
  bool parameter = false;
  bool linear = false;  // a linear layer that is not the output head
  bool router = false;  // of a mixture layer; for PEFT it is a parameter, "a.gate.weight"
  bool in_out = false;  // its weight is stored as [in,out]
  Kind kind = Kind::matrix;
  std::uint32_t experts = 1;  // matrices [out,in] that the parameter stacks
  std::int64_t in = 0, out = 0;
  std::vector<Use> uses;
};

class Modules {
 public:
  // `tied`: the head's matrix is the embedding's table.
  Modules(std::span<const shape::DeclaredUnit> units, bool tied);

  // Every module, in the order of the pass; the experts of a layer as the parameters that stack
  // them.
  const std::vector<Module>& all() const { return all_; }
  // The module of a name, also of a single expert, or with a leading "model.", "transformer." or
  // "rwtransformer." added or removed. Nothing where there is none.
  std::optional<Module> find(std::string_view name) const;
  // The parameters of a module that stack experts, in the order that transformers has them.
  std::vector<const Module*> parameters(std::string_view module) const;

 private:
  // A weight of every expert, with "{}" for the number.
  struct Single {
    std::string weight;
    std::uint32_t experts = 0;
    std::int64_t in = 0, out = 0;
  };

  void add(const shape::DeclaredWeight& weight, bool tied, bool linear);
  void add_experts(const shape::DeclaredUnit& unit, const shape::DeclaredWeight& weight);
  void keep(Module module, const std::string& other_name);
  std::optional<Module> find_single(const std::string& name) const;

  std::vector<Module> all_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::unordered_map<std::string, Single> single_;
  std::unordered_map<std::string, std::vector<std::size_t>> stacked_;  // parameters, by module
};

}  // namespace strata::adapter
