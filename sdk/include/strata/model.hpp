// A model family in C++: a class with a constructor from Config, declare(Declarer&) and
// forward(Ops, unit, x).
//
//   struct Mine {
//     explicit Mine(const strata::Config&);         // reads the configuration; throws to refuse it
//     void declare(strata::Declarer&) const;        // every unit, in the order of the pass
//     strata::Tensor forward(const strata::Ops&, int64_t unit, strata::Tensor x) const;
//   };
//   STRATA_MODEL_PLUGIN(Mine, "mine", "1.0.0");     // knows the model_type "mine", no other
//
// A class that knows other model_types adds static int32_t score(string_view, const Config&).
// One with a table of its own in run.toml adds static span<const OptionKey> keys() and static void
// configure(const Config&), which gets that table before any score.
// Unit 0 takes ids [T]; every unit gives [T,D], the last logits [T,V]. Lengths, positions, the
// batch and the cache are the host's. forward must not depend on values.
#pragma once
#include <strata/abi/model.h>

#include <initializer_list>
#include <strata/ops.hpp>

namespace strata {

struct WeightOptions {
  std::uint32_t experts = 0;  // "{}" in the name is an expert's number
  bool in_out = false;        // the file holds [in,out]
  bool router = false;
  std::string_view also = {};  // see strata_weight; relative to the prefix, as the name is
  bool by_turns = false;       // `also` interleaves the rows of a group's members
  bool float32 = false;        // float32 in any model's dtype; for a router or its choice
};

// Collects a family's declarations. Names are relative to the unit's prefix. Throws past 65536
// units. The first matrix of the embedding is its table, and the last one of the head its matrix;
// other matrices there, such as learned positions and projections, are as in any unit.
class Declarer {
 public:
  struct Weight {
    std::string_view name;
    std::initializer_list<std::int64_t> shape;
    WeightOptions options = {};
  };

  Declarer& embedding() { return add({}, "embedding", STRATA_UNIT_EMBEDDING); }
  Declarer& head() { return add({}, "head", STRATA_UNIT_HEAD); }
  // Adds a unit whose weights' names begin with `prefix`; its own name is `prefix` + `what`:
  // "model.layers.3.mlp".
  Declarer& unit(std::string_view prefix, std::string_view what = {}) {
    return add(prefix, what, STRATA_UNIT_BODY);
  }
  Declarer& weight(std::string_view name, std::initializer_list<std::int64_t> shape,
                   WeightOptions options = {}) {
    return add({name, shape, options}, 0);
  }
  // Ignores every tensor of a checkpoint that has `word` in its name and that no unit declares.
  Declarer& pass_over(std::string_view word) {
    words_.emplace_back(word);
    return *this;
  }
  // Adds weights that are packed and multiplied as one matrix.
  Declarer& group(std::initializer_list<Weight> members) {
    const auto number = ++last().groups;
    for (const auto& member : members) add(member, number);
    return *this;
  }

 private:
  template <class, auto>
  friend struct ModelTable;
  struct Held {
    std::string name, also;
    std::vector<std::int64_t> shape;
    std::uint32_t role, group, experts, flags;
  };
  struct Unit {
    std::string prefix, name;
    std::uint32_t kind, groups = 0;
    std::vector<Held> weights;
    std::vector<abi::Module> modules;
  };

  Unit& last() {
    if (units_.empty()) throw Failure(STRATA_INTERNAL, "declare: a weight before any unit");
    return units_.back();
  }

  Declarer& add(std::string_view prefix, std::string_view what, std::uint32_t kind) {
    if (units_.size() == 65536)
      throw Failure(STRATA_INVALID, "declare: more than 65536 units: fix the configuration");
    std::string name = std::string(prefix).append(what);
    if (name.ends_with('.')) name.pop_back();
    units_.push_back({std::string(prefix), std::move(name), kind, 0, {}, {}});
    return *this;
  }

  Declarer& add(const Weight& given, std::uint32_t group) {
    auto& unit = last();
    const auto index = static_cast<std::uint32_t>(unit.weights.size());
    const auto role = [&]() -> std::uint32_t {
      if (given.options.router) return STRATA_ROUTER;
      if (given.shape.size() == 1) return of_head(unit, given.name) ? STRATA_HEAD : STRATA_VECTOR;
      if (unit.kind == STRATA_UNIT_BODY) return STRATA_MATRIX;
      for (auto& other : unit.weights) {
        if (other.role == STRATA_TABLE) return STRATA_MATRIX;
        if (other.role == STRATA_HEAD) other.role = STRATA_MATRIX;
      }
      return unit.kind == STRATA_UNIT_EMBEDDING ? STRATA_TABLE : STRATA_HEAD;
    }();
    const auto full = [&](std::string_view name) {
      return name.empty() ? std::string() : unit.prefix + std::string(name);
    };
    const auto flags = (given.options.in_out ? std::uint32_t{STRATA_WEIGHT_IN_OUT} : 0u) |
                       (given.options.by_turns ? std::uint32_t{STRATA_WEIGHT_BY_TURNS} : 0u) |
                       (given.options.float32 ? std::uint32_t{STRATA_WEIGHT_FLOAT32} : 0u);
    unit.weights.push_back({full(given.name), full(given.options.also), given.shape, role, group,
                            given.options.experts, flags});
    name(unit, given.name, index, group);
    return *this;
  }

  // True for the bias of the head's rows, which is cut where the rows are.
  static bool of_head(const Unit& unit, std::string_view name) {
    if (!name.ends_with(".bias")) return false;
    const auto weight = unit.prefix + std::string(name.substr(0, name.size() - 5)) + ".weight";
    for (const auto& held : unit.weights)
      if (held.name == weight) return held.role == STRATA_HEAD;
    return false;
  }

