#include "core/plugin/declaration.hpp"

#include <exception>
#include <map>
#include <set>
#include <span>

#include "core/error.hpp"
#include "core/plugin/calling.hpp"
#include "core/plugin/words.hpp"
#include "core/shape/value.hpp"

namespace strata::plugin {
namespace {

constexpr uint32_t most_weights = 4096;
constexpr std::size_t most_units = 1u << 16;
constexpr std::size_t longest_name = 1024;
constexpr std::size_t most_refusals = 1u << 16;
constexpr uint64_t most_experts = 1u << 16;  // of all units together

class Reader {
 public:
  explicit Reader(std::string who) : who_(std::move(who)) {}

  void take(const strata_unit* unit) {
    if (!unit || unit->hdr.size < offsetof(strata_unit, kind) + sizeof(unit->kind) ||
        unit->hdr.flags != 0 || (!unit->weights && unit->count != 0))
      refuse("unit " + std::to_string(units_.size()),
             "a struct too small, a flag that is not known, or no weights where some are counted");
    DeclaredUnit made;
    made.name = name("unit " + std::to_string(units_.size()), unit->name);
    made.kind = unit->kind;
    if (made.kind > STRATA_UNIT_HEAD) refuse(made.name, "its kind is not known");
    if (unit->count > most_weights || units_.size() == most_units)
      refuse(made.name, "more than 4096 weights in a unit, or 65536 units");
    for (uint32_t i = 0; i < unit->count; ++i)
      made.weights.push_back(weight(made.name, unit->weights[i]));
    check_groups(made);
    check_experts(made);
    units_.push_back(std::move(made));
  }

  // Call it in a catch block. It ends the program where a plugin goes on and on declaring after a
  // refusal.
  void keep_refusal() {
    if (!refusal_) refusal_ = std::current_exception();
    if (++refusals_ < most_refusals) return;
    end_program((who_ + ": declare goes on after it was refused: correct it").c_str());
  }

