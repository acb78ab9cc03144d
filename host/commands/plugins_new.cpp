#include <filesystem>
#include <string>
#include <vector>

#include "app/text_file.hpp"
#include "core/error.hpp"
#include "core/source/output.hpp"
#include "host/cli/require.hpp"
#include "host/commands/commands.hpp"
#include "host/process/output.hpp"
#include "host/process/program_folder.hpp"
#include "registry/manifest.hpp"

namespace strata::host {
namespace {

namespace fs = std::filesystem;

struct NewOptions : cli::CommonOptions {
  std::vector<std::string> what;  // the kind and the name
  std::string language = "c++", vendor = "You", output;
};

void options(cli::Table& table, NewOptions& o) {
  table.push_back({"what", "", &o.what, "KIND NAME",
                   "model, attention, offload or quant, and the plugin's name"});
  table.push_back({.name = "lang",
                   .key = "",
                   .field = &o.language,
                   .value = "c|c++",
                   .help = "the language of its source",
                   .closed = true});
  table.push_back({"vendor", "", &o.vendor, "NAME", "the vendor that its manifest names"});
  table.push_back({"output", "", &o.output, "DIR", "the new folder", "NAME"});
  add_common(table, o);
}

void check(const NewOptions& o) {
  cli::require(o.what.size() == 2, "KIND NAME",
               "give a kind (model, attention, offload or quant) and a name");
  if (!registry::is_kind(o.what[0]))
    throw UsageError("plugins new", "'" + printable(o.what[0]) + "' is no kind of plugin",
                     "give model, attention, offload or quant");
  if (!registry::is_name(o.what[1]))
    throw UsageError("plugins new", "'" + printable(o.what[1]) + "' is no name of a plugin",
                     "write 1 to 64 of a-z, 0-9, - _ .");
}

void replace(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// The name as a class name: MyTier for "my-tier".
std::string class_name(const std::string& name) {
  std::string out;
  bool first = true;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter) out += first && c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
    first = !letter;
  }
  return out.empty() || out[0] <= '9' ? "Plugin" + out : out;
}

// The text of a template's file with the new plugin's name in the place of the template's "null".
// The template is chosen only by name, the new plugin also by its keys and its score; what only a
// template needs is left out.
std::string renamed(const fs::path& file, const NewOptions& o) {
  auto text = app::read_text_file(file.string());
  const auto& name = o.what[1];
  replace(text, "\"null\"", "\"" + name + "\"");
  replace(text, "\"null: ", "\"" + name + ": ");
  replace(text, "\"keys\": []", "\"keys\": [\"" + name + "\"]");
  replace(text, ",\n  \"only_by_name\": true", "");
  replace(text, ",\n  \"needs\": {\"dummy\": true}", "");
  replace(text, "\"vendor\": \"Strata\"", "\"vendor\": " + nlohmann::json(o.vendor).dump());
  const auto type = class_name(name);
  for (const std::string word : {"class ", "struct "})
    replace(text, word + "Null ", word + type + " ");
  for (const auto* after : {"(", ",", "&"}) {
    replace(text, std::string(" Null") + after, " " + type + after);
    replace(text, std::string("(Null") + after, "(" + type + after);
  }
  return text;
}

std::string build_file(const NewOptions& o) {
  const bool c = o.language == "c";
  return "cmake_minimum_required(VERSION 3.25)\nproject(plugin LANGUAGES " +
         std::string(c ? "C" : "CXX") + ")\nfind_package(Strata REQUIRED)\nstrata_add_plugin(" +
         o.what[0] + " " + o.what[1] + (c ? " SOURCES " + o.what[1] + ".c" : "") + ")\n";
}

void write_plugin(const NewOptions& o) {
  const auto& name = o.what[1];
  const auto from = program_folder().parent_path() / "share/strata/templates" / o.what[0];
  if (!fs::is_directory(from))
    throw Error("plugins new", from.string() + " is missing", "install the component sdk");
  const fs::path folder = o.output.empty() ? name : o.output;
  std::error_code error;
  if (!fs::create_directory(folder, error))
    throw Error(folder.string(), error ? error.message() : "is there already", "give a new folder");
  try {
    fs::create_directory(folder / name);
    const std::string extension = o.language == "c" ? ".c" : ".cpp";
    const auto write = [&](const fs::path& to, const std::string& text) {
      source::write_whole((folder / to).string(), text);
    };
    write("CMakeLists.txt", build_file(o));
    write(fs::path(name) / (name + extension), renamed(from / ("null" + extension), o));
    for (const auto* file : {"manifest.json", "conformance.toml"})
      write(fs::path(name) / file, renamed(from / file, o));
  } catch (...) {
    fs::remove_all(folder, error);
    throw;
  }
  if (o.json) return print_json({{"folder", folder.string()}});
  const auto build = folder.string() + "/build";
  print(folder.string() + ": build it with `cmake -S " + folder.string() + " -B " + build +
        " -DCMAKE_PREFIX_PATH=" + program_folder().parent_path().string() + " && cmake --build " +
        build + "`\nthen check it with `strata plugins check " + build + "/lib/strata/strata-" +
        o.what[0] + "-" + name + ".so`\n");
}

}  // namespace

const cli::Command plugins_new_command{
    "plugins new", "KIND NAME [--lang c|c++] [options]", "write the smallest plugin of a kind",
    cli::make_call<NewOptions, options, check, write_plugin>, "what"};

}  // namespace strata::host
