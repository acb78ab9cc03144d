// Filters that apply a filter or a test to each element.
#include "text/jinja/compare.hpp"
#include "text/jinja/filters.hpp"
#include "text/jinja/lookup.hpp"

namespace strata::text::jinja {
namespace {

Value map(Budget& budget, const Value& input, const Arguments& arguments) {
  Generator out;
  if (!truth(input)) return Value(std::move(out));
  if (arguments.positional.empty()) {
    const auto given = arguments.bind("map", {"attribute", "default"});
    if (!given[0]) throw Refused("'map' needs a filter or an attribute");
    for (auto& item : elements(budget, input))
      out.items.push_back(attribute_path(budget, std::move(item), *given[0], given[1]));
    return Value(std::move(out));
  }
  const auto& name = text_of(arguments.positional.data(), "map");
  const auto rest = arguments.rest(1);
  for (const auto& item : elements(budget, input))
    out.items.push_back(apply_filter(budget, name, item, rest));
  return Value(std::move(out));
}

// Chooses the elements for which the test is `wanted`; with `by_attribute` it tests the attribute
// that the first argument names.
template <bool wanted, bool by_attribute>
Value choose(Budget& budget, const Value& input, const Arguments& arguments) {
  Generator out;
  if (!truth(input)) return Value(std::move(out));
  constexpr std::size_t used = by_attribute ? 1 : 0;
  const auto& given = arguments.positional;
  if (given.size() < used) throw Refused("'selectattr' needs an attribute");
  const auto rest = arguments.rest(used + 1);
  for (auto& item : elements(budget, input)) {
    const auto tested = by_attribute ? attribute_path(budget, item, given[0], nullptr) : item;
    const bool holds = given.size() > used
                           ? apply_test(budget, text_of(&given[used], "select"), tested, rest)
                           : truth(tested);
    if (holds == wanted) out.items.push_back(std::move(item));
  }
  return Value(std::move(out));
}

}  // namespace

const Filters& choosing_filters() {
  static const Filters filters{{"map", map},
                               {"select", choose<true, false>},
                               {"reject", choose<false, false>},
                               {"selectattr", choose<true, true>},
                               {"rejectattr", choose<false, true>}};
  return filters;
}

}  // namespace strata::text::jinja
