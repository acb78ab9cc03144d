#include "core/plugin/family.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/plugin/declaration.hpp"
#include "core/plugin/refusal.hpp"
#include "core/plugin/words.hpp"
#include "core/shape/value.hpp"

namespace strata::plugin {
namespace {

void require(bool there, const std::string& who, const char* function) {
  if (!there)
    throw Error(who, std::string("its table has no ") + function,
                "use a plugin made for this Strata");
}

}  // namespace

Family::Family(const strata_model* table, std::string name, const strata_host* host,
               const strata_config* config)
    : table_(table), name_(std::move(name)), host_(host) {
  const auto who = "model/" + name_;
  require(table_, who, "functions");
  require(STRATA_HAS(strata_model, table_, score), who, "score");
  require(STRATA_HAS(strata_model, table_, create), who, "create");
  require(STRATA_HAS(strata_model, table_, destroy), who, "destroy");
  require(STRATA_HAS(strata_model, table_, declare), who, "declare");
  require(STRATA_HAS(strata_model, table_, forward), who, "forward");
  take_words();
  refuse_failure(table_->create(host, config, &self_), who, "create");
  require(self_, who, "instance after create");
  try {
    units_ = declared_units(*table_, self_, who);
    passed_over_ = plugin::passed_over(*table_, self_, who);
  } catch (...) {
    table_->destroy(self_);
    throw;
  }
}

Family::~Family() { table_->destroy(self_); }

void Family::become_critic() {
  auto& weights = units_.back().weights;
  const auto head = std::ranges::find(weights, uint32_t{STRATA_HEAD}, &DeclaredWeight::role);
  if (head == weights.end()) throw Error("model/" + name_, "it has no head", "leave --critic out");
  for (const auto& other : weights)
    if (other.shape.size() == 1 && other.shape[0] == head->shape[0])
      throw Error("model/" + name_, "its head has a bias, which a value head has not",
                  "leave --critic out");
  head->shape[0] = 1;
  head->name = value_head;
  head->also.clear();
  head->group = 0;
  head->in_out = false;
}

Handle Family::forward(uint32_t unit, Call& call, strata_tensor& x) const {
  const auto who = "model/" + name_;
  strata_tensor* made = nullptr;
  take_words();
  refuse_failure(table_->forward(self_, &call.seen, unit, &x, &made), who, "forward");
  Handle out(made);
  const auto rows = x.view().shape[0];
  if (!out || out.get()->view().ndim != 2 || out.get()->view().shape[0] != rows)
    throw Error(who,
                "unit " + units_.at(unit).name + " gave " +
                    (out ? shape::words(out.get()->view()) : "nothing") + " for " +
                    std::to_string(rows) + " rows",
                "correct the family's forward");
  return out;
}

}  // namespace strata::plugin
