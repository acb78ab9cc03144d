#include "core/source/shard_index.hpp"

#include "core/error.hpp"
#include "core/json.hpp"

namespace strata::source {
namespace {

constexpr std::uint64_t max_index = 100'000'000;
constexpr auto remedy = "correct the index, or fetch it again";

}  // namespace

ShardIndex parse_shard_index(std::string_view json, std::string_view path) {
  const auto index = parse_settings(json, path, 8);
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (map == index.end() || !map->is_object()) throw Error(path, "has no weight_map", remedy);
  ShardIndex out;
  for (const auto& [tensor, shard] : map->items()) {
    const auto words = "tensor '" + printable(tensor) + "'";
    if (!shard.is_string()) throw Error(path, words + " has a shard that is not text", remedy);
    const auto& name = shard.get_ref<const std::string&>();
    if (name.empty() || name == "." || name == ".." ||
        name.find_first_of(std::string_view("/\0", 2)) != std::string::npos)
      throw Error(path, words + " has shard '" + printable(name) + "', not a plain file name",
                  "shards lie in the index's own folder");
    out[name].insert(tensor);
  }
  if (out.empty()) throw Error(path, "names no tensor", remedy);
  return out;
}

ShardIndex read_shard_index(const File& opened) {
  return parse_shard_index(opened.text(max_index), opened.path());
}

}  // namespace strata::source
