#include "gguf.hpp"

#include <algorithm>

namespace generic {
namespace {

using toml::node_type;

struct Part {
  std::string_view name;
  node_type type;
};

// docs/descriptions.md says what they mean. The host checks what is in them.
constexpr Part parts[] = {
    {"like", node_type::string},         {"with", node_type::array},
    {"architectures", node_type::array}, {"config", node_type::table},
    {"equal", node_type::array},         {"rope", node_type::table},
    {"names", node_type::table},         {"permuted", node_type::table},
    {"fused", node_type::table},         {"added", node_type::table},
    {"one_row", node_type::array},       {"turned", node_type::array},
    {"joined", node_type::table},
};

std::string all_parts() {
  std::string out;
  for (const auto& part : parts) out.append(out.empty() ? "" : ", ").append(part.name);
  return out;
}

std::string_view words_of(node_type type) {
  if (type == node_type::string) return "text";
  return type == node_type::array ? "list" : "table";
}

}  // namespace

void check_gguf(const Description& description, const toml::table& mappings) {
  for (const auto& [architecture, mapping] : mappings) {
    const auto where = "gguf." + std::string(architecture.str());
    if (!mapping.is_table())
      throw description.invalid(&mapping, where, "it is no table: write [gguf.ARCHITECTURE]");
    for (const auto& [key, value] : *mapping.as_table()) {
      const std::string_view name = key.str();
      const auto full = where + "." + std::string(name);
      const auto part = std::ranges::find(parts, name, &Part::name);
      if (part == std::end(parts))
        throw description.invalid(&value, full, "there is no such key: use " + all_parts());
      if (value.type() != part->type)
        throw description.invalid(&value, full, "it is no " + std::string(words_of(part->type)));
    }
  }
}

}  // namespace generic
