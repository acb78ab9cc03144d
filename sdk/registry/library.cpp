#include "registry/library.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <mutex>

#include "core/error.hpp"
#include "core/plugin/calling.hpp"
#include "core/plugin/words.hpp"
#include "registry/hash.hpp"
#include "registry/loaded_code.hpp"
#include "registry/tables.hpp"

namespace strata::registry {
namespace {

std::string_view text_of(strata_str s) {
  return s.p ? std::string_view(s.p, s.n) : std::string_view();
}

std::string version(std::uint32_t major, std::uint32_t minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

// How often each library is open, and the lock under which that changes.
struct Opens {
  std::mutex mutex;
  std::map<const strata_plugin*, int> count;
};

Opens& opens() {
  static auto* const all = new Opens;  // a static object's plugin may be closed at the very end
  return *all;
}

// The macro by which a plugin of this kind says its name and version in C++.
std::string macro_of(std::string kind) {
  std::ranges::transform(kind, kind.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return "STRATA_" + kind + "_PLUGIN";
}

// Compares the exported constant with this program and the manifest; throws an Error of `who`.
void check_entry(const Manifest& manifest, const strata_plugin& entry, const std::string& who) {
  const auto refuse = [&](const std::string& words) {
    throw Error(who, words, "install the plugin again");
  };
  if (entry.hdr.size < sizeof(strata_plugin)) refuse("strata_plugin_v1 is too small");
  if (entry.magic != STRATA_MAGIC) refuse("strata_plugin_v1 does not begin with Strata's magic");
  const auto host = version(STRATA_ABI_MAJOR, STRATA_ABI_MINOR);
  if (entry.abi_major != STRATA_ABI_MAJOR)
    refuse("it speaks ABI " + version(entry.abi_major, entry.abi_minor) + ", this program " + host);
  if (entry.min_host_minor > STRATA_ABI_MINOR)
    refuse("it needs a host of ABI " + version(entry.abi_major, entry.min_host_minor) +
           ", this program has " + host);
  struct Field {
    std::string_view what, manifest, entry;
  };
  const auto abi = version(manifest.abi_major, manifest.abi_minor),
             entry_abi = version(entry.abi_major, entry.abi_minor);
  for (const auto& one :
       {Field{"abi", abi, entry_abi}, Field{"kind", manifest.kind, text_of(entry.kind)},
        Field{"name", manifest.name, text_of(entry.name)},
        Field{"version", manifest.version, text_of(entry.version)},
        Field{"vendor", manifest.vendor, text_of(entry.vendor)}})
    if (one.manifest != one.entry)
      throw Error(who,
                  std::string(one.what) + " is '" + printable(one.manifest) +
                      "' in the manifest and '" + printable(one.entry) + "' in the library",
                  "install the plugin again; its author makes manifest.json agree with " +
                      macro_of(manifest.kind) + " or, in C, strata_plugin_v1");
  if (!entry.open || !entry.close || !entry.query) refuse("open, close or query is missing");
}

}  // namespace

const strata_plugin* Loader::load(const Candidate& candidate) {
  const auto who = candidate.library.string();
  if (!candidate.refused.empty()) throw UsageError("plugins", who, candidate.refused);
  if (sha256_of(candidate.library) != candidate.manifest.sha256)
    throw Error(who, "its SHA-256 is not the manifest's", "install the plugin again");
  // Boost.DLL has no mode for RTLD_NODELETE; its modes are dlopen's flags.
  const auto mode = static_cast<boost::dll::load_mode::type>(RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  boost::dll::fs::error_code error;
  boost::dll::shared_library library;
  dlerror();
  // The library's static constructors run here.
  const auto id = candidate.id();
  plugin::called(id, "load", [&] { library.load(candidate.library, mode, error); });
  if (error || !library.is_loaded()) {
    const char* words = dlerror();
    throw Error(who, words ? words : "cannot be loaded", "install what it needs");
  }
  const void* symbol = dlsym(library.native(), "strata_plugin_v1");
  libraries_.push_back(std::move(library));
  if (!symbol) throw Error(who, "exports no strata_plugin_v1", "it is no plugin of this program");
  const auto* entry = static_cast<const strata_plugin*>(symbol);
  add_loaded_code(symbol, id);
  check_entry(candidate.manifest, *entry, who);
  return entry;
}

Plugin Loader::open(const Candidate& candidate, const strata_host* host) {
  const auto* entry = load(candidate);
  const auto id = candidate.id();
  const std::lock_guard lock(opens().mutex);
  auto& count = opens().count[entry];
  if (count == 0) {
    if (const auto status = plugin::called(id, "open", [&] { return entry->open(host); });
        status != STRATA_OK) {
      auto words = plugin::take_words();
      if (words.empty()) words = "open failed with status " + std::to_string(status);
      throw Error("plugins", candidate.id(), words);
    }
  }
  ++count;
  return {candidate, entry};
}

Plugin::~Plugin() {
  if (!entry_) return;
  const std::lock_guard lock(opens().mutex);
  if (--opens().count[entry_] == 0) plugin::freed(who_, "close", [&] { entry_->close(); });
}

const void* Plugin::query(std::string_view id) const {
  return plugin::called(who_, "query", [&] { return entry_->query({id.data(), id.size()}); });
}

const void* Plugin::table() const {
  const auto& kind = candidate_->manifest.kind;
  const auto id = interface_id(kind);
  const auto* found = query(id);
  if (!found)
    throw Error("plugins", candidate_->id() + " does not give " + id, "install another version");
  if (const auto missing = missing_function(kind, found); !missing.empty())
    throw Error("plugins", candidate_->id() + ": " + id + " has no " + missing,
                "install another version");
  return found;
}

}  // namespace strata::registry
