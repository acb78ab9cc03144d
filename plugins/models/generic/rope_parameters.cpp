// The rope parameters of one layer, merged as in transformers' configuration classes from
// rope_scaling, rope_parameters, the keys of old files, and the class's own defaults.
#include <cmath>

#include "reading.hpp"

namespace generic {
namespace {

constexpr auto theta_key = "rope_theta", part_key = "partial_rotary_factor", type_key = "rope_type",
               original_key = "original_max_position_embeddings",
               positions_key = "max_position_embeddings";

bool is_there(const Value* value) { return value && !value->is_null(); }

// Whether the value is true in Python.
bool counts(const Value* value) {
  if (!is_there(value) || *value == false || *value == "") return false;
  return value->is_number() ? *value != 0 : !value->empty();
}

// Builds the parameters of one layer in `object_`, step by step.
class Parameters {
 public:
  explicit Parameters(const Reader& r) : r_(r), values_(r.values()) {
    const auto path = r.text("rope.path", "");
    const bool plain = r.flag("rope.plain", false);
    const auto* scaling = plain ? nullptr : values_.given("rope_scaling");
    if (counts(scaling) && !scaling->is_object()) refuse("rope_scaling", "is not an object");
    nested_ = !path.empty();
    if (counts(scaling) && !nested_) {
      object_ = *scaling;
    } else {
      take(nested_ ? path : "rope_parameters", plain);
      if (counts(scaling)) object_.update(*scaling);
    }
  }

  Value complete(std::int64_t head) {
    set_type();
    set_theta();
    set_part();
    set_positions();
    if (r_.flag("rope.alpha", false)) stretch(head);
    return std::move(object_);
  }

 private:
  // Takes the object at the path in config.json, else the class's default. If a class has defaults
  // by kind of layer, a file that sets one kind must set all.
  void take(const std::string& path, bool plain) {
    const auto* all = values_.given("rope_parameters");
    const auto* own = values_.given(path);
    const auto by_class = values_.default_object(path);
    whole_ = nested_ && !by_class.is_discarded();
    if (is_there(own)) {
      object_ = *own;
    } else if (!is_there(all) || (!nested_ && plain)) {
      if (!by_class.is_discarded()) object_ = by_class;
    } else if (whole_) {
      refuse(path, "is missing");
    }
    if (!object_.is_object()) refuse(path, "is not an object");
  }

  void set_type() {
    if (!object_.contains(type_key))
      object_[type_key] = object_.contains("type") ? object_["type"] : Value("default");
    auto& type = object_[type_key];
    if (type.is_string() && type == r_.text("rope.yarn", "yarn")) type = "yarn";
    if (!r_.flag("rope.longrope", false)) return;
    if (type == "su" || type == "yarn") type = "longrope";
    if (type != "default" && type != "longrope")
      refuse("rope_scaling", "has the rope type " + type.dump() + ", not longrope");
  }

  // Whether the description gives a number, which is only a default for the key of config.json; an
  // expression replaces that key.
  bool is_number(std::string_view key) const {
    const auto* node = r_.find(key);
    return !node || node->is_number();
  }

  void set_theta() {
    if (object_.contains(theta_key)) return;
    if (whole_) refuse(r_.text("rope.path", "") + "." + theta_key, "is missing");
    const auto* models = values_.given(theta_key);
    if (is_number("rope.theta") && models)
      object_[theta_key] = *models;
    else
      object_[theta_key] = r_.number("rope.theta", 10000);
  }

  void set_part() {
    const bool turns_part = r_.has("rope.fraction");
    if (r_.has("rope.dim") || (!turns_part && object_[type_key] == "default"))
      return void(object_.erase(part_key));
    if (object_.contains(part_key)) return;
    const auto* models = whole_ ? nullptr : values_.given(part_key);
    if (models && is_number("rope.fraction")) {
      if (!models->is_null()) object_[part_key] = *models;
    } else if (turns_part) {
      object_[part_key] = r_.number("rope.fraction", 1);
    }
  }

  // Sets the lengths; the model's own ones override those of the parameters.
  void set_positions() {
    const auto most = values_.at(positions_key, {.off = true});
    if (!most.is_discarded()) object_[positions_key] = most;
    const auto original = values_.at(original_key, {.off = true});
    if (!original.is_discarded() && !nested_) object_[original_key] = original;
    const auto& type = object_[type_key];
    if (type != "llama3" && type != "yarn" && type != "longrope") object_.erase(original_key);
  }

  // Turns the type `dynamic` with an alpha into a larger base, which applies from the start.
  void stretch(std::int64_t head) {
    if (object_[type_key] != "dynamic" || !object_.contains("alpha") || !counts(&object_["alpha"]))
      return;
    const auto &alpha = object_["alpha"], &theta = object_[theta_key];
    if (!alpha.is_number() || !theta.is_number() || head <= 2)
      refuse("rope_scaling.alpha", "is no number");
    const auto size = static_cast<double>(head);
    const auto longer = theta.get<double>() * std::pow(alpha.get<double>(), size / (size - 2));
    object_ = {{type_key, "default"}, {theta_key, longer}};
  }

  [[noreturn]] void refuse(const std::string& path, const std::string& what) const {
    throw r_.invalid("rope.path", "config.json: '" + path + "' " + what + ": fix config.json");
  }

  const Reader& r_;
  const Values& values_;
  bool nested_ = false;  // the parameters are those of one kind of layer
  bool whole_ = false;   // no other keys complete them
  Value object_ = Value::object();
};

}  // namespace

Rotary read_rotary(const Reader& r, std::int64_t head) {
  Rotary out;
  out.rotate = r.flag("rope.rotate", true);
  if (!out.rotate) return out;
  out.interleaved = r.flag("rope.interleaved", false);
  out.dim = r.size("rope.dim", 0);
  out.part = r.has("rope.fraction");
  const auto made = Parameters(r).complete(head);
  if (r.flag("rope.mscale", false) && made.contains("mscale_all_dim") &&
      made["mscale_all_dim"].is_number())
    out.mscale = made["mscale_all_dim"].get<double>();
  out.parameters = made.dump();
  return out;
}

}  // namespace generic
