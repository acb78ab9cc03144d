#include "text/jinja/lookup.hpp"

#include <algorithm>
#include <charconv>

#include "text/jinja/compare.hpp"
#include "text/jinja/methods.hpp"
#include "text/jinja/python_text.hpp"
#include "text/jinja/scope.hpp"

namespace strata::text::jinja {
namespace {

using Names = std::initializer_list<std::string_view>;

bool one_of(std::string_view name, Names names) {
  return std::ranges::find(names, name) != names.end();
}

// Methods that the sandbox hides because they change their object.
bool changes(const Value& object, std::string_view name) {
  if (object.dict()) return one_of(name, {"clear", "pop", "popitem", "setdefault", "update"});
  const auto* items = object.sequence();
  return items && items->form == Sequence::Form::list &&
         one_of(name, {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"});
}

// Methods that Python has and this implementation does not.
bool unsupported(const Value& object, std::string_view name) {
  if (object.text())
    return one_of(
        name, {"casefold",     "center",    "encode",      "expandtabs", "format",    "format_map",
               "index",        "isalnum",   "isalpha",     "isascii",    "isdecimal", "isdigit",
               "isidentifier", "isnumeric", "isprintable", "isspace",    "istitle",   "ljust",
               "maketrans",    "partition", "rfind",       "rindex",     "rjust",     "rpartition",
               "swapcase",     "translate", "zfill"});
  if (object.dict()) return one_of(name, {"copy", "fromkeys"});
  if (object.sequence())
    return one_of(name,
                  {"copy", "count", "index", "isdisjoint", "mapping", "start", "step", "stop"});
  if (object.number())
    return one_of(name, {"as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator",
                         "from_bytes", "fromhex", "hex", "imag", "is_integer", "numerator", "real",
                         "to_bytes"});
  return object.callable() || object.as<Safe>() || object.generator();
}

Value of_loop(const Loop& loop, std::string_view name) {
  const auto count = static_cast<std::int64_t>(loop.items.size());
  const auto at = static_cast<std::int64_t>(loop.at);
  if (name == "index") return Value(at + 1);
  if (name == "index0") return Value(at);
  if (name == "revindex") return Value(count - at);
  if (name == "revindex0") return Value(count - at - 1);
  if (name == "first") return Value(at == 0);
  if (name == "last") return Value(at + 1 == count);
  if (name == "length") return Value(count);
  if (name == "depth") return Value(std::int64_t{1});
  if (name == "depth0") return Value(std::int64_t{0});
  if (name == "previtem" && at > 0) return loop.items[loop.at - 1];
  if (name == "nextitem" && at + 1 < count) return loop.items[loop.at + 1];
  if (name == "changed") throw Refused("'loop.changed' is not supported");
  return Undefined{"loop's attribute"};
}

// The result of Python's getattr.
Value method(const Value& object, std::string_view name) {
  if (const auto known = method_name(object, name); !known.empty())
    return Value(Callable{.name = known, .self = object});
  if (unsupported(object, name))
    throw Refused("'" + std::string(name) + "' of " + std::string(object.kind()) +
                  " is not supported");
  if (const auto* loop = object.loop()) return of_loop(*loop, name);
  if (const auto* space = object.space())
    if (const auto found = space->members.find(name); found != space->members.end())
      return found->second;
  return Undefined{};
}

[[noreturn]] void refuse_undefined(const Value& value) {
  const auto name = value.as<Undefined>()->name;
  throw Refused((name.empty() ? "a value" : "'" + std::string(name) + "'") + " is undefined");
}

std::int64_t bound(const Value* given, std::int64_t fallback, std::int64_t count, bool back) {
  if (!given || given->none()) return fallback;
  if (!given->whole()) throw Refused("a slice needs integers");
  auto at = given->integer();
  if (at < 0) at += count;
  const std::int64_t low = back ? -1 : 0;
  return std::clamp(at, low, back ? count - 1 : count);
}

}  // namespace

Value attribute(Budget& budget, const Value& object, std::string_view name) {
  if (object.undefined() && name.starts_with("__"))
    throw Refused("'" + std::string(name) + "' of what is undefined is not supported");
  if (object.undefined()) refuse_undefined(object);
  if (changes(object, name)) return Undefined{"a method that changes its value"};
  auto out = method(object, name);
  const auto* dict = object.dict();
  if (!dict || !out.undefined()) return out;
  budget.walk(object);
  const auto* found = dict->find(name);
  return found ? *found : Value(Undefined{name});
}

Value item(Budget& budget, const Value& object, const Value& key) {
  if (object.undefined()) refuse_undefined(object);
  budget.walk(object);
  const auto* text = object.text();
  const auto* items = object.sequence();
  const bool indexed = text || (items && items->form != Sequence::Form::view);
  if (const auto* dict = object.dict();
      dict && (key.text() || key.number() || key.none() || key.undefined())) {
    if (const auto* found = dict->find(key)) return *found;
  } else if (indexed && key.whole()) {
    const auto all = text ? characters(*text) : std::vector<std::string_view>{};
    const auto count = static_cast<std::int64_t>(text ? all.size() : items->items.size());
    const auto at = key.integer() < 0 ? key.integer() + count : key.integer();
    if (at < 0 || at >= count) return Undefined{};
    const auto index = static_cast<std::size_t>(at);
    return text ? Value(std::string(all[index])) : items->items[index];
  }
  if (!key.text() || changes(object, *key.text())) return Undefined{};
  return method(object, *key.text());
}

Value attribute_path(Budget& budget, Value object, const Value& path, const Value* fallback) {
  const auto step = [&](const Value& key) {
    object = item(budget, object, key);
    if (fallback && !fallback->none() && object.undefined()) object = *fallback;
  };
  if (!path.text()) {
    if (!path.none()) step(path);
    return object;
  }
  std::string_view rest = *path.text();
  while (true) {
    const auto part = rest.substr(0, rest.find('.'));
    std::int64_t index = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool digits = error == std::errc() && end == part.data() + part.size() && part[0] != '-';
    step(digits ? Value(index) : Value(std::string(part)));
    if (part.size() == rest.size()) return object;
    rest.remove_prefix(part.size() + 1);
  }
}

Value slice(Budget& budget, const Value& object, const Value* from, const Value* to,
            const Value* step) {
  const auto* text = object.text();
  const auto* items = object.sequence();
  if (!text && (!items || items->form == Sequence::Form::view))
    throw Refused(std::string(object.kind()) + " has no slices");
  budget.walk(object);
  const auto all = text ? characters(*text) : std::vector<std::string_view>{};
  const auto count = static_cast<std::int64_t>(text ? all.size() : items->items.size());
  auto by = integer_of(step && !step->none() ? step : nullptr, 1);
  if (by == 0) throw Refused("a slice by steps of 0");
  by = std::clamp(by, -count - 1, count + 1);
  const auto begin = bound(from, by < 0 ? count - 1 : 0, count, by < 0);
  const auto end = bound(to, by < 0 ? -1 : count, count, by < 0);
  std::string letters;
  Sequence out{items ? items->form : Sequence::Form::list, {}};
  for (auto at = begin; by < 0 ? at > end : at < end; at += by)
    if (text)
      letters += all[static_cast<std::size_t>(at)];
    else
      out.items.push_back(items->items[static_cast<std::size_t>(at)]);
  return text ? Value(std::move(letters)) : Value(std::move(out));
}

}  // namespace strata::text::jinja
