#include "host/ranks/bind_cores.hpp"

#include <strata/abi/core.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "app/machine.hpp"
#include "core/error.hpp"
#include "locality/cores.hpp"
#include "locality/topology.hpp"

namespace strata::host {
namespace {

constexpr auto option = "--bind-cores-to-rank";

// The NUMA node of each rank's GPU on this machine.
std::vector<std::optional<std::uint32_t>> nodes_of_gpus(const CoreWish& wish,
                                                        std::uint32_t locals) {
  std::vector<std::optional<std::uint32_t>> out(locals);
  for (std::uint32_t local = 0; wish.gpu && local < locals; ++local)
    out[local] = app::numa_node_of_gpu(local);
  return out;
}

std::string words(std::size_t count, const char* one, const char* many) {
  return count == 1 ? std::string("1 ") + one : std::to_string(count) + " " + many;
}

void say(const locality::Share& share, std::size_t all, const run::Ranks& ranks, int memory,
         const app::Log& log) {
  if (!share.alone && ranks.local == 0)
    log.line(STRATA_WARN, std::string(option) + ": " + std::to_string(ranks.locals) +
                              " ranks have " + words(all, "core", "cores") +
                              " on this machine, so that some share one");
  std::string nodes;
  for (const auto node : locality::nodes_of(share.cores))
    nodes += (nodes.empty() ? "" : ",") + std::to_string(node);
  log.line(STRATA_INFO,
           "bound to " + words(share.cores.size(), "core", "cores") + ", CPUs " +
               locality::cpus_text(share.cores) +
               (memory == 0 ? ", with memory of node " + nodes
                            : ", with memory of any node, since the system refused node " + nodes +
                                  ": " + std::strerror(memory)));
}

}  // namespace

BoundCores bind_cores(const CoreWish& wish, const run::Ranks& ranks, const app::Log& log) {
  const auto machine = locality::open_topology(option);
  auto cores = machine->cores();
  if (cores.empty()) throw Error(option, "the system does not tell its cores", "leave it out");
  if (!wish.list.empty()) cores = locality::only(cores, locality::parse_cpus(wish.list));
  const auto share = locality::share_of(cores, nodes_of_gpus(wish, ranks.locals), ranks.local);
  const auto bound = machine->bind(share.cores);
  if (bound.cores != 0)
    throw Error(option,
                "the system refuses CPUs " + locality::cpus_text(share.cores) + ": " +
                    std::strerror(bound.cores),
                "leave it out");
  say(share, cores.size(), ranks, bound.memory, log);
  return {share.cores.size(),
          {{"count", share.cores.size()},
           {"cpus", locality::cpus_text(share.cores)},
           {"nodes", locality::nodes_of(share.cores)},
           {"memory", bound.memory == 0},
           {"alone", share.alone}}};
}

}  // namespace strata::host
