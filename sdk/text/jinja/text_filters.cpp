#include "text/jinja/filters.hpp"
#include "text/jinja/json_text.hpp"
#include "text/jinja/methods.hpp"
#include "text/jinja/python_text.hpp"

namespace strata::text::jinja {
namespace {

template <std::string (*change)(std::string_view)>
Value changed(Budget& budget, const Value& input, const Arguments& arguments) {
  arguments.bind("upper", {});
  return Value(change(str(budget, input)));
}

// The filter title: words begin after spaces, hyphens and opening brackets.
std::string title_of_filter(std::string_view text) {
  std::string out;
  bool begins = true;
  for (const auto one : characters(text)) {
    const bool between = one == "-" || one == "(" || one == "{" || one == "[" || one == "<" ||
                         strip_left(one).empty();
    out += between ? std::string(one) : begins ? upper(one) : lower(one);
    begins = between;
  }
  return out;
}

Value trim(Budget& budget, const Value& input, const Arguments& arguments) {
  const auto* given = arguments.bind("trim", {"chars"})[0];
  const auto* set = !given || given->none() ? nullptr : &text_of(given, "trim");
  const auto text = str(budget, input);
  return Value(std::string(strip_right(strip_left(text, set), set)));
}

Value replace(Budget& budget, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("replace", {"old", "new", "count"});
  if (!given[0] || !given[1]) throw Refused("'replace' needs two texts");
  const bool all = !given[2] || given[2]->none();
  return Value(replaced(budget, str(budget, input), str(budget, *given[0]), str(budget, *given[1]),
                        all ? -1 : integer_of(given[2], -1)));
}

Value indent(Budget& budget, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("indent", {"width", "first", "blank"});
  const bool first = flag_of(given[1], false), blank = flag_of(given[2], false);
  std::string by;
  if (given[0] && given[0]->text()) {
    by = *given[0]->text();
  } else {
    const auto width = std::max<std::int64_t>(integer_of(given[0], 4), 0);
    budget.spend(static_cast<std::uint64_t>(width));
    by.assign(static_cast<std::size_t>(width), ' ');
  }
  const auto text = text_of(&input, "indent") + "\n";
  std::string out;
  bool at_first = true;
  for (const auto line : lines(text)) {
    if (!at_first) budget.append(out, "\n");
    if (at_first ? first : blank || !line.empty()) budget.append(out, by);
    budget.append(out, line);
    at_first = false;
  }
  return Value(std::move(out));
}

Value tojson(Budget& budget, const Value& input, const Arguments& arguments) {
  const auto given =
      arguments.bind("tojson", {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ascii = flag_of(given[0], false);
  style.sorted = flag_of(given[3], false);
  if (given[1] && given[1]->text()) {
    style.indent = *given[1]->text();
  } else if (given[1] && !given[1]->none()) {
    const auto width = std::max<std::int64_t>(integer_of(given[1], 0), 0);
    budget.spend(static_cast<std::uint64_t>(width));
    style.indent = std::string(static_cast<std::size_t>(width), ' ');
  }
  if (style.indent) style.between.assign(1, ',');
  if (given[2] && !given[2]->none()) {
    const auto* both = given[2]->sequence();
    if (!both || both->items.size() != 2) throw Refused("'separators' is no pair of texts");
    style.between = text_of(&both->items[0], "tojson");
    style.colon = text_of(&both->items[1], "tojson");
  }
  return Value(json_text(budget, input, style));
}

}  // namespace

const Filters& text_filters() {
  static const Filters filters{
      {"upper", changed<upper>},
      {"lower", changed<lower>},
      {"capitalize", changed<capitalized>},
      {"title", changed<title_of_filter>},
      {"trim", trim},
      {"replace", replace},
      {"indent", indent},
      {"tojson", tojson},
      {"safe", [](Budget&, const Value& input, const Arguments&) { return input; }},
      {"string",
       [](Budget& budget, const Value& input, const Arguments& arguments) {
         arguments.bind("string", {});
         return Value(str(budget, input));
       }},
  };
  return filters;
}

}  // namespace strata::text::jinja
