#include "core/adapter/resolve.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/error.hpp"
#include "core/source/elements.hpp"

namespace strata::adapter {
namespace {

constexpr auto another = "use the base model that the adapter was trained for";
constexpr std::string_view prefix = "base_model.model.", inner = ".base_layer";

// The two matrices of a module of the file.
struct Pair {
  const source::Tensor *a = nullptr, *b = nullptr;
  bool table = false;
};

struct Ending {
  std::string_view text;
  bool is_b, table;
};
constexpr Ending endings[] = {{".lora_A.weight", false, false},
                              {".lora_B.weight", true, false},
                              {".lora_embedding_A", false, true},
                              {".lora_embedding_B", true, true}};

class Resolver {
 public:
  Resolver(const LoraConfig& config, const Modules& modules, Adapter& out)
      : config_(config), modules_(modules), out_(out) {}

  void take(const std::vector<source::Tensor>& tensors) {
    for (const auto& tensor : tensors) sort(tensor);
    for (const auto& [name, pair] : pairs_) {
      if (!pair.a || !pair.b)
        refuse(name, std::string("has no lora_") + (pair.a ? "B" : "A"), "fetch the adapter again");
      if (const auto module = name.substr(0, name.find(inner)); modules_.parameters(module).empty())
        take_module(name, pair);
      else
        stacks_.insert(module);
    }
    for (const auto& module : stacks_) take_stacks(module);
    if (out_.low_rank.empty() && out_.whole.empty())
      throw Error(out_.path, "has no weights", "fetch the adapter again");
  }

 private:
  [[noreturn]] void refuse(const std::string& name, const std::string& what,
                           std::string_view remedy = another) const {
    throw Error(out_.path, "'" + printable(name) + "' " + what, remedy);
  }

  // Puts the tensor to its module's others.
  void sort(const source::Tensor& tensor) {
    const std::string_view name = tensor.name;
    if (!name.starts_with(prefix))
      refuse(tensor.name, "does not begin with 'base_model.model.'", "save it with peft");
    if (!tensor.stored.dense() || !source::is_floating(tensor.stored.dtype()))
      refuse(tensor.name, "is " + source::form_name(tensor.stored) + ", which is not read",
             "save it in float32 or bfloat16");
    const auto bare = name.substr(prefix.size());
    for (const auto& ending : endings) {
      if (!bare.ends_with(ending.text)) continue;
      auto& pair = pairs_[std::string(bare.substr(0, bare.size() - ending.text.size()))];
      if ((pair.a || pair.b) && pair.table != ending.table)
        refuse(tensor.name, "is the embedding's, beside a product's");
      pair.table = ending.table;
      if (tensor.shape.size() != 2)
        refuse(tensor.name, "is " + source::shape_text(tensor.shape) + ", no matrix");
      (ending.is_b ? pair.b : pair.a) = &tensor;
      return;
    }
    if (bare.find(".lora_") != bare.npos)
      refuse(tensor.name, "is not of plain LoRA",
             "merge it into its base model with peft's merge_and_unload");
    take_whole(tensor, std::string(bare));
  }

  void take_whole(const source::Tensor& tensor, std::string name) {
    constexpr std::string_view wrapped = ".base_layer.", saved = ".modules_to_save.";
    const bool copy = name.find(wrapped) != name.npos;
    for (const auto word : {wrapped, saved})
      if (const auto at = name.find(word); at != name.npos) name.replace(at, word.size(), ".");
    out_.whole.push_back({std::move(name), tensor, copy});
  }

