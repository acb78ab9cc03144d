#include "app/finetune/saved_state.hpp"

#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "data/digest.hpp"

namespace strata::app {
namespace {

constexpr std::uint64_t version = 1;
constexpr auto format = "strata training checkpoint";
constexpr auto unvalidated_key = "unvalidated";
constexpr auto remedy = "resume from another checkpoint";

// A reader of one object of state.json.
class Fields {
 public:
  Fields(const Json& object, std::string_view path, std::size_t count)
      : object_(object), path_(path) {
    if (!object.is_object() || object.size() != count) refuse("has other keys than a checkpoint's");
  }

  const Json& at(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end()) refuse(std::string("has no ") + key);
    return *found;
  }
  std::int64_t integer(const char* key, std::int64_t least) const {
    const auto& value = at(key);
    const bool fits = value.is_number_integer() &&
                      (!value.is_number_unsigned() ||
                       value.get<std::uint64_t>() <=
                           static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    if (!fits || value.get<std::int64_t>() < least)
      refuse(std::string("has a ") + key + " that is no count");
    return value.get<std::int64_t>();
  }
  std::uint64_t count(const char* key) const { return static_cast<std::uint64_t>(integer(key, 0)); }
  const std::string& text(const char* key) const {
    const auto& value = at(key);
    if (!value.is_string()) refuse(std::string("has a ") + key + " that is no text");
    return value.get_ref<const std::string&>();
  }
  [[noreturn]] void refuse(const std::string& what) const { throw Error(path_, what, remedy); }

 private:
  const Json& object_;
  std::string_view path_;
};

optim::LossScaler::State scaler_of(const Json& json, std::string_view path) {
  const Fields fields(json, path, 4);
  const auto& scale = fields.at("scale");
  if (!scale.is_number() || !(scale.get<double>() > 0) || !std::isfinite(scale.get<double>()))
    fields.refuse("has a scale that is no scale");
  const auto hysteresis = fields.integer("hysteresis", 0);
  if (hysteresis > std::numeric_limits<int>::max())
    fields.refuse("has a hysteresis that is too large");
  return {.scale = scale.get<double>(),
          .step = fields.integer("step", 0),
          .last_overflow = fields.integer("last_overflow", -1),
          .hysteresis = static_cast<int>(hysteresis)};
}

Json json_of(std::span<const SavedState::File> files) {
  auto out = Json::array();
  for (const auto& file : files)
    out.push_back({{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  return out;
}

std::vector<SavedState::File> files_of(const Fields& fields, std::string_view path) {
  const auto& files = fields.at("files");
  if (!files.is_array()) fields.refuse("has files that are no list");
  std::vector<SavedState::File> out;
  for (const auto& one : files) {
    const Fields file(one, path, 3);
    out.push_back(
        {.name = file.text("name"), .sha256 = file.text("sha256"), .bytes = file.count("bytes")});
  }
  return out;
}

Json json_of(const SavedState& state) {
  Json scaler;
  if (const auto& own = state.run.scaler)
    scaler = {{"scale", own->scale},
              {"step", own->step},
              {"last_overflow", own->last_overflow},
              {"hysteresis", own->hysteresis}};
  Json out{{"step", state.run.step},
           {"updates", state.run.updates},
           {"loss_scaler", scaler},
           {"common", state.common},
           {"files", json_of(state.files)}};
  if (state.run.unvalidated) out[unvalidated_key] = true;
  return out;
}

}  // namespace

std::string digest_of_state(const Json& state) {
  data::Digest digest;
  digest.add(state.dump(-1, ' ', false, Json::error_handler_t::replace));
  return digest.hex();
}

std::string state_text(const SavedState& state) {
  const auto inner = json_of(state);
  // Keys are in the order of their bytes, so that the digest can be made anew from what is parsed.
  return Json{{"format", format},
              {"version", version},
              {"state", inner},
              {"sha256", digest_of_state(inner)}}
             .dump() +
         "\n";
}

SavedState parse_state(std::string_view text, std::string_view path) {
  const auto json = parse_json(text, path, {.depth = 8, .remedy = remedy});
  const auto* about = json.is_object() && json.contains("format") ? &json.at("format") : nullptr;
  if (!about || *about != format) throw Error(path, "it is no checkpoint of training", remedy);
  const Fields outer(json, path, 4);
  if (outer.count("version") != version)
    throw Error(path, "it is version " + std::to_string(outer.count("version")) + " of the format",
                "resume with the Strata that wrote it");
  const auto& inner = outer.at("state");
  const bool unvalidated = inner.is_object() && inner.contains(unvalidated_key);
  const Fields fields(inner, path, unvalidated ? 6 : 5);
  if (outer.text("sha256") != digest_of_state(inner))
    outer.refuse("its bytes are not those that were written");
  SavedState out;
  out.run.step = fields.count("step");
  out.run.updates = fields.count("updates");
  if (unvalidated && fields.at(unvalidated_key) != true)
    fields.refuse(std::string("has an ") + unvalidated_key + " that is not true");
  out.run.unvalidated = unvalidated;
  if (out.run.updates > out.run.step) fields.refuse("has more updates than steps");
  if (const auto& scaler = fields.at("loss_scaler"); !scaler.is_null())
    out.run.scaler = scaler_of(scaler, path);
  out.common = fields.at("common");
  if (!out.common.is_object()) fields.refuse("has a common that is no object");
  out.files = files_of(fields, path);
  return out;
}

std::string files_text(std::span<const SavedState::File> files) {
  const auto list = json_of(files);
  return Json{{"files", list}, {"sha256", digest_of_state(list)}}.dump() + "\n";
}

std::vector<SavedState::File> parse_files(std::string_view text, std::string_view path) {
  const auto json = parse_json(text, path, {.depth = 4, .remedy = remedy});
  const Fields fields(json, path, 2);
  if (fields.text("sha256") != digest_of_state(fields.at("files")))
    fields.refuse("its bytes are not those that were written");
  return files_of(fields, path);
}

}  // namespace strata::app
