#include "text/jinja/filters.hpp"

#include "text/jinja/python_text.hpp"

namespace strata::text::jinja {
namespace {

Filter find(std::string_view name) {
  for (const auto* filters :
       {&text_filters(), &number_filters(), &list_filters(), &choosing_filters()})
    if (const auto found = filters->find(name); found != filters->end()) return found->second;
  throw Refused("the filter '" + std::string(name) + "' is not supported");
}

}  // namespace

Value apply_filter(Budget& budget, std::string_view name, const Value& input,
                   const Arguments& arguments) {
  const auto filter = find(name);
  budget.spend(Budget::step);
  budget.walk(input);
  for (const auto& argument : arguments.positional) budget.walk(argument);
  if (name == "safe") {
    arguments.bind(name, {});
    return Value(Safe{std::make_shared<const std::string>(str(budget, input))});
  }
  if (input.as<Safe>()) throw Refused("'" + std::string(name) + "' of safe text is not supported");
  return filter(budget, input, arguments);
}

}  // namespace strata::text::jinja
