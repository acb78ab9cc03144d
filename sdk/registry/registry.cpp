#include "registry/registry.hpp"

#include <strata/abi/core.h>

#include <algorithm>
#include <map>

#include "core/error.hpp"
#include "core/nearest.hpp"

namespace strata::registry {
namespace {

namespace fs = std::filesystem;

// The kind and name in a file name strata-<kind>-<name>.json; both are empty for any other file.
std::pair<std::string, std::string> names_of(const fs::path& file) {
  const auto stem = file.stem().string();
  if (file.extension() != ".json" || !stem.starts_with("strata-")) return {};
  const auto dash = stem.find('-', 7);
  if (dash == std::string::npos || dash + 1 == stem.size()) return {};
  const auto kind = stem.substr(7, dash - 7);
  return is_kind(kind) ? std::pair{kind, stem.substr(dash + 1)}
                       : std::pair<std::string, std::string>{};
}

std::string abi_reason(const Manifest& manifest) {
  if (manifest.abi_major == STRATA_ABI_MAJOR) return {};
  return "it speaks ABI " + std::to_string(manifest.abi_major) + "." +
         std::to_string(manifest.abi_minor) + ", this program " + std::to_string(STRATA_ABI_MAJOR) +
         "." + std::to_string(STRATA_ABI_MINOR) + ": install the one made for this Strata";
}

std::string trust_reason(const Candidate& candidate, const std::vector<std::string>& allowed) {
  if (candidate.origin == Origin::built_in) return {};
  const bool allow =
      std::find(allowed.begin(), allowed.end(), candidate.manifest.name) != allowed.end();
  if (candidate.origin != Origin::named && !allow)
    return "it is not part of the installation: name it by --plugin or in [plugins] allow";
  for (const auto& file : {candidate.manifest_file, candidate.library})
    if (auto reason = untrusted(file); !reason.empty())
      return reason + ": give it to yourself and take others' right to write";
  return {};
}

std::string sentence(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out.append(out.empty() ? "" : ", ").append(word);
  return out.empty() ? "none" : out;
}

}  // namespace

std::string_view origin_text(Origin origin) {
  switch (origin) {
    case Origin::named:
      return "--plugin";
    case Origin::environment:
      return "STRATA_PLUGIN_PATH";
    case Origin::user:
      return "user";
    case Origin::system:
      return "system";
    case Origin::built_in:
      return "built-in";
  }
  return "";
}

Registry::Registry(const Sources& sources) {
  for (const auto& named : sources.named) add(manifest_of_named(named, "--plugin"), Origin::named);
  for (const auto& place : sources.places) scan(place);
  judge(sources);
}

void Registry::scan(const Place& place) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator at(place.folder, error), end; !error && at != end;
       at.increment(error))
    if (!names_of(at->path()).first.empty()) files.push_back(at->path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) add(file, place.origin);
}

void Registry::add(const fs::path& manifest_file, Origin origin) {
  Candidate candidate;
  candidate.manifest_file = manifest_file;
  candidate.origin = origin;
  try {
    candidate.manifest = read_manifest(manifest_file);
    candidate.library = manifest_file.parent_path() / candidate.manifest.library;
  } catch (const std::exception& e) {
    std::tie(candidate.manifest.kind, candidate.manifest.name) = names_of(manifest_file);
    candidate.refused = e.what();
  }
  candidates_.push_back(std::move(candidate));
}

// Sets for each candidate why it cannot be used, or which one is preferred.
void Registry::judge(const Sources& sources) {
  std::map<std::string, fs::path> first;
  for (auto& candidate : candidates_) {
    std::error_code error;
    if (candidate.refused.empty()) candidate.refused = abi_reason(candidate.manifest);
    if (candidate.refused.empty() && !fs::is_regular_file(candidate.library, error))
      candidate.refused = candidate.library.string() + " is missing: install the plugin again";
    if (candidate.refused.empty()) candidate.refused = trust_reason(candidate, sources.allowed);
    if (!candidate.refused.empty()) continue;
    const auto [at, fresh] = first.emplace(candidate.id(), candidate.library);
    if (!fresh) candidate.lost = at->second.string() + " goes before it";
  }
}

