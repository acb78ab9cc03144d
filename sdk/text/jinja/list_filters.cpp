// Filters of lists and dicts, for their elements and order.
#include <algorithm>

#include "text/jinja/compare.hpp"
#include "text/jinja/filters.hpp"
#include "text/jinja/lookup.hpp"
#include "text/jinja/methods.hpp"
#include "text/jinja/python_text.hpp"

namespace strata::text::jinja {
namespace {

Value small(const Value& key, bool case_sensitive) {
  return !case_sensitive && key.text() ? Value(lower(*key.text())) : key;
}

// The items sorted by their keys; equal ones keep their order.
Values sorted(Budget& budget, const Values& items, const Values& keys, bool reverse) {
  std::vector<std::size_t> order(items.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    if (reverse) std::swap(a, b);
    return compare(budget, Comparison::less, keys[a], keys[b]);
  });
  Values out;
  for (const auto i : order) out.push_back(items[i]);
  return out;
}

Value sort(Budget& budget, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("sort", {"reverse", "case_sensitive", "attribute"});
  const auto items = elements(budget, input);
  const bool case_sensitive = flag_of(given[1], false);
  Values keys;
  for (const auto& item : items) {
    Values key;
    if (!given[2] || !given[2]->text()) {
      const Value path = given[2] ? *given[2] : Value(nullptr);
      key.push_back(small(attribute_path(budget, item, path, nullptr), case_sensitive));
    } else {
      std::string_view rest = *given[2]->text();
      for (bool last = false; !last; rest = rest.substr(last ? 0 : rest.find(',') + 1)) {
        const Value path{std::string(rest.substr(0, rest.find(',')))};
        last = rest.find(',') == rest.npos;
        key.push_back(small(attribute_path(budget, item, path, nullptr), case_sensitive));
      }
    }
    keys.push_back(list(std::move(key)));
  }
  return list(sorted(budget, items, keys, flag_of(given[0], false)));
}

Value dictsort(Budget& budget, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("dictsort", {"case_sensitive", "by", "reverse"});
  const auto by = given[1] ? text_of(given[1], "dictsort") : "key";
  if (by != "key" && by != "value") throw Refused("'dictsort' is by key or by value");
  if (!input.dict()) throw Refused("'dictsort' needs a dict");
  Values items, keys;
  for (const auto& [key, value] : input.dict()->entries) {
    items.push_back(tuple({key, value}));
    keys.push_back(small(by == "key" ? key : value, flag_of(given[0], false)));
  }
  return list(sorted(budget, items, keys, flag_of(given[2], false)));
}

Value unique(Budget& budget, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("unique", {"case_sensitive", "attribute"});
  const Value path = given[1] ? *given[1] : Value(nullptr);
  Generator out;
  Values seen;
  for (auto& item : elements(budget, input)) {
    auto key = small(attribute_path(budget, item, path, nullptr), flag_of(given[0], false));
    budget.spend(Budget::step * (seen.size() + 1));
    if (std::ranges::any_of(seen, hashable(key))) continue;
    seen.push_back(std::move(key));
    out.items.push_back(std::move(item));
  }
  return Value(std::move(out));
}

Value length_of(Budget& budget, const Value& input, const Arguments& arguments) {
  arguments.bind("length", {});
  if (const auto* text = input.text()) return Value(static_cast<std::int64_t>(length(*text)));
  if (input.generator() || !iterable(input) || input.loop())
    throw Refused(std::string(input.kind()) + " has no length");
  return Value(static_cast<std::int64_t>(elements(budget, input).size()));
}

Value first(Budget& budget, const Value& input, const Arguments& arguments) {
  arguments.bind("first", {});
  if (auto* generator = input.generator()) {
    if (generator->items.empty()) return Undefined{"first"};
    auto out = std::move(generator->items.front());
    generator->items.erase(generator->items.begin());
    return out;
  }
  const auto items = elements(budget, input);
  return items.empty() ? Value(Undefined{"first"}) : items.front();
}

Value last(Budget& budget, const Value& input, const Arguments& arguments) {
  arguments.bind("last", {});
  if (input.generator()) throw Refused("a generator has no last element");
  const auto items = elements(budget, input);
  return items.empty() ? Value(Undefined{"last"}) : items.back();
}

Value reverse(Budget& budget, const Value& input, const Arguments& arguments) {
  arguments.bind("reverse", {});
  auto items = elements(budget, input);
  std::ranges::reverse(items);
  if (input.text()) return Value(joined(budget, "", items));
  if (input.generator()) return list(std::move(items));
  return Value(Generator{std::move(items)});
}

Value join(Budget& budget, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("join", {"d", "attribute"});
  auto items = elements(budget, input);
  if (given[1] && !given[1]->none())
    for (auto& item : items) item = attribute_path(budget, item, *given[1], nullptr);
  return Value(joined(budget, given[0] ? str(budget, *given[0]) : "", items));
}

Value items(Budget&, const Value& input, const Arguments& arguments) {
  arguments.bind("items", {});
  Generator out;
  if (input.undefined()) return Value(std::move(out));
  if (!input.dict()) throw Refused("'items' needs a dict, not " + std::string(input.kind()));
  for (const auto& [key, value] : input.dict()->entries) out.items.push_back(tuple({key, value}));
  return Value(std::move(out));
}

Value to_list(Budget& budget, const Value& input, const Arguments& arguments) {
  arguments.bind("list", {});
  return list(elements(budget, input));
}

Value fallback(Budget&, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("default", {"default_value", "boolean"});
  if (!input.undefined() && (!flag_of(given[1], false) || truth(input))) return input;
  return given[0] ? *given[0] : Value(std::string());
}

}  // namespace

const Filters& list_filters() {
  static const Filters filters{{"sort", sort},        {"dictsort", dictsort}, {"unique", unique},
                               {"length", length_of}, {"count", length_of},   {"first", first},
                               {"last", last},        {"reverse", reverse},   {"join", join},
                               {"items", items},      {"list", to_list},      {"default", fallback},
                               {"d", fallback}};
  return filters;
}

}  // namespace strata::text::jinja
