#include "app/finetune/lora.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include "core/adapter/merge.hpp"
#include "core/adapter/select.hpp"
#include "core/dry_run/measure.hpp"
#include "core/error.hpp"
#include "core/size_text.hpp"
#include "core/train/product_unit.hpp"

namespace strata::app {
namespace {

constexpr std::string_view weight_end = ".weight";

// Whether PEFT names it in target_parameters.
bool is_parameter(const adapter::Module& module) { return module.parameter || module.router; }

// The names of the weights that hold learned positions: matrices, but no linear layers.
std::set<std::string> positions_of(const run::Model& model) {
  std::set<std::string> out;
  const auto& units = model.family->units();
  for (std::uint32_t u = 0; u < units.size(); ++u)
    if (const auto measured = dry_run::measure(*model.family, u, {}); measured.positions > 0)
      out.insert(units[u].weights[measured.position_table].name);
  return out;
}

std::vector<adapter::Module> chosen(const LoraOptions& options, const run::Model& model) {
  const adapter::Modules modules(model.family->units(), model.tied());
  const auto positions = positions_of(model);
  std::set<std::string> names;
  for (const auto& targets : options.targets)
    for (const auto& one : adapter::select(modules, targets)) {
      if (!positions.contains(one.uses.front().weight))
        names.insert(one.name);
      else if (targets != "all-linear")
        throw UsageError("--lora-targets", "'" + one.name + "' is a table of positions",
                         "leave it out");
    }
  for (const auto& target : options.target_parameters) {
    auto text = target;
    if (text.ends_with(weight_end)) text.resize(text.size() - weight_end.size());
    for (const auto& one : adapter::select(modules, text, "--lora-target-parameters")) {
      if (!is_parameter(one))
        throw UsageError("--lora-target-parameters", "'" + printable(target, 60) + "' is a module",
                         "name it with --lora-targets");
      names.insert(one.name);
    }
  }
  std::vector<adapter::Module> out;
  for (const auto& one : modules.all())
    if (names.contains(one.name)) out.push_back(one);
  if (out.empty())
    throw UsageError("--lora-targets", "it names no module", "leave it out, or name one");
  return out;
}

void check_dropout(const LoraOptions& options, const std::vector<adapter::Module>& modules) {
  if (options.dropout == 0) return;
  const auto parameter = std::ranges::find_if(modules, is_parameter);
  if (parameter != modules.end())
    throw UsageError("--lora-dropout",
                     "'" + parameter->name + "' is a parameter of its module, which has none",
                     "leave it out, or leave experts and routers out of --lora-targets");
}

// Refuses, before anything is trained, what the merge would refuse in the end.
void check_merge(const train::Products& products, const run::Model& model) {
  const auto whole = std::make_shared<adapter::Adapter>();
  whole->path = "--lora-merge";
  for (const auto& one : products.all)
    whole->low_rank.push_back(
        {.module = one.module, .rank = one.rank, .scale = one.scale, .a = {}, .b = {}});
  source::ImportOptions unused;
  adapter::merge(whole, {*model.checkpoint, *model.tensors, model.family->units(), model.tied()},
                 unused);
}

}  // namespace

double lora_alpha(const LoraOptions& options) {
  return options.alpha > 0 ? options.alpha : 2 * static_cast<double>(options.rank);
}

train::Products lora_products(const LoraOptions& options, const run::Model& model) {
  if (options.rank == 0) return {};
  auto all = chosen(options, model);
  check_dropout(options, all);
  const auto rank = static_cast<double>(options.rank);
  const auto scale = lora_alpha(options) / (options.rslora ? std::sqrt(rank) : rank);
  auto out = train::products_of(std::move(all), options.rank, scale, options.dropout);
  if (options.merge) check_merge(out, model);
  return out;
}

std::string lora_words(const train::TrainingPlan& plan) {
  std::uint64_t numbers = 0, frozen = 0;
  for (const auto& piece : plan.flats[plan.product_unit].pieces) numbers += piece.count;
  for (std::size_t u = 0; u < plan.product_unit; ++u)
    frozen += zero::held_bytes(plan.units[u], plan.placement[u]);
  return "training " + std::to_string(plan.products.all.size()) + " adapters (" +
         std::to_string(numbers) + " numbers) beside " + size_text(frozen) + " of frozen weights";
}

}  // namespace strata::app