const Candidate& Registry::by_name(std::string_view kind, std::string_view name) const {
  std::vector<std::string> known;
  std::string refused;
  for (const auto& candidate : candidates_) {
    if (candidate.manifest.kind != kind) continue;
    const bool meant = candidate.manifest.name == name;
    if (meant && candidate.usable()) return candidate;
    if (meant && refused.empty()) refused = candidate.refused;
    if (candidate.usable()) known.push_back(candidate.manifest.name);
  }
  if (!refused.empty())
    throw UsageError("plugins",
                     std::string(kind) + " plugin '" + std::string(name) + "' is refused", refused);
  throw UsageError("plugins", "no " + std::string(kind) + " plugin '" + printable(name) + "'",
                   "known are " + sentence(known));
}

std::vector<const Candidate*> Registry::of_kind(std::string_view kind) const {
  std::vector<const Candidate*> out;
  for (const auto& candidate : candidates_)
    if (candidate.manifest.kind == kind && candidate.usable() && !candidate.manifest.only_by_name)
      out.push_back(&candidate);
  return out;
}

const Candidate& Registry::by_key(std::string_view kind, std::string_view key,
                                  std::string_view what, const Score& score) const {
  auto pool = of_kind(kind);
  const auto has_key = [&](const Candidate* one) {
    return std::find(one->manifest.keys.begin(), one->manifest.keys.end(), key) !=
           one->manifest.keys.end();
  };
  std::vector<const Candidate*> exact;
  std::copy_if(pool.begin(), pool.end(), std::back_inserter(exact), has_key);
  if (exact.size() == 1 || (!exact.empty() && !score)) return *exact.front();
  const Candidate* best = nullptr;
  int most = 0;
  for (const auto* one : score ? (exact.empty() ? pool : exact) : exact) {
    int points = 0;
    try {
      points = score(*one);
    } catch (const UsageError&) {
      throw;  // a fault in the user's own table
    } catch (const std::exception&) {
      continue;  // a faulty plugin must not hide the others
    }
    if (points > most) std::tie(best, most) = std::pair{one, points};
  }
  if (best) return *best;
  std::vector<std::string> known;
  for (const auto* one : pool)
    known.insert(known.end(), one->manifest.keys.begin(), one->manifest.keys.end());
  for (const auto& one : candidates_)
    if (one.manifest.kind == kind && !one.refused.empty() && has_key(&one))
      throw UsageError("plugins",
                       std::string(kind) + " plugin '" + one.manifest.name + "' for " +
                           std::string(what) + " '" + printable(key) + "' is refused",
                       one.refused);
  constexpr std::size_t room = 110;
  auto remedy = "known are " + sentence(known);
  if (remedy.size() > room) {
    const auto guess = did_you_mean(key, known, "");
    remedy = (guess.empty() ? "" : guess + " ") + "`strata plugins list` lists all";
  }
  throw UsageError("plugins",
                   "no " + std::string(kind) + " plugin for " + std::string(what) + " '" +
                       printable(key, 80) + "'",
                   remedy + "; --plugin FILE.so names one that lies elsewhere");
}

nlohmann::json Registry::merged(nlohmann::json Manifest::*entries) const {
  auto out = nlohmann::json::object();
  for (const auto& candidate : candidates_)
    if (candidate.usable())
      for (const auto& [key, value] : (candidate.manifest.*entries).items())
        if (!out.contains(key)) out[key] = value;
  return out;
}

nlohmann::json Registry::gguf() const { return merged(&Manifest::gguf); }

nlohmann::json Registry::parts() const { return merged(&Manifest::parts); }

void Registry::require_named() const {
  for (const auto& candidate : candidates_)
    if (candidate.origin == Origin::named && !candidate.refused.empty())
      throw UsageError("--plugin", candidate.manifest_file.string() + " is refused",
                       candidate.refused);
}

}  // namespace strata::registry
