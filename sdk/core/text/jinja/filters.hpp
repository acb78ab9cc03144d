// The filters and tests of the package jinja2 that chat templates use, and its tojson as
// transformers sets it.
#pragma once
#include <map>
#include <string_view>

#include "core/text/jinja/arguments.hpp"
#include "core/text/jinja/budget.hpp"

namespace strata::text::jinja {

// Throw Refused where there is none of the name, and for what it does not take.
Value apply_filter(Budget& budget, std::string_view name, const Value& input,
                   const Arguments& arguments);
bool apply_test(Budget& budget, std::string_view name, const Value& input,
                const Arguments& arguments);

using Filter = Value (*)(Budget&, const Value& input, const Arguments&);
using Filters = std::map<std::string_view, Filter>;

// By what they work on.
const Filters& text_filters();
const Filters& number_filters();
const Filters& list_filters();
const Filters& choosing_filters();

}  // namespace strata::text::jinja