  std::vector<DeclaredUnit> finish() {
    if (refusal_) std::rethrow_exception(refusal_);
    if (units_.size() < 2) refuse("declare", "fewer than two units: an embedding and a head");
    for (std::size_t i = 0; i < units_.size(); ++i) {
      const auto kind = i == 0                   ? STRATA_UNIT_EMBEDDING
                        : i + 1 == units_.size() ? STRATA_UNIT_HEAD
                                                 : STRATA_UNIT_BODY;
      if (units_[i].kind != static_cast<uint32_t>(kind))
        refuse(units_[i].name, "the first unit is the embedding and the last the head, no other");
    }
    return std::move(units_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what, const std::string& rule,
                           const char* remedy = "correct the family's declare") const {
    throw Error(who_, what + ": " + rule, remedy);
  }

  std::string name(const std::string& of, strata_str given) const {
    if (!given.p || given.n == 0 || given.n > longest_name) refuse(of, "a name of 1 to 1024 bytes");
    return {given.p, static_cast<std::size_t>(given.n)};
  }

  DeclaredWeight weight(const std::string& unit, const strata_weight* given) {
    if (!given || !STRATA_HAS(strata_weight, given, shape) ||
        given->hdr.size < offsetof(strata_weight, experts) + sizeof(given->experts))
      refuse(unit, "a weight without a shape, or a struct too small");
    DeclaredWeight made;
    made.name = name(unit, given->name);
    constexpr uint32_t known{STRATA_WEIGHT_IN_OUT | STRATA_WEIGHT_BY_TURNS | STRATA_WEIGHT_FLOAT32};
    if ((given->hdr.flags & ~known) != 0 || given->role > STRATA_ROUTER)
      refuse(made.name, "a flag or role that is not known");
    if (given->ndim == 0 || given->ndim > shape::Dims::most)
      refuse(made.name, std::to_string(given->ndim) + " dimensions, not 1 to 8");
    made.shape.assign(given->shape, given->shape + given->ndim);
    made.role = given->role, made.group = given->group, made.experts = given->experts;
    made.in_out = (given->hdr.flags & STRATA_WEIGHT_IN_OUT) != 0;
    made.by_turns = (given->hdr.flags & STRATA_WEIGHT_BY_TURNS) != 0;
    made.float32 = (given->hdr.flags & STRATA_WEIGHT_FLOAT32) != 0;
    if (made.float32 && (made.group != 0 || made.experts != 0))
      refuse(made.name, "float32 in a group, or of experts");
    const bool newer = given->hdr.size >= offsetof(strata_weight, also) + sizeof(given->also);
    if (newer && given->also.n > 0) made.also = name(made.name, given->also);
    if (made.in_out && given->ndim != 2) refuse(made.name, "[in,out] of what is no matrix");
    check_shape(made);
    return made;
  }

  void check_shape(const DeclaredWeight& weight) {
    int64_t product = weight.experts == 0 ? 1 : weight.experts;
    for (const auto length : weight.shape)
      if (length <= 0 || __builtin_mul_overflow(product, length, &product))
        refuse(weight.name, shape::words(shape::Dims(weight.shape)) + " is no shape of a weight");
    const auto [known, is_new] = shapes_.emplace(weight.name, weight.shape);
    if (!is_new && known->second != weight.shape)
      refuse(weight.name, shape::words(shape::Dims(weight.shape)) + " here, " +
                              shape::words(shape::Dims(known->second)) + " in another unit");
  }

  void check_groups(const DeclaredUnit& unit) const {
    std::set<std::string> names;
    std::set<uint32_t> groups;
    for (std::size_t i = 0; i < unit.weights.size(); ++i) {
      const auto& one = unit.weights[i];
      if (!names.insert(one.name).second) refuse(one.name, "declared twice in unit " + unit.name);
      if (one.group == 0) continue;
      if (i == 0 || unit.weights[i - 1].group != one.group) {
        if (!groups.insert(one.group).second)
          refuse(one.name, "members of a group are not neighbours");
        continue;
      }
      const auto& other = unit.weights[i - 1];
      const bool matrix = one.shape.size() > 1;
      if (one.shape.size() != other.shape.size() || one.experts != other.experts ||
          one.in_out != other.in_out || one.by_turns != other.by_turns ||
          (one.by_turns && one.shape != other.shape) ||
          (matrix && one.shape.back() != other.shape.back()))
        refuse(one.name, "cannot lie in a group with " + other.name,
               matrix == (other.shape.size() > 1)
                   ? "correct the family's declare"
                   : "declare the biases as a second group in the order of the weights");
    }
  }

  // The expert weights of a unit all have the same experts; each name has {} for their number.
  void check_experts(const DeclaredUnit& unit) {
    uint32_t experts = 0;
    for (const auto& one : unit.weights) {
      if (one.experts == 0) continue;
      if (one.name.find("{}") == std::string::npos)
        refuse(one.name, "is of experts and has no {} for their number");
      if (unit.kind != STRATA_UNIT_BODY || (experts != 0 && one.experts != experts))
        refuse(one.name, "a unit has experts of one count, the embedding and the head none");
      experts = one.experts;
    }
    experts_ += experts;
    if (experts_ > most_experts) refuse(unit.name, "more than 65536 experts in all units");
  }

  std::string who_;
  std::exception_ptr refusal_;  // the first one
  std::size_t refusals_ = 0;
  uint64_t experts_ = 0;
  std::vector<DeclaredUnit> units_;
  std::map<std::string, std::vector<int64_t>> shapes_;
};

strata_status emit(void* reader, const strata_unit* unit) noexcept {
  try {
    static_cast<Reader*>(reader)->take(unit);
    return STRATA_OK;
  } catch (...) {
    static_cast<Reader*>(reader)->keep_refusal();
    return report_exception();
  }
}

}  // namespace

std::vector<DeclaredUnit> declared_units(const strata_model& table, strata_self* self,
                                         const std::string& who) {
  Reader reader(who);
  succeeds(who, "declare", [&] { return table.declare(self, emit, &reader); });
  return reader.finish();
}

std::vector<std::string> passed_over(const strata_model& table, strata_self* self,
                                     const std::string& who) {
  struct Words {
    const std::string& who;
    std::vector<std::string> taken = {};
    std::exception_ptr refusal = {};
  } words{who};
  if (!STRATA_HAS(strata_model, &table, pass_over)) return {};
  const auto take = [](void* to, strata_str word) noexcept -> strata_status {
    auto& all = *static_cast<Words*>(to);
    try {
      if (!word.p || word.n == 0 || word.n > longest_name || all.taken.size() == most_units)
        throw Error(all.who, "pass_over: a word of 1 to 1024 bytes, and at most 65536 of them",
                    "correct the family's pass_over");
      all.taken.emplace_back(word.p, static_cast<std::size_t>(word.n));
      return STRATA_OK;
    } catch (...) {
      if (!all.refusal) all.refusal = std::current_exception();
      return report_exception();
    }
  };
  succeeds(who, "pass_over", [&] { return table.pass_over(self, take, &words); });
  if (words.refusal) std::rethrow_exception(words.refusal);
  return std::move(words.taken);
}

}  // namespace strata::plugin
