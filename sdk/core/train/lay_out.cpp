#include "core/train/lay_out.hpp"

#include <span>
#include <utility>

#include "core/dry_run/measure.hpp"
#include "core/dtype.hpp"
#include "core/run/packed.hpp"
#include "core/train/product_unit.hpp"

namespace strata::train {
namespace {

class Laying {
 public:
  Laying(const run::Model& model, const TrainingRequest& request, TrainingPlan& plan)
      : model_(model), request_(request), plan_(plan), frozen_(!request.products.all.empty()) {}

  void lay() {
    const auto& declared = model_.family->units();
    plan_.units = laid(declared, request_.dtype, true);
    if (!frozen_) plan_.masters = laid(declared, request_.storage, true);
    add_table();
    for (auto& unit : plan_.units) {
      unit.as_run = !(frozen_ && model_.checkpoint &&
                      run::stays_packed(unit, request_.codec, request_.separate_device));
      plan_.flats.push_back(frozen_ ? Flat{} : flat_of(unit));
      plan_.placement.push_back({.tier = 0, .as_run = unit.as_run});
    }
    if (frozen_) add_products();
    plan_.hidden = dry_run::hidden_size(*model_.family);
    plan_.keeps_graphs = request_.keep_graphs;
  }

 private:
  std::vector<zero::Unit> laid(std::span<const shape::DeclaredUnit> units, strata_dtype dtype,
                               bool rows) const {
    zero::LayoutOptions how{.dtype = dtype, .rows = rows};
    // Where it can, the run form has the places of the flat array.
    if (!frozen_) how.align = flat_align * element_bytes(dtype);
    return zero::lay_out(units, model_.find(dtype), how);
  }

  void add_products() {
    plan_.products = request_.products;
    plan_.product_unit = static_cast<uint32_t>(plan_.units.size());
    plan_.units.push_back(product_unit(plan_.products));
    plan_.flats.push_back(flat_of(plan_.units.back()));
    plan_.placement.push_back({.tier = 0});
  }

  // A tied table is the head's matrix; another one becomes a unit of its own.
  void add_table() {
    const auto& embedding = model_.family->units().front();
    shape::DeclaredUnit alone{.name = "embedding table", .kind = STRATA_UNIT_HEAD, .weights = {}};
    for (const auto& weight : embedding.weights)
      if (weight.role == STRATA_TABLE) alone.weights.push_back(weight);
    if (alone.weights.empty()) return;
    plan_.tied = model_.tied();
    if (plan_.tied) {
      for (uint32_t u = 0; u < plan_.units.size(); ++u)
        for (uint32_t w = 0; w < plan_.units[u].weights.size(); ++w)
          if (plan_.units[u].weights[w].role == STRATA_HEAD &&
              plan_.units[u].weights[w].name == alone.weights.front().name)
            plan_.table_unit = u, plan_.table_weight = w;
      return;
    }
    // A frozen table may stay in rows of blocks, as a head does.
    alone.weights.front().role = frozen_ ? STRATA_HEAD : STRATA_MATRIX;
    plan_.table_unit = static_cast<uint32_t>(plan_.units.size());
    plan_.units.push_back(std::move(laid({&alone, 1}, request_.dtype, false).front()));
    if (!frozen_)
      plan_.masters.push_back(std::move(laid({&alone, 1}, request_.storage, false).front()));
  }

  const run::Model& model_;
  const TrainingRequest& request_;
  TrainingPlan& plan_;
  bool frozen_;
};

}  // namespace

void lay_out_training(const run::Model& model, const TrainingRequest& request, TrainingPlan& plan) {
  Laying(model, request, plan).lay();
}

}  // namespace strata::train
