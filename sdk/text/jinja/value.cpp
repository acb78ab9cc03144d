#include "text/jinja/value.hpp"

#include <algorithm>

#include "text/jinja/compare.hpp"
#include "text/jinja/scope.hpp"

namespace strata::text::jinja {
namespace {

constexpr int deepest = 100;  // [Note: depth]

int over(int inner) {
  if (inner >= deepest) throw Refused("values are nested too deep");
  return inner + 1;
}

int depth_of(const Values& items) {
  int depth = 0;
  for (const auto& item : items) depth = std::max(depth, item.depth());
  return over(depth);
}

}  // namespace

Value::Value(Sequence sequence) : held_(nullptr), depth_(depth_of(sequence.items)) {
  held_ = std::make_shared<const Sequence>(std::move(sequence));
}

Value::Value(Dict dict) : held_(nullptr) {
  for (const auto& [key, value] : dict.entries)
    depth_ = std::max({depth_, key.depth(), value.depth()});
  depth_ = over(depth_);
  held_ = std::make_shared<const Dict>(std::move(dict));
}

Value::Value(Generator generator) : held_(nullptr), depth_(depth_of(generator.items)) {
  held_ = std::make_shared<Generator>(std::move(generator));
}

Value::Value(Callable callable) : held_(nullptr), depth_(over(callable.self.depth())) {
  held_ = std::make_shared<const Callable>(std::move(callable));
}

Value::Value(std::shared_ptr<const Loop> loop) : held_(nullptr), depth_(depth_of(loop->items)) {
  held_ = std::move(loop);
}

Generator* Value::generator() const {
  const auto* pointer = as<std::shared_ptr<Generator>>();
  return pointer ? pointer->get() : nullptr;
}

Namespace* Value::space() const {
  const auto* pointer = as<Namespace*>();
  return pointer ? *pointer : nullptr;
}

std::int64_t Value::integer() const {
  if (const auto* flag = as<bool>()) return *flag ? 1 : 0;
  return *as<std::int64_t>();
}

double Value::real() const {
  if (const auto* number = as<double>()) return *number;
  return static_cast<double>(integer());
}

std::string_view Value::kind() const {
  if (const auto* items = sequence()) {
    constexpr std::string_view names[] = {"a list", "a tuple", "a range", "a view of a dict"};
    return names[static_cast<int>(items->form)];
  }
  constexpr std::string_view names[] = {
      "undefined", "none",   "a flag",      "an integer", "a number", "text",       "safe text",
      "",          "a dict", "a generator", "a function", "the loop", "a namespace"};
  return names[held_.index()];
}

const Value* Dict::find(const Value& key) const {
  const auto same = hashable(key);
  for (const auto& [known, value] : entries)
    if (same(known)) return &value;
  return nullptr;
}

const Value* Dict::find(std::string_view key) const {
  for (const auto& [known, value] : entries)
    if (const auto* text = known.text(); text && *text == key) return &value;
  return nullptr;
}

void Dict::set(Value key, Value value) {
  if (const auto* known = find(key))
    const_cast<Value&>(*known) = std::move(value);  // it belongs to this, which is not const
  else
    entries.emplace_back(std::move(key), std::move(value));
}

Value list(Values items) { return Value(Sequence{Sequence::Form::list, std::move(items)}); }
Value tuple(Values items) { return Value(Sequence{Sequence::Form::tuple, std::move(items)}); }

}  // namespace strata::text::jinja
