// What `value.name` and `value[key]` give. Nothing but what is named here can be reached.
#pragma once
#include <string_view>

#include "core/text/jinja/budget.hpp"

namespace strata::text::jinja {

// Undefined where there is none; Refused for undefined values and methods that are not supported.
Value attribute(Budget& budget, const Value& object, std::string_view name);
Value item(Budget& budget, const Value& object, const Value& key);
// As filters name attributes: "a.b.0", or any key.
Value attribute_path(Budget& budget, Value object, const Value& path, const Value* fallback);
// value[from:to:step]; null where a part is left out.
Value slice(Budget& budget, const Value& object, const Value* from, const Value* to,
            const Value* step);

}  // namespace strata::text::jinja
