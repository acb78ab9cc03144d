#include "text/jinja/methods.hpp"

#include <algorithm>
#include <functional>
#include <map>

#include "core/utf8.hpp"
#include "text/jinja/compare.hpp"
#include "text/jinja/python_text.hpp"
#include "text/jinja/scope.hpp"

namespace strata::text::jinja {
namespace {

using Method = Value (*)(Budget&, const Value& self, const Arguments&);
using Methods = std::map<std::string_view, Method>;

Value text_value(std::string_view text) { return Value(std::string(text)); }

// The text, or null, which means white space.
const std::string* optional_text(const Value* value, std::string_view who) {
  return !value || value->none() ? nullptr : &text_of(value, who);
}

Value strip(const Value& self, const Arguments& arguments, bool left, bool right) {
  const auto* set = optional_text(arguments.bind("strip", {"chars"})[0], "strip");
  std::string_view text = *self.text();
  if (left) text = strip_left(text, set);
  return text_value(right ? strip_right(text, set) : text);
}

Values split_at_spaces(std::string_view text, std::int64_t most) {
  Values out;
  for (text = strip_left(text); !text.empty(); text = strip_left(text)) {
    if (most >= 0 && static_cast<std::int64_t>(out.size()) == most) {
      out.push_back(text_value(strip_right(text)));
      break;
    }
    std::size_t end = 0;
    while (end < text.size()) {
      const auto one = text.substr(end, first_sequence(text.substr(end)).length);
      if (strip_left(one).empty()) break;
      end += one.size();
    }
    out.push_back(text_value(text.substr(0, end)));
    text.remove_prefix(end);
  }
  return out;
}

Value split(Budget& budget, const Value& self, const Arguments& arguments) {
  const auto given = arguments.bind("split", {"sep", "maxsplit"});
  const auto* between = optional_text(given[0], "split");
  const auto most = integer_of(given[1], -1);
  std::string_view text = *self.text();
  if (!between) {
    auto words = split_at_spaces(text, most);
    budget.spend(Budget::element * words.size());
    return list(std::move(words));
  }
  if (between->empty()) throw Refused("'split' needs a separator that is not empty");
  Values out;
  while (most < 0 || static_cast<std::int64_t>(out.size()) < most) {
    const auto at = find_text(text, *between, 0);
    if (at == text.npos) break;
    budget.spend(Budget::element);
    out.push_back(text_value(text.substr(0, at)));
    text.remove_prefix(at + between->size());
  }
  out.push_back(text_value(text));
  return list(std::move(out));
}

Value affix(const Value& self, const Arguments& arguments, bool front) {
  const auto* given = arguments.bind("startswith", {"prefix"})[0];
  const auto matches = [&](const Value& one) {
    const auto& part = text_of(&one, "startswith");
    return front ? self.text()->starts_with(part) : self.text()->ends_with(part);
  };
  const auto* several = given ? given->sequence() : nullptr;
  if (several && several->form == Sequence::Form::tuple)
    return Value(std::ranges::any_of(several->items, matches));
  return Value(matches(given ? *given : Value()));
}

Value without_affix(const Value& self, const Arguments& arguments, bool front) {
  const auto& part = text_of(arguments.bind("removeprefix", {"prefix"})[0], "removeprefix");
  std::string_view text = *self.text();
  if (front && text.starts_with(part)) text.remove_prefix(part.size());
  if (!front && text.ends_with(part)) text.remove_suffix(part.size());
  return text_value(text);
}

Value count(const Value& self, const Arguments& arguments) {
  const auto& part = text_of(arguments.bind("count", {"sub"})[0], "count");
  if (part.empty()) return Value(static_cast<std::int64_t>(length(*self.text()) + 1));
  std::int64_t out = 0;
  for (auto at = find_text(*self.text(), part, 0); at != std::string::npos;
       at = find_text(*self.text(), part, at + part.size()))
    ++out;
  return Value(out);
}

Value find(const Value& self, const Arguments& arguments) {
  const auto at = find_text(*self.text(), text_of(arguments.bind("find", {"sub"})[0], "find"), 0);
  if (at == std::string::npos) return Value(std::int64_t{-1});
  return Value(static_cast<std::int64_t>(length(std::string_view(*self.text()).substr(0, at))));
}

template <std::string (*change)(std::string_view)>
Value changed(Budget&, const Value& self, const Arguments& arguments) {
  arguments.bind("upper", {});
  return Value(change(*self.text()));
}

const Methods& of_text() {
  static const Methods methods{
      {"strip",
       [](Budget&, const Value& s, const Arguments& a) { return strip(s, a, true, true); }},
      {"lstrip",
       [](Budget&, const Value& s, const Arguments& a) { return strip(s, a, true, false); }},
      {"rstrip",
       [](Budget&, const Value& s, const Arguments& a) { return strip(s, a, false, true); }},
      {"split", split},
      {"startswith", [](Budget&, const Value& s, const Arguments& a) { return affix(s, a, true); }},
      {"endswith", [](Budget&, const Value& s, const Arguments& a) { return affix(s, a, false); }},
      {"removeprefix",
       [](Budget&, const Value& s, const Arguments& a) { return without_affix(s, a, true); }},
      {"removesuffix",
       [](Budget&, const Value& s, const Arguments& a) { return without_affix(s, a, false); }},
      {"count", [](Budget&, const Value& s, const Arguments& a) { return count(s, a); }},
      {"find", [](Budget&, const Value& s, const Arguments& a) { return find(s, a); }},
      {"upper", changed<upper>},
      {"lower", changed<lower>},
      {"title", changed<titled>},
      {"capitalize", changed<capitalized>},
      {"isupper",
       [](Budget&, const Value& s, const Arguments& a) {
         a.bind("isupper", {});
         return Value(is_upper(*s.text()));
       }},
      {"islower",
       [](Budget&, const Value& s, const Arguments& a) {
         a.bind("islower", {});
         return Value(is_lower(*s.text()));
       }},
      {"replace",
       [](Budget& budget, const Value& s, const Arguments& a) {
         const auto given = a.bind("replace", {"old", "new", "count"});
         return Value(replaced(budget, *s.text(), text_of(given[0], "replace"),
                               text_of(given[1], "replace"), integer_of(given[2], -1)));
       }},
      {"join",
       [](Budget& budget, const Value& s, const Arguments& a) {
         const auto* given = a.bind("join", {"iterable"})[0];
         const auto parts = elements(budget, given ? *given : Value(nullptr));
         for (const auto& part : parts) text_of(&part, "join");
         return Value(joined(budget, *s.text(), parts));
       }},
      {"splitlines",
       [](Budget& budget, const Value& s, const Arguments& a) {
         a.bind("splitlines", {});
         Values out;
         for (const auto line : lines(*s.text())) {
           budget.spend(Budget::element);
           out.push_back(text_value(line));
         }
         return list(std::move(out));
       }},
  };
  return methods;
}

Value view(const Dict& dict, const std::function<Value(const std::pair<Value, Value>&)>& of) {
  Sequence out{Sequence::Form::view, {}};
  for (const auto& entry : dict.entries) out.items.push_back(of(entry));
  return Value(std::move(out));
}

const Methods& of_dict() {
  static const Methods methods{
      {"items",
       [](Budget&, const Value& s, const Arguments& a) {
         a.bind("items", {});
         return view(*s.dict(), [](const auto& one) { return tuple({one.first, one.second}); });
       }},
      {"keys",
       [](Budget&, const Value& s, const Arguments& a) {
         a.bind("keys", {});
         return view(*s.dict(), [](const auto& one) { return one.first; });
       }},
      {"values",
       [](Budget&, const Value& s, const Arguments& a) {
         a.bind("values", {});
         return view(*s.dict(), [](const auto& one) { return one.second; });
       }},
      {"get",
       [](Budget&, const Value& s, const Arguments& a) {
         const auto given = a.bind("get", {"key", "default"});
         if (!given[0]) throw Refused("'get' needs a key");
         const auto* found = s.dict()->find(*given[0]);
         return found ? *found : given[1] ? *given[1] : Value(nullptr);
       }},
  };
  return methods;
}

const Methods& of_loop() {
  static const Methods methods{
      {"cycle",
       [](Budget&, const Value& s, const Arguments& a) {
         if (a.positional.empty() || !a.named.empty()) throw Refused("'cycle' needs values");
         return a.positional[s.loop()->at % a.positional.size()];
       }},
  };
  return methods;
}

const Methods& methods_of(const Value& object) {
  static const Methods none;
  return object.text() ? of_text() : object.dict() ? of_dict() : object.loop() ? of_loop() : none;
}

}  // namespace

std::string_view method_name(const Value& object, std::string_view name) {
  const auto& methods = methods_of(object);
  const auto found = methods.find(name);
  return found == methods.end() ? std::string_view{} : found->first;
}

Value call_method(Budget& budget, const Value& self, std::string_view name,
                  const Arguments& arguments) {
  budget.walk(self);
  for (const auto& argument : arguments.positional) budget.walk(argument);
  return methods_of(self).at(name)(budget, self, arguments);
}

std::string replaced(Budget& budget, std::string_view text, std::string_view old,
                     std::string_view by, std::int64_t count) {
  std::string out;
  if (old.empty()) {  // before each character, and at the end
    for (const auto one : characters(text)) {
      if (count != 0) budget.append(out, by), --count;
      budget.append(out, one);
    }
    if (count != 0) budget.append(out, by);
    return out;
  }
  std::size_t at = 0;
  for (; count != 0; --count) {
    const auto found = find_text(text, old, at);
    if (found == text.npos) break;
    budget.append(out, text.substr(at, found - at));
    budget.append(out, by);
    at = found + old.size();
  }
  budget.append(out, text.substr(at));
  return out;
}

std::string joined(Budget& budget, std::string_view between, const Values& parts) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) budget.append(out, between);
    append_str(budget, out, parts[i]);
  }
  return out;
}

}  // namespace strata::text::jinja