  // Keeps the module under which ops find the weight: "q_proj" for "q_proj.weight" and
  // "q_proj.bias", else the whole name.
  static void name(Unit& unit, std::string_view name, std::uint32_t index, std::uint32_t group) {
    const bool bias = name.ends_with(".bias");
    if (bias)
      name.remove_suffix(5);
    else if (name.ends_with(".weight"))
      name.remove_suffix(7);
    for (auto& module : unit.modules)
      if (module.name == name) return take(module, bias, index, group);
    unit.modules.push_back({std::string(name)});
    take(unit.modules.back(), bias, index, group);
  }
  static void take(abi::Module& module, bool bias, std::uint32_t index, std::uint32_t group) {
    (bias ? module.bias : module.weight) = index;
    (bias ? module.bias_group : module.group) = group;
  }

  std::vector<Unit> units_;
  std::vector<std::string> words_;
};

namespace abi {

// A name as a template argument.
template <std::size_t N>
struct Literal {
  char text[N]{};
  constexpr Literal(const char (&from)[N]) {  // NOLINT: made from "name"
    for (std::size_t i = 0; i < N; ++i) text[i] = from[i];
  }
  constexpr std::string_view view() const { return {text, N - 1}; }
};

}  // namespace abi

// The functions of strata_model for a class.
template <class Model, auto name>
struct ModelTable {
  struct Instance {
    Config config;
    Model model;
    const strata_ops* ops;
    const strata_host_tensor* tensors;
    Declarer declared;

    explicit Instance(const strata_config* given)
        : config(given), model(config), ops(host_table<strata_ops>("strata.host.ops/1")),
          tensors(host_table<strata_host_tensor>("strata.host.tensor/1")) {
      model.declare(declared);
    }
  };
  static Instance& of(strata_self* self) { return *reinterpret_cast<Instance*>(self); }

  static constexpr bool knows_others = requires(const Config& c) {
    Model::score(std::string_view(), c);
  };

  static std::int32_t score(strata_str model_type, const strata_config* config) noexcept {
    return guarded_value<std::int32_t>(0, [&]() -> std::int32_t {
      if constexpr (knows_others)
        return Model::score(text_of(model_type), Config(config));
      else
        return text_of(model_type) == name.view() ? 100 : 0;
    });
  }
  static strata_status create(const strata_host*, const strata_config* config,
                              strata_self** out) noexcept {
    return guarded([&] {
      if constexpr (!knows_others)
        if (const auto type = Config(config).text("model_type"); type != name.view())
          throw Failure(STRATA_INVALID, "model_type '" + type + "': this family knows '" +
                                            std::string(name.view()) + "' alone");
      *out = reinterpret_cast<strata_self*>(new Instance(config));
    });
  }
  static void destroy(strata_self* self) noexcept { delete &of(self); }

  static strata_status declare(strata_self* self, strata_status (*emit)(void*, const strata_unit*),
                               void* to) noexcept {
    return guarded([&] {
      for (const auto& unit : of(self).declared.units_) {
        std::vector<strata_weight> weights;
        std::vector<const strata_weight*> pointers;
        for (const auto& one : unit.weights)
          weights.push_back({header<strata_weight>(one.flags), abi_str(one.name), one.shape.data(),
                             static_cast<std::uint32_t>(one.shape.size()), one.role, one.group,
                             one.experts, abi_str(one.also)});
        for (const auto& one : weights) pointers.push_back(&one);
        const strata_unit made{header<strata_unit>(), abi_str(unit.name), pointers.data(),
                               static_cast<std::uint32_t>(pointers.size()), unit.kind};
        check(emit(to, &made));
      }
    });
  }
  static strata_status forward(strata_self* self, strata_call* call, std::uint32_t unit,
                               strata_tensor* x, strata_tensor** out) noexcept {
    return guarded([&] {
      const auto& instance = of(self);
      const auto& units = instance.declared.units_;
      if (unit >= units.size())
        throw Failure(STRATA_INVALID, "forward: no unit " + std::to_string(unit) + " of " +
                                          std::to_string(units.size()));
      const abi::Active active{call, instance.ops, instance.tensors, &units[unit].modules};
      active.tensors->retain(x);
      auto made = instance.model.forward(Ops(active), unit, Tensor(&active, x));
      *out = made.give();
    });
  }

  static constexpr bool has_options = requires { Model::keys(); };
  static void options(void (*emit)(void*, const strata_option*), void* to) noexcept {
    if constexpr (has_options) abi::emit_options(Model::keys(), emit, to);
  }
  static strata_status configure(const strata_host*, const strata_config* options) noexcept {
    return guarded([&] {
      if constexpr (has_options) Model::configure(Config(options));
    });
  }

  static strata_status pass_over(strata_self* self, strata_status (*emit)(void*, strata_str),
                                 void* to) noexcept {
    return guarded([&] {
      for (const auto& word : of(self).declared.words_) check(emit(to, abi_str(word)));
    });
  }

  static constexpr strata_model table{header<strata_model>(),
                                      score,
                                      create,
                                      destroy,
                                      declare,
                                      forward,
                                      has_options ? options : nullptr,
                                      has_options ? configure : nullptr,
                                      pass_over};
};

}  // namespace strata

// Exports `Class` as the model plugin strata-model-<name>.so.
#define STRATA_MODEL_PLUGIN(Class, name, version) \
  STRATA_EXPORT_PLUGIN(                           \
      "model", name, version,                     \
      {"strata.model/1", &strata::ModelTable<Class, strata::abi::Literal(name)>::table})
