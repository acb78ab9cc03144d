// Records as JSON, for the log and for --json.
#pragma once
#include <string_view>

#include "app/training_log/records.hpp"
#include "core/json.hpp"

namespace strata::training_log {

// Every field under its own name. A number that is infinite or not a number becomes null, and the
// object gets "nan": true, because JSON has neither.
OrderedJson json_of(const StepRecord& step);
OrderedJson json_of(const ValidationRecord& validation);

// The reverse; null becomes NaN, and an absent field has its initial value. Throws Error, beginning
// with `who`, for a field of another type.
StepRecord step_of(const Json& object, std::string_view who);
ValidationRecord validation_of(const Json& object, std::string_view who);

}  // namespace strata::training_log