  // Takes the pair for the module if shapes and configuration agree.
  void take_module(const std::string& name, const Pair& pair) {
    auto module = modules_.find(name);
    if (!module) refuse(name, "is no module of this model");
    if ((module->kind == Kind::table) != pair.table ||
        (module->kind == Kind::matrix && !module->linear))
      refuse(name, "is neither a linear layer nor the embedding of tokens",
             "merge it into its base model with peft's merge_and_unload");
    if (module->kind == Kind::table && config_.ties)
      refuse(name, "is tied to the output head's (ensure_weight_tying)",
             "merge it into its base model with peft's merge_and_unload");
    const bool parameter = config_.targets.takes_parameter(name + ".weight");
    if (!parameter && !config_.targets.takes(name, module->linear, effort_))
      refuse(name, "is none of adapter_config.json's target_modules",
             "correct adapter_config.json");
    const auto key = parameter ? name + ".weight" : name;
    const auto rank = config_.rank_of(key, effort_);
    check(name, pair, *module, rank);
    keep(*module, pair, rank, config_.scale_of(key, effort_));
  }

  // [Note: nesting] PEFT wraps a module once for each of its parameters, the first one innermost:
  // of two, the first has the name with ".base_layer". The file does not say which is which, so
  // that the shapes decide, which are those of one parameter alone.
  void take_stacks(const std::string& module) {
    std::vector<std::pair<std::string, Pair>> wraps;
    for (auto name = module; pairs_.contains(name); name += inner)
      wraps.insert(wraps.begin(), {name, pairs_.at(name)});
    std::vector<const Module*> targeted;
    for (const auto* one : modules_.parameters(module))
      if (config_.targets.takes_parameter(one->name)) targeted.push_back(one);
    for (const auto& [name, pair] : wraps) {
      if (targeted.empty())
        refuse(name, "is none of adapter_config.json's target_parameters",
               "correct adapter_config.json");
      const auto fits = [&, &pair = pair](const Module* one) {
        return shapes_fit(pair, *one, config_.rank_of(one->name, effort_));
      };
      const auto at = std::ranges::find_if(targeted, fits);
      if (at == targeted.end())
        check(name, pair, *targeted.front(), config_.rank_of(targeted.front()->name, effort_));
      const auto* one = at == targeted.end() ? targeted.front() : *at;
      keep(*one, pair, config_.rank_of(one->name, effort_), config_.scale_of(one->name, effort_));
      std::erase(targeted, one);
      pairs_.erase(name);
    }
    const auto rest = module + std::string(inner);
    const auto left = pairs_.lower_bound(rest);
    if (left != pairs_.end() && left->first.starts_with(rest))
      refuse(left->first, "wraps no parameter", "fetch the adapter again");
  }

  static bool shapes_fit(const Pair& pair, const Module& module, std::int64_t rank) {
    const auto all = rank * module.experts;
    return !pair.table == (module.kind != Kind::table) &&
           pair.a->shape == std::vector{all, module.in} &&
           pair.b->shape == std::vector{module.out, all};
  }

  void check(const std::string& name, const Pair& pair, const Module& module,
             std::int64_t rank) const {
    if (shapes_fit(pair, module, rank)) return;
    const auto all = rank * module.experts;
    refuse(name, "has A " + source::shape_text(pair.a->shape) + " and B " +
                     source::shape_text(pair.b->shape) + ", not " +
                     source::shape_text({all, module.in}) + " and " +
                     source::shape_text({module.out, all}));
  }

  void keep(const Module& module, const Pair& pair, std::int64_t rank, double scale) {
    for (const auto& use : module.uses)
      if (!used_.insert({static_cast<int>(module.kind), use.weight}).second)
        refuse(module.name, "is adapted a second time", "fetch the adapter again");
    out_.low_rank.push_back({module, rank, scale, *pair.a, *pair.b});
  }

  const LoraConfig& config_;
  const Modules& modules_;
  Adapter& out_;
  Effort effort_;
  std::map<std::string, Pair> pairs_;
  std::set<std::string> stacks_;
  std::set<std::pair<int, std::string>> used_;
};

}  // namespace

Adapter resolve(const std::string& path, const LoraConfig& config,
                const std::vector<source::Tensor>& tensors, const Modules& modules) {
  Adapter out;
  out.path = path;
  out.base = config.base;
  Resolver(config, modules, out).take(tensors);
  return out;
}

}  // namespace strata::adapter
