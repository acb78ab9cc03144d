#include "registry/library.hpp"

#include <dlfcn.h>

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

std::string differs(std::string_view what, std::string_view manifest, std::string_view entry) {
  if (manifest == entry) return {};
  return std::string(what) + " is '" + printable(manifest) + "' in the manifest and '" +
         printable(entry) + "' in the library";
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

}  // namespace

std::string contradiction(const Manifest& manifest, const strata_plugin& entry) {
  if (entry.hdr.size < sizeof(strata_plugin)) return "strata_plugin_v1 is too small";
  if (entry.magic != STRATA_MAGIC) return "strata_plugin_v1 does not begin with Strata's magic";
  if (entry.abi_major != STRATA_ABI_MAJOR)
    return "it speaks ABI " + version(entry.abi_major, entry.abi_minor) + ", this program " +
           version(STRATA_ABI_MAJOR, STRATA_ABI_MINOR);
  if (entry.min_host_minor > STRATA_ABI_MINOR)
    return "it needs a host of ABI " + version(entry.abi_major, entry.min_host_minor) +
           ", this program has " + version(STRATA_ABI_MAJOR, STRATA_ABI_MINOR);
  for (const auto& words : {differs("abi", version(manifest.abi_major, manifest.abi_minor),
                                    version(entry.abi_major, entry.abi_minor)),
                            differs("kind", manifest.kind, text_of(entry.kind)),
                            differs("name", manifest.name, text_of(entry.name)),
                            differs("version", manifest.version, text_of(entry.version)),
                            differs("vendor", manifest.vendor, text_of(entry.vendor))})
    if (!words.empty()) return words;
  if (!entry.open || !entry.close || !entry.query) return "open, close or query is missing";
  return {};
}

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
  if (const auto words = contradiction(candidate.manifest, *entry); !words.empty())
    throw Error(who, words, "install the plugin again");
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
