#include "core/plugin/family.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/plugin/calling.hpp"
#include "core/plugin/declaration.hpp"
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
    : table_(table), name_(std::move(name)), who_("model/" + name_), host_(host) {
  require(table_, who_, "functions");
  require(STRATA_HAS(strata_model, table_, score), who_, "score");
  require(STRATA_HAS(strata_model, table_, create), who_, "create");
  require(STRATA_HAS(strata_model, table_, destroy), who_, "destroy");
  require(STRATA_HAS(strata_model, table_, declare), who_, "declare");
  require(STRATA_HAS(strata_model, table_, forward), who_, "forward");
  succeeds(who_, "create", [&] { return table_->create(host, config, &self_); });
  require(self_, who_, "instance after create");
  try {
    units_ = declared_units(*table_, self_, who_);
    passed_over_ = plugin::passed_over(*table_, self_, who_);
  } catch (...) {
    freed(who_, "destroy", [&] { table_->destroy(self_); });
    throw;
  }
}

Family::~Family() {
  freed(who_, "destroy", [&] { table_->destroy(self_); });
}

void Family::become_critic() {
  auto& weights = units_.back().weights;
  const auto head = std::ranges::find(weights, uint32_t{STRATA_HEAD}, &DeclaredWeight::role);
  if (head == weights.end()) throw Error(who_, "it has no head", "leave --critic out");
  for (const auto& other : weights)
    if (other.shape.size() == 1 && other.shape[0] == head->shape[0])
      throw Error(who_, "its head has a bias, which a value head has not", "leave --critic out");
  head->shape[0] = 1;
  head->name = value_head;
  head->also.clear();
  head->group = 0;
  head->in_out = false;
}

Handle Family::forward(uint32_t unit, Call& call, Handle x, Pace pace) const {
  const auto given = x.get()->view();
  const auto rows = given.shape[0], columns = given.ndim > 1 ? given.shape[1] : 0;
  const Lent lent(std::move(x));
  const Calling calling(who_, "forward", pace);  // to its end the result is not let go
  strata_tensor* made = nullptr;
  succeeds(
      who_, "forward", [&] { return table_->forward(self_, &call.seen, unit, lent.get(), &made); },
      pace);
  auto out = taken(made, who_, "forward");
  // Where the plugin returns x itself, the result is one more owner of it.
  const bool same = made == lent.get();
  if (same) --made->owners;
  try {
    lent.check(who_, "forward");
  } catch (...) {
    if (same) ++made->owners;
    throw;
  }
  if (same) ++made->owners;
  const auto refuse = [&](const std::string& what) {
    throw Error(who_, "unit " + units_.at(unit).name + " gave " + what,
                "correct the family's forward");
  };
  const auto rule = " for " + std::to_string(rows) + " rows";
  if (!out) refuse("nothing" + rule);
  const auto result = out.get()->view();
  const bool body = units_.at(unit).kind == STRATA_UNIT_BODY;
  if (result.ndim != 2 || result.shape[0] != rows || (body && result.shape[1] != columns))
    refuse(shape::words(result) + rule + (body ? " of " + std::to_string(columns) : ""));
  if (result.dtype.code != STRATA_FLOAT && result.dtype.code != STRATA_BFLOAT)
    refuse("numbers that are no floats" + rule);
  return out;
}

}  // namespace strata::plugin
