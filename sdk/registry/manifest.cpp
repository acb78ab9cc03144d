#include "registry/manifest.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>

#include "core/error.hpp"

namespace strata::registry {
namespace {

using nlohmann::json;

constexpr auto remedy = "install the plugin again";

// Reads members of the manifest's object by name and type.
class Reader {
 public:
  Reader(const json& object, const std::string& file) : object_(object), file_(file) {}

  [[noreturn]] void refuse(const std::string& key, const std::string& what) const {
    throw Error(file_, "'" + key + "' " + what, remedy);
  }
  const json* find(const char* key) const {
    const auto at = object_.find(key);
    return at == object_.end() ? nullptr : &*at;
  }
  std::string text(const char* key) const {
    const auto* value = find(key);
    if (!value) refuse(key, "is missing");
    if (!value->is_string() || value->get_ref<const std::string&>().empty())
      refuse(key, "is no text");
    return value->get<std::string>();
  }
  std::uint32_t number(const char* key) const {
    const auto* value = find(key);
    if (!value) refuse(key, "is missing");
    if (!value->is_number_unsigned() || *value > std::numeric_limits<std::uint32_t>::max())
      refuse(key, "is no number");
    return value->get<std::uint32_t>();
  }
  bool flag(const char* key) const {
    const auto* value = find(key);
    if (value && !value->is_boolean()) refuse(key, "is no flag");
    return value && value->get<bool>();
  }
  std::vector<std::string> list(const char* key) const {
    std::vector<std::string> out;
    const auto* value = find(key);
    if (!value) return out;
    if (!value->is_array()) refuse(key, "is no list");
    for (const auto& one : *value) {
      if (!one.is_string()) refuse(key, "is no list of text");
      out.push_back(one.get<std::string>());
    }
    return out;
  }
  json object(const char* key) const {
    const auto* value = find(key);
    if (!value) return json::object();
    if (!value->is_object()) refuse(key, "is no object");
    return *value;
  }

 private:
  const json& object_;
  const std::string& file_;
};

bool is_hash(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void check(const Manifest& manifest, const Reader& reader) {
  if (!is_kind(manifest.kind)) reader.refuse("kind", "is '" + manifest.kind + "', no known kind");
  if (!is_name(manifest.name)) reader.refuse("name", "has other letters than a-z, 0-9, - _ .");
  if (manifest.library.find('/') != std::string::npos || !manifest.library.ends_with(".so"))
    reader.refuse("library", "is no .so in the manifest's folder");
  if (!is_hash(manifest.sha256)) reader.refuse("sha256", "is no SHA-256 in hex");
}

}  // namespace

bool is_kind(std::string_view kind) {
  static constexpr std::array<std::string_view, 4> kinds{"model", "attention", "offload", "quant"};
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

Manifest parse_manifest(std::string_view text, const std::string& file) {
  // nlohmann's parser keeps its own stack: the memory for nesting is proportional to the text's
  // length.
  const auto document = json::parse(text, nullptr, false);
  if (document.is_discarded()) throw Error(file, "is no JSON", remedy);
  if (!document.is_object()) throw Error(file, "is no JSON object", remedy);
  const Reader reader(document, file);
  if (const auto format = reader.number("format"); format != 1)
    reader.refuse("format", "is " + std::to_string(format) + ", this program reads 1");
  const auto abi = reader.object("abi");
  const Reader abi_reader(abi, file);
  Manifest out{reader.text("kind"),
               reader.text("name"),
               reader.text("version"),
               reader.text("vendor"),
               reader.text("library"),
               reader.text("sha256"),
               abi_reader.number("major"),
               abi_reader.number("minor"),
               reader.list("keys"),
               reader.list("drafts"),
               reader.flag("only_by_name"),
               reader.flag("page_locked"),
               reader.object("needs"),
               reader.object("gguf"),
               reader.object("parts"),
               reader.list("model_names"),
               std::nullopt,
               {},
               reader.object("classes")};
  if (document.contains("null_keys")) out.null_keys = reader.list("null_keys");
  if (document.contains("padding")) out.padding = reader.text("padding");
  check(out, reader);
  return out;
}

std::filesystem::path manifest_of_named(const std::filesystem::path& named, std::string_view who) {
  std::error_code error;
  auto path = std::filesystem::absolute(named, error).lexically_normal();
  if (error || !std::filesystem::exists(path, error))
    throw UsageError(who, printable(named.string()) + ": no such file",
                     "give the path of the plugin's .so, with its manifest beside it");
  if (std::filesystem::is_directory(path, error))
    throw UsageError(who, printable(named.string()) + ": is a folder",
                     "give the path of the plugin's .so, with its manifest beside it");
  return path.replace_extension(".json");
}

Manifest read_manifest(const std::filesystem::path& file) {
  constexpr std::size_t most = 1 << 20;
  std::error_code error;
  if (!std::filesystem::exists(file, error))
    throw Error(file.string(), "no such file", "put the plugin's manifest beside its library");
  if (!std::filesystem::is_regular_file(file, error))
    throw Error(file.string(), "cannot be read", remedy);
  std::ifstream in(file, std::ios::binary);
  std::string text(most + 1, '\0');
  if (!in) throw Error(file.string(), "cannot be read", "make it readable");
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) throw Error(file.string(), "cannot be read", remedy);
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > most) throw Error(file.string(), "is larger than 1 MiB", remedy);
  auto manifest = parse_manifest(text, file.string());
  const auto expected = "strata-" + manifest.kind + "-" + manifest.name + ".json";
  if (file.filename() != expected)
    throw Error(file.string(), "is the manifest of " + expected, "give the file that name");
  return manifest;
}

}  // namespace strata::registry
