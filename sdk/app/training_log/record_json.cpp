#include "app/training_log/record_json.hpp"

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>

namespace strata::training_log {
namespace {

// Calls `field(name, member)` for each field in the order of the text.
template <class Step, class Field>
void each_of_step(Step& step, Field field) {
  field("step", step.step);
  field("total", step.total);
  field("epoch", step.epoch);
  field("loss", step.loss);
  field("router_loss", step.router_loss);
  field("accuracy", step.accuracy);
  field("lr", step.lr);
  field("grad_norm", step.grad_norm);
  field("loss_scale", step.loss_scale);
  field("tokens", step.tokens);
  field("scored", step.scored);
  field("seconds", step.seconds);
  field("eta_seconds", step.eta_seconds);
  field("flops", step.flops);
  field("moved_to_device", step.moved_to_device);
  field("moved_to_host", step.moved_to_host);
  field("read_from_disk", step.read_from_disk);
  field("written_to_disk", step.written_to_disk);
  field("skipped", step.skipped);
  field("updated_units", step.updated_units);
}

template <class Validation, class Field>
void each_of_validation(Validation& validation, Field field) {
  field("step", validation.step);
  field("loss", validation.loss);
  field("accuracy", validation.accuracy);
  field("tokens", validation.tokens);
  field("seconds", validation.seconds);
}

// Adds fields to an object.
struct ToJson {
  OrderedJson& object;
  bool& finite;

  template <class Value>
  void operator()(const char* name, const Value& value) const {
    object[name] = value;
  }
  template <class Value>
  void operator()(const char* name, const std::optional<Value>& value) const {
    if (value) object[name] = *value;
  }
  void operator()(const char* name, const double& value) const {
    if (std::isfinite(value)) {
      object[name] = value;
    } else {
      object[name] = nullptr;
      finite = false;
    }
  }
};

struct FromJson {
  const Json& object;
  std::string_view who;

  template <class Value>
  void operator()(const char* name, Value& value) const {
    const auto found = object.find(name);
    if (found == object.end()) return;
    if constexpr (std::is_same_v<Value, double>) {
      if (!found->is_number() && !found->is_null()) refuse(name);
      value = found->is_null() ? std::numeric_limits<double>::quiet_NaN() : found->get<double>();
    } else if constexpr (std::is_same_v<Value, std::optional<double>>) {
      if (!found->is_number()) refuse(name);
      value = found->get<double>();
    } else if constexpr (std::is_same_v<Value, std::optional<uint64_t>>) {
      value = count_of(name, *found);
    } else if constexpr (std::is_same_v<Value, bool>) {
      if (!found->is_boolean()) refuse(name);
      value = found->get<bool>();
    } else {
      value = static_cast<Value>(count_of(name, *found));
    }
  }
  // Steps fit both types; a count of tokens or bytes is below 2^63 on every machine.
  uint64_t count_of(const char* name, const Json& found) const {
    if (!found.is_number_unsigned() ||
        found.get<uint64_t>() > uint64_t(std::numeric_limits<int64_t>::max()))
      refuse(name);
    return found.get<uint64_t>();
  }
  [[noreturn]] void refuse(const char* name) const {
    throw Error(who, "'" + std::string(name) + "' is not what a log has there",
                "name another file, or move this one away");
  }
};

}  // namespace

OrderedJson json_of(const StepRecord& step) {
  OrderedJson object;
  bool finite = true;
  each_of_step(step, ToJson{object, finite});
  if (!finite) object["nan"] = true;
  return object;
}

OrderedJson json_of(const ValidationRecord& validation) {
  OrderedJson object;
  bool finite = true;
  each_of_validation(validation, ToJson{object, finite});
  if (!finite) object["nan"] = true;
  return object;
}

StepRecord step_of(const Json& object, std::string_view who) {
  StepRecord step;
  each_of_step(step, FromJson{object, who});
  return step;
}

ValidationRecord validation_of(const Json& object, std::string_view who) {
  ValidationRecord validation;
  each_of_validation(validation, FromJson{object, who});
  return validation;
}

}  // namespace strata::training_log
