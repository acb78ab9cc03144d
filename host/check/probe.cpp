#include "host/check/probe.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <optional>

#include "core/error.hpp"
#include "core/plugin/words.hpp"
#include "host/check/elf.hpp"
#include "registry/hash.hpp"
#include "registry/library.hpp"
#include "registry/tables.hpp"

namespace strata::check {
namespace {

using nlohmann::json;
using registry::Candidate;

class Reporter {
 public:
  explicit Reporter(int fd) : fd_(fd) {}

  // Runs one check, reports its words, and returns whether it passed.
  bool run(const char* name, const std::function<std::string()>& check) const {
    line({{"name", name}});
    bool ok = true;
    std::string words;
    try {
      words = check();
    } catch (const std::exception& e) {
      ok = false;
      words = e.what();
    }
    line({{"name", name}, {"ok", ok}, {"words", words}});
    return ok;
  }

 private:
  void line(const json& object) const {
    const auto text = object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    if (write(fd_, text.data(), text.size()) < 0) _exit(2);
  }
  int fd_;
};

[[noreturn]] void refuse(const std::string& words, const char* remedy) {
  throw Error("plugin", words, remedy);
}

Elf read_library(const std::filesystem::path& library) {
  std::ifstream in(library, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(in)), {});
  return read_elf(std::as_bytes(std::span(bytes)), library.string());
}

std::string check_hash(const Candidate& candidate) {
  auto hash = registry::sha256_of(candidate.library);
  if (hash != candidate.manifest.sha256)
    refuse("the library's SHA-256 is " + hash + ", the manifest says " + candidate.manifest.sha256,
           "write the manifest again");
  return hash;
}

std::string check_exports(const Elf& elf) {
  for (const auto& name : elf.exported)
    if (name != "strata_plugin_v1") refuse("it exports " + name, "export strata_plugin_v1 alone");
  if (elf.exported.empty()) refuse("it does not export strata_plugin_v1", "export it");
  return "strata_plugin_v1";
}

std::string check_needed(const Elf& elf) {
  std::string all;
  for (const auto& name : elf.needed) {
    if (const auto words = foreign_library(name); !words.empty()) refuse(words, "");
    all.append(all.empty() ? "" : ", ").append(name);
  }
  return all;
}

std::string describe_versions(const Elf& elf) {
  std::string out;
  for (const auto* family : {"GLIBC_", "GLIBCXX_"})
    if (const auto version = highest(elf.versions, family); !version.empty())
      out.append(out.empty() ? "" : ", ").append(version);
  return out;
}

void open_once(const strata_plugin* entry, const strata_host* host) {
  plugin::take_words();
  const auto status = entry->open(host);
  if (status == STRATA_OK) return;
  const auto words = plugin::take_words();
  refuse("open gave status " + std::to_string(status) + (words.empty() ? "" : ": " + words), "");
}

std::string check_unknown(const strata_plugin* entry) {
  for (const std::string_view id : {"strata.unknown/1", "strata.model/999", ""})
    if (entry->query({id.data(), id.size()}))
      refuse("query gives a table for '" + std::string(id) + "'", "give NULL for unknown ids");
  return {};
}

std::string check_functions(const Candidate& candidate, const strata_plugin* entry) {
  auto id = registry::interface_id(candidate.manifest.kind);
  const auto* table = entry->query({id.data(), id.size()});
  if (!table) refuse("it does not give " + id, "give the interface of its kind");
  const auto missing = registry::missing_function(candidate.manifest.kind, table);
  if (!missing.empty()) refuse(id + " has no " + missing, "give every required function");
  return id;
}

void check_code(const Candidate& candidate, const strata_host* host, const Reporter& report) {
  registry::Loader loader;
  const strata_plugin* entry = nullptr;
  const auto load = [&] {
    entry = loader.load(candidate);
    return std::string(candidate.manifest.version);
  };
  if (!report.run("entry", load)) return;
  const auto open = [&] { return open_once(entry, host), std::string(); };
  const auto reopen = [&] {
    entry->close();
    open_once(entry, host);
    entry->close();
    return std::string();
  };
  if (!report.run("open", open)) return;
  report.run("functions", [&] { return check_functions(candidate, entry); });
  report.run("unknown interface", [&] { return check_unknown(entry); });
  report.run("open again", reopen);
}

}  // namespace

void probe(const std::filesystem::path& manifest_file, const strata_host* host, int fd) {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const Reporter report(fd);
  Candidate candidate;
  candidate.manifest_file = manifest_file;
  const auto read = [&] {
    candidate.manifest = registry::read_manifest(manifest_file);
    candidate.library = manifest_file.parent_path() / candidate.manifest.library;
    return candidate.id();
  };
  if (!report.run("manifest", read)) return;
  if (!report.run("hash", [&] { return check_hash(candidate); })) return;
  Elf elf;
  const auto read_tables = [&] {
    elf = read_library(candidate.library);
    return check_exports(elf);
  };
  const bool exports = report.run("exports", read_tables);
  report.run("dependencies", [&] { return check_needed(elf); });
  report.run("versions", [&] { return describe_versions(elf); });
  if (exports || !elf.exported.empty()) check_code(candidate, host, report);
}

}  // namespace strata::check
