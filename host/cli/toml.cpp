#include "host/cli/toml.hpp"

#include <toml++/toml.h>

#include <fstream>

#include "core/error.hpp"

namespace strata::cli {
namespace {

using nlohmann::json;

json convert(const toml::node& node, std::string_view file) {
  if (const auto* value = node.as_string()) return value->get();
  if (const auto* value = node.as_integer()) return value->get();
  if (const auto* value = node.as_floating_point()) return value->get();
  if (const auto* value = node.as_boolean()) return value->get();
  if (const auto* list = node.as_array()) {
    auto out = json::array();
    for (const auto& one : *list) out.push_back(convert(one, file));
    return out;
  }
  if (const auto* members = node.as_table()) {
    auto out = json::object();
    for (const auto& [key, value] : *members) out[std::string(key.str())] = convert(value, file);
    return out;
  }
  throw UsageError(file,
                   "line " + std::to_string(node.source().begin.line) + ": a date is no value",
                   "put it between quotes");
}

}  // namespace

json parse_toml(std::string_view text, std::string_view file) {
  try {
    return convert(toml::parse(text), file);
  } catch (const toml::parse_error& e) {
    throw UsageError(
        file, "line " + std::to_string(e.source().begin.line) + ": " + std::string(e.description()),
        "correct the TOML");
  }
}

json parse_toml_value(std::string_view text) {
  try {
    return parse_toml("v = " + std::string(text), "value").at("v");
  } catch (const UsageError&) {
    return std::string(text);
  }
}

std::string read_config_file(const std::string& file) {
  constexpr std::size_t most = 1 << 20;
  std::ifstream in(file, std::ios::binary);
  std::string text(most + 1, '\0');
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || !in.is_open() || in.gcount() == 0) {
    if (!in.is_open() || in.bad() || !in.eof())
      throw UsageError(file, "cannot be read", "give a TOML file that you may read");
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > most)
    throw UsageError(file, "larger than 1 MiB", "give a TOML file of settings");
  return text;
}

}  // namespace strata::cli
