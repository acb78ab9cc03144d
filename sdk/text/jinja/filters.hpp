// The filters and tests of jinja2 that chat templates use, and tojson as transformers defines it.
#pragma once
#include <map>
#include <string_view>

#include "text/jinja/arguments.hpp"
#include "text/jinja/budget.hpp"

namespace strata::text::jinja {

// Throw Refused for an unknown name, and for arguments that the filter or test does not take.
Value apply_filter(Budget& budget, std::string_view name, const Value& input,
                   const Arguments& arguments);
bool apply_test(Budget& budget, std::string_view name, const Value& input,
                const Arguments& arguments);

using Filter = Value (*)(Budget&, const Value& input, const Arguments&);
using Filters = std::map<std::string_view, Filter>;

// The filters by the types that they work on.
const Filters& text_filters();
const Filters& number_filters();
const Filters& list_filters();
const Filters& choosing_filters();

}  // namespace strata::text::jinja
