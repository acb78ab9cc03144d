#include "host/ranks/environment.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/error.hpp"

namespace strata::host {
namespace {

constexpr std::array<std::string_view, 11> launchers{
    "RANK=",     "WORLD_SIZE=",   "LOCAL_RANK=",         "LOCAL_WORLD_SIZE=",
    "MASTER_",   "TORCHELASTIC",  "OMPI_COMM_",          "PMI_",
    "MPI_LOCAL", "SLURM_PROCID=", run::listener_variable};

// Options of which each rank may have its own value: places, what rank 0 alone reads or prints, and
// the resources of its machine.
constexpr std::array<std::string_view, 24> own_values{
    "model",          "revision", "prompt",      "prompt-file", "chat-file", "text-file",
    "input-ids",      "output",   "trace",       "offload-dir", "adapter",   "plugin",
    "config",         "set",      "ds-config",   "threads",     "verbose",   "bind-cores-to-rank",
    "bind-core-list", "data",     "tensorboard", "log",         "html",      "log-level"};

std::string value_text(const cli::Option& option) {
  if (const auto* size = std::get_if<std::optional<std::uint64_t>*>(&option.field))
    return **size ? std::to_string(***size) : "";
  if (const auto* text = std::get_if<std::optional<std::string>*>(&option.field))
    return (*text)->value_or("");
  if (const auto* texts = std::get_if<std::vector<std::string>*>(&option.field)) {
    std::string out;
    for (const auto& one : **texts) out += one + "\n";
    return out;
  }
  return cli::default_text(option);
}

}  // namespace

bool starts_ranks(std::int64_t wanted, const run::Ranks& launched) {
  if (wanted > 0 && launched.ranks > 1 && wanted != launched.ranks)
    throw UsageError(
        "--ranks",
        std::to_string(wanted) + ", but a launcher started " + std::to_string(launched.ranks),
        "leave it out");
  return launched.ranks == 1 && wanted > 1;
}

std::vector<std::string> environment_of(const std::vector<std::string>& own,
                                        const run::Ranks& ranks) {
  std::vector<std::string> out;
  for (const auto& one : own)
    if (std::ranges::none_of(launchers, [&](std::string_view it) { return one.starts_with(it); }))
      out.push_back(one);
  const auto put = [&](const char* name, const std::string& value) {
    out.push_back(name + ("=" + value));
  };
  put("RANK", std::to_string(ranks.rank));
  put("WORLD_SIZE", std::to_string(ranks.ranks));
  put("LOCAL_RANK", std::to_string(ranks.local));
  put("LOCAL_WORLD_SIZE", std::to_string(ranks.locals));
  put("MASTER_ADDR", ranks.address);
  put("MASTER_PORT", std::to_string(ranks.port));
  if (ranks.listener >= 0) put(run::listener_variable, std::to_string(ranks.listener));
  return out;
}

std::vector<std::pair<std::string, std::string>> shared_settings(const cli::Table& table) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& option : table)
    if (!option.name.empty() && std::ranges::find(own_values, option.name) == own_values.end())
      out.emplace_back("--" + std::string(option.name), value_text(option));
  return out;
}

}  // namespace strata::host
