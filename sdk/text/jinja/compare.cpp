#include "text/jinja/compare.hpp"

#include <algorithm>
#include <string>

#include "text/jinja/python_text.hpp"
#include "text/jinja/scope.hpp"

namespace strata::text::jinja {
namespace {

const std::string* plain(const Value& value) {
  if (const auto* safe = value.as<Safe>()) return safe->text.get();
  return value.text();
}

template <class T>
bool ordered(Comparison by, const T& a, const T& b) {
  switch (by) {
    case Comparison::less:
      return a < b;
    case Comparison::less_equal:
      return a <= b;
    case Comparison::greater:
      return a > b;
    default:
      return a >= b;
  }
}

// A long double holds every integer and every double.
long double exact(const Value& value) {
  if (const auto* number = value.as<double>()) return *number;
  return static_cast<long double>(value.integer());
}

bool same_items(Budget& budget, const Sequence& a, const Sequence& b) {
  if (a.form != b.form || a.items.size() != b.items.size()) return false;
  for (std::size_t i = 0; i < a.items.size(); ++i)
    if (!equal(budget, a.items[i], b.items[i])) return false;
  return true;
}

bool same_entries(Budget& budget, const Dict& a, const Dict& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    budget.spend(Budget::element * b.entries.size());
    const auto* other = b.find(key);
    if (!other || !equal(budget, value, *other)) return false;
  }
  return true;
}

bool contains(Budget& budget, const Value& where, const Value& what) {
  budget.walk(where);
  if (const auto* text = plain(where)) {
    const auto* part = plain(what);
    if (!part) throw Refused("'in' text looks for text, not for " + std::string(what.kind()));
    return find_text(*text, *part, 0) != std::string::npos;
  }
  if (const auto* dict = where.dict()) return dict->find(what) != nullptr;
  if (const auto* items = where.sequence())
    return std::ranges::any_of(items->items,
                               [&](const Value& one) { return equal(budget, one, what); });
  if (where.generator()) throw Refused("'in' of a generator is not supported");
  return std::ranges::any_of(elements(budget, where),
                             [&](const Value& one) { return equal(budget, one, what); });
}

}  // namespace

bool truth(const Value& value) {
  if (value.number()) return value.real() != 0;
  if (const auto* text = plain(value)) return !text->empty();
  if (const auto* items = value.sequence()) return !items->items.empty();
  if (const auto* dict = value.dict()) return !dict->entries.empty();
  if (const auto* loop = value.loop()) return !loop->items.empty();
  return !value.undefined() && !value.none();
}

bool equal(Budget& budget, const Value& a, const Value& b) {
  budget.spend(Budget::step);
  if (a.number() && b.number()) return exact(a) == exact(b);
  if (const auto* left = plain(a), *right = plain(b); left && right) {
    budget.spend(std::min(left->size(), right->size()));
    return *left == *right;
  }
  if (const auto* left = a.sequence(), *right = b.sequence(); left && right) {
    if (left == right) return true;
    if (left->form == Sequence::Form::view || right->form == Sequence::Form::view)
      throw Refused("comparing views of dicts is not supported");
    return same_items(budget, *left, *right);
  }
  if (const auto* left = a.dict(), *right = b.dict(); left && right)
    return left == right || same_entries(budget, *left, *right);
  if (a.callable() && b.callable()) throw Refused("comparing functions is not supported");
  if (a.undefined() || b.undefined()) return a.undefined() && b.undefined();
  if (a.none() || b.none()) return a.none() && b.none();
  if (a.generator() || b.generator()) return a.generator() == b.generator();
  if (a.space() || b.space()) return a.space() == b.space();
  return a.loop() && a.loop() == b.loop();
}

bool compare(Budget& budget, Comparison by, const Value& a, const Value& b) {
  if (by == Comparison::equal || by == Comparison::unequal)
    return equal(budget, a, b) == (by == Comparison::equal);
  if (by == Comparison::in || by == Comparison::not_in)
    return contains(budget, b, a) == (by == Comparison::in);
  if (a.number() && b.number()) return ordered(by, exact(a), exact(b));
  if (const auto* left = plain(a), *right = plain(b); left && right) {
    budget.spend(std::min(left->size(), right->size()));
    return ordered(by, *left, *right);
  }
  const auto *left = a.sequence(), *right = b.sequence();
  const auto sorted = [](const Sequence* s) {
    return s && (s->form == Sequence::Form::list || s->form == Sequence::Form::tuple);
  };
  if (!sorted(left) || !sorted(right) || left->form != right->form)
    throw Refused(std::string(a.kind()) + " and " + std::string(b.kind()) + " have no order");
  const auto count = std::min(left->items.size(), right->items.size());
  for (std::size_t i = 0; i < count; ++i)
    if (!equal(budget, left->items[i], right->items[i]))
      return compare(budget, by, left->items[i], right->items[i]);
  return ordered(by, left->items.size(), right->items.size());
}

std::function<bool(const Value&)> hashable(const Value& key) {
  if (const auto* text = plain(key))
    return [text](const Value& other) { return plain(other) && *plain(other) == *text; };
  if (key.number())
    return [&key](const Value& other) { return other.number() && exact(other) == exact(key); };
  if (key.none()) return [](const Value& other) { return other.none(); };
  if (key.undefined()) return [](const Value& other) { return other.undefined(); };
  const auto* items = key.sequence();
  const bool hashed = items && items->form != Sequence::Form::list;
  throw Refused(std::string(key.kind()) +
                (hashed ? " as a key of a dict is not supported" : " is no key of a dict"));
}

bool iterable(const Value& value) {
  return plain(value) || value.sequence() || value.dict() || value.generator() ||
         value.undefined() || value.loop();
}

Values elements(Budget& budget, const Value& value) {
  budget.walk(value);
  if (const auto* items = value.sequence()) return items->items;
  if (auto* generator = value.generator()) return std::exchange(generator->items, {});
  Values out;
  if (const auto* dict = value.dict())
    for (const auto& entry : dict->entries) out.push_back(entry.first);
  else if (const auto* text = plain(value)) {
    budget.spend(Budget::element * text->size());
    for (const auto one : characters(*text)) out.emplace_back(std::string(one));
  } else if (!value.undefined()) {
    throw Refused(std::string(value.kind()) + " has no elements");
  }
  return out;
}

}  // namespace strata::text::jinja
