#include "text/jinja/budget.hpp"

namespace strata::text::jinja {

void Budget::walk(const Value& value) {
  if (const auto* text = value.text()) spend(text->size());
  if (const auto* safe = value.as<Safe>()) spend(safe->text->size());
  if (const auto* items = value.sequence()) spend(element * items->items.size());
  if (const auto* dict = value.dict()) spend(element * dict->entries.size());
  if (const auto* generator = value.generator()) spend(element * generator->items.size());
}

}  // namespace strata::text::jinja
