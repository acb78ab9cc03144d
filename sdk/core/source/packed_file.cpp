#include "core/source/packed_file.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/source/safetensors.hpp"

namespace strata::source {
namespace {

constexpr auto key = "strata.quant";
constexpr std::int64_t version = 1;
constexpr std::size_t most_parts = 64, longest_scheme = 4096;
constexpr auto remedy = "it is made again";

// A member of the metadata while it is read, for its messages.
struct Entry {
  std::string_view path;
  std::string where;  // "weight 'x'"

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(path, where + " " + what, remedy);
  }
  const Json& member(const Json& object, const char* name) const {
    const auto at = object.is_object() ? object.find(name) : object.end();
    if (!object.is_object() || at == object.end()) refuse(std::string("has no ") + name);
    return *at;
  }
  std::string text(const Json& object, const char* name) const {
    const auto& value = member(object, name);
    if (!value.is_string()) refuse(std::string("has a ") + name + " that is not text");
    return value.get<std::string>();
  }
  const Json& list(const Json& object, const char* name) const {
    const auto& value = member(object, name);
    if (!value.is_array()) refuse(std::string("has ") + name + " that are not a list");
    return value;
  }
};

std::vector<std::int64_t> shape_of(const Entry& entry, const Json& object) {
  const auto& list = entry.list(object, "shape");
  if (list.size() != 2) entry.refuse("is no matrix");
  std::vector<std::int64_t> shape;
  for (const auto& length : list) {
    if (!length.is_number_unsigned() || length.get<std::uint64_t>() > INT64_MAX)
      entry.refuse("has a shape of other than counts");
    shape.push_back(length.get<std::int64_t>());
  }
  std::int64_t elements = 0;
  if (__builtin_mul_overflow(shape[0], shape[1], &elements))
    entry.refuse("has a shape " + shape_text(shape) + " too large to hold");
  return shape;
}

std::string part_name(const std::string& weight, const std::string& role) {
  return weight + ":" + role;
}

using ByName = std::map<std::string_view, const Tensor*>;

// The weight of these parts, whose tensors `used` then has.
Tensor weight_of(const Entry& entry, const std::string& name, const Json& object,
                 const ByName& by_name, std::set<const Tensor*>& used) {
  if (by_name.contains(name)) entry.refuse("is there as a dense one, too");
  Tensor out{.name = name, .shape = shape_of(entry, object)};
  auto scheme = entry.text(object, "scheme");
  if (scheme.empty() || scheme.size() > longest_scheme) entry.refuse("has no scheme");
  const auto& roles = entry.list(object, "parts");
  if (roles.empty() || roles.size() > most_parts) entry.refuse("has no parts");
  std::vector<Part> parts;
  for (const auto& role : roles) {
    if (!role.is_string()) entry.refuse("has a part whose role is not text");
    const auto found = by_name.find(part_name(name, role.get<std::string>()));
    if (found == by_name.end() || !found->second->stored.dense())
      entry.refuse("has no part '" + printable(role.get<std::string>()) + "'");
    if (!used.insert(found->second).second)
      entry.refuse("shares the part '" + printable(role.get<std::string>()) + "'");
    auto part = found->second->stored.parts.front();
    part.role = role.get<std::string>();
    parts.push_back(std::move(part));
  }
  out.stored = packed_form(std::move(scheme), std::move(parts));
  return out;
}

}  // namespace

PackedFile parse_packed_file(std::string_view json, std::uint64_t file_size, std::string_view path,
                             std::uint32_t file) {
  auto tensors = parse_safetensors(json, file_size, path, file);
  const auto metadata = safetensors_metadata(json, path);
  const auto text = metadata.find(key);
  if (text == metadata.end())
    throw Error(path, std::string("its metadata has no '") + key + "'", remedy);
  const auto root = parse_json(text->second, path, {.depth = 8, .remedy = remedy});
  const Entry whole{path, "its metadata"};
  if (const auto& given = whole.member(root, "version");
      !given.is_number_integer() || given != version)
    whole.refuse("is of version " + printable(given.dump(), 20) + ", not of " +
                 std::to_string(version));
  PackedFile out{.made_from = whole.text(root, "made_from"), .tensors = {}};
  const auto& weights = whole.member(root, "weights");
  if (!weights.is_object()) whole.refuse("has weights that are no object");
  ByName by_name;
  for (const auto& tensor : tensors) by_name.emplace(tensor.name, &tensor);
  std::set<const Tensor*> used;
  for (const auto& [name, object] : weights.items())
    out.tensors.push_back(
        weight_of({path, "weight '" + printable(name) + "'"}, name, object, by_name, used));
  for (auto& tensor : tensors)
    if (!used.contains(&tensor)) out.tensors.push_back(tensor);
  for (auto& tensor : out.tensors) tensor.as_used = true;
  std::ranges::stable_sort(out.tensors, {},
                           [](const Tensor& tensor) { return tensor.stored.file().offset; });
  return out;
}

PackedFile read_packed_file(const File& opened, std::uint32_t file) {
  return parse_packed_file(read_safetensors_json(opened), opened.size(), opened.path(), file);
}

std::string packed_header(PackedFile& content) {
  std::vector<Tensor> written;
  auto weights = Json::object();
  std::set<std::string> names;
  for (const auto& tensor : content.tensors) {
    auto roles = Json::array();
    for (const auto& part : tensor.stored.parts) {
      const auto name = tensor.stored.dense() ? tensor.name : part_name(tensor.name, part.role);
      if (!names.insert(name).second)
        throw Error("tensor '" + printable(name) + "'", "two weights would have this name",
                    "run the model without --quant");
      roles.push_back(part.role);
      written.push_back({.name = name, .shape = part.shape});
      written.back().stored = dense_form(part.dtype, part.shape);
    }
    if (!tensor.stored.dense())
      weights[tensor.name] = {
          {"scheme", tensor.stored.scheme}, {"shape", tensor.shape}, {"parts", std::move(roles)}};
  }
  const Json metadata{
      {"version", version}, {"made_from", content.made_from}, {"weights", std::move(weights)}};
  auto header = safetensors_header(written, {{key, metadata.dump()}});
  std::uint64_t at = header.size();
  std::size_t next = 0;
  for (auto& tensor : content.tensors)
    for (auto& part : tensor.stored.parts) {
      part.file = {0, at, written[next++].stored.bytes};
      at += part.file.bytes;
    }
  return header;
}

}  // namespace strata::source
