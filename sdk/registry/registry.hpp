// All plugins that could be used, and the choice among them. Nothing is opened here.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/candidate.hpp"
#include "registry/places.hpp"

namespace strata::registry {

struct Sources {
  std::vector<Place> places = plugin_places();
  std::vector<std::string> named;    // libraries or manifests (--plugin)
  std::vector<std::string> allowed;  // names from outside the installation ([plugins] allow)
};

// Asks an opened plugin how well it serves; 0: not at all. May throw.
using Score = std::function<int(const Candidate&)>;

class Registry {
 public:
  // Reads the manifests of all places. A broken one becomes a refused candidate.
  // Throws UsageError where a named file does not exist.
  explicit Registry(const Sources& sources);

  // The candidates in order: named ones, then place by place, by file name.
  const std::vector<Candidate>& candidates() const { return candidates_; }

  // The plugin of this name; a UsageError says which are known and why this one was refused.
  const Candidate& by_name(std::string_view kind, std::string_view name) const;

  // The plugin for a key (model type, target, scheme): the one that names the key, else the one
  // with the best score; among equals, the first one. Without `score` only exact keys count. A
  // plugin whose score throws counts as 0. `what` is the key's own name in the message:
  // "model_type".
  const Candidate& by_key(std::string_view kind, std::string_view key, std::string_view what,
                          const Score& score = {}) const;

  // The candidates of a kind that may be chosen without being named, in order.
  std::vector<const Candidate*> of_kind(std::string_view kind) const;

  // The manifests' entries for GGUF architectures, merged; the first manifest that names an
  // architecture wins.
  nlohmann::json gguf() const;
  // The same for the parts of quantized weights, by their schemes.
  nlohmann::json parts() const;

  // Throws if a plugin that the user named was refused.
  void require_named() const;

 private:
  nlohmann::json merged(nlohmann::json Manifest::*entries) const;
  void scan(const Place& place);
  void add(const std::filesystem::path& manifest_file, Origin origin);
  void judge(const Sources& sources);

  std::vector<Candidate> candidates_;
};

}  // namespace strata::registry
