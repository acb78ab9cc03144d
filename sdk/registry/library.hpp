// A plugin's library, loaded and compared with its manifest.
#pragma once
#include <strata/abi/core.h>

#include <boost/dll/shared_library.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "registry/candidate.hpp"

namespace strata::registry {

// An opened plugin, never unloaded. A library is one for the process: its first user opens it, and
// it is closed when its last one is destroyed. Move-only.
class Plugin {
 public:
  Plugin(const Candidate& candidate, const strata_plugin* entry)
      : candidate_(&candidate), who_(candidate.id()), entry_(entry) {}
  Plugin(Plugin&& other) noexcept
      : candidate_(other.candidate_), who_(other.who_),
        entry_(std::exchange(other.entry_, nullptr)) {}
  Plugin& operator=(Plugin&&) = delete;
  ~Plugin();

  const Candidate& candidate() const { return *candidate_; }
  const strata_plugin* entry() const { return entry_; }
  // The table behind an id, static; null if the plugin does not know it.
  const void* query(std::string_view id) const;
  // The table of the plugin's kind with all required functions; throws if it is incomplete.
  const void* table() const;
  template <class Table>
  const Table* table_as() const {
    return static_cast<const Table*>(table());
  }

 private:
  const Candidate* candidate_;
  std::string who_;
  const strata_plugin* entry_;
};

// Loads libraries and keeps them to the end. [main-thread]
class Loader {
 public:
  // Compares the library's hash with the manifest's, loads it and checks its constant.
  const strata_plugin* load(const Candidate& candidate);
  // Calls load, then the plugin's own open with `host`, unless the process has it open already. The
  // candidate must outlive the result, and `host` every result of this library. Throws Error with
  // the plugin's words.
  Plugin open(const Candidate& candidate, const strata_host* host);

 private:
  std::vector<boost::dll::shared_library> libraries_;
};

}  // namespace strata::registry
