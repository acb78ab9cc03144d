#include <optional>

#include "text/jinja/arithmetic.hpp"
#include "text/jinja/compare.hpp"
#include "text/jinja/filters.hpp"
#include "text/jinja/python_text.hpp"

namespace strata::text::jinja {
namespace {

bool is_sequence(const Value& value) {
  const auto* items = value.sequence();
  return value.text() || value.as<Safe>() || value.dict() || value.undefined() ||
         (items && items->form != Sequence::Form::view);
}

double remainder_by(Budget& budget, const Value& value, const Value& divisor) {
  return arithmetic(budget, Operator::modulo, value, divisor).real();
}

// Python's `is`, for None and flags only: they alone are single objects in Python.
bool same(const Value& a, const Value& b) {
  const auto single = [](const Value& one) { return one.none() || one.as<bool>(); };
  if (!single(a) || !single(b))
    throw Refused("'sameas' of other than none, true and false is not supported");
  return a.none() ? b.none() : b.as<bool>() && *a.as<bool>() == *b.as<bool>();
}

using Kind = bool (*)(const Value&);

const std::map<std::string_view, Kind>& kinds() {
  static const std::map<std::string_view, Kind> known{
      {"defined", [](const Value& v) { return !v.undefined(); }},
      {"undefined", [](const Value& v) { return v.undefined(); }},
      {"none", [](const Value& v) { return v.none(); }},
      {"boolean", [](const Value& v) { return v.as<bool>() != nullptr; }},
      {"true", [](const Value& v) { return v.as<bool>() && *v.as<bool>(); }},
      {"false", [](const Value& v) { return v.as<bool>() && !*v.as<bool>(); }},
      {"integer", [](const Value& v) { return v.as<std::int64_t>() != nullptr; }},
      {"float", [](const Value& v) { return v.as<double>() != nullptr; }},
      {"number", [](const Value& v) { return v.number(); }},
      {"string", [](const Value& v) { return v.text() || v.as<Safe>(); }},
      {"mapping", [](const Value& v) { return v.dict() != nullptr; }},
      {"iterable", [](const Value& v) { return iterable(v); }},
      {"sequence", is_sequence},
      {"callable", [](const Value& v) { return v.callable() || v.undefined() || v.loop(); }},
  };
  return known;
}

std::optional<Comparison> comparison_of(std::string_view name) {
  static const std::map<std::string_view, Comparison> known{
      {"eq", Comparison::equal},         {"equalto", Comparison::equal},
      {"==", Comparison::equal},         {"ne", Comparison::unequal},
      {"!=", Comparison::unequal},       {"lt", Comparison::less},
      {"lessthan", Comparison::less},    {"<", Comparison::less},
      {"le", Comparison::less_equal},    {"<=", Comparison::less_equal},
      {"gt", Comparison::greater},       {"greaterthan", Comparison::greater},
      {">", Comparison::greater},        {"ge", Comparison::greater_equal},
      {">=", Comparison::greater_equal}, {"in", Comparison::in}};
  const auto found = known.find(name);
  if (found == known.end()) return std::nullopt;
  return found->second;
}

}  // namespace

bool apply_test(Budget& budget, std::string_view name, const Value& input,
                const Arguments& arguments) {
  budget.spend(Budget::step);
  if (const auto found = kinds().find(name); found != kinds().end()) {
    arguments.bind(name, {});
    return found->second(input);
  }
  if (name == "odd" || name == "even") {
    arguments.bind(name, {});
    return remainder_by(budget, input, Value(std::int64_t{2})) == (name == "odd" ? 1 : 0);
  }
  if (name == "lower" || name == "upper") {
    arguments.bind(name, {});
    return name == "lower" ? is_lower(str(budget, input)) : is_upper(str(budget, input));
  }
  const auto by = comparison_of(name);
  if (!by && name != "sameas" && name != "divisibleby")
    throw Refused("the test '" + std::string(name) + "' is not supported");
  const auto* other = arguments.bind(name, {"other"})[0];
  if (!other) throw Refused("the test '" + std::string(name) + "' needs a value");
  if (by) return compare(budget, *by, input, *other);
  if (name == "sameas") return same(input, *other);
  return remainder_by(budget, input, *other) == 0;
}

}  // namespace strata::text::jinja
