// The lookups `value.name` and `value[key]`. A template can reach only the attributes named here.
#pragma once
#include <string_view>

#include "text/jinja/budget.hpp"

namespace strata::text::jinja {

// Undefined where there is none. Throws Refused for undefined values and unsupported methods.
Value attribute(Budget& budget, const Value& object, std::string_view name);
Value item(Budget& budget, const Value& object, const Value& key);
// Looks up an attribute as filters name it: "a.b.0", or any key.
Value attribute_path(Budget& budget, Value object, const Value& path, const Value* fallback);
// value[from:to:step]; null where a part is left out.
Value slice(Budget& budget, const Value& object, const Value* from, const Value* to,
            const Value* step);

}  // namespace strata::text::jinja
