#include "core/run/ranks.hpp"

#include <charconv>
#include <cstdlib>
#include <optional>

#include "core/error.hpp"
#include "core/run/slurm.hpp"

namespace strata::run {
namespace {

// The names of one launcher's variables.
struct Names {
  const char *rank, *ranks, *local, *locals;
};
constexpr Names torchrun{"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
constexpr Names open_mpi{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                         "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"};
constexpr Names mpich{"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"};
constexpr Names slurm{"SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", ""};

// A port that the jobs of one machine hardly share, below those that the system gives out.
uint16_t port_of(std::string_view job) {
  uint32_t hash = 2166136261u;
  for (const char one : job) hash = (hash ^ static_cast<unsigned char>(one)) * 16777619u;
  return static_cast<uint16_t>(20'000 + hash % 10'000);
}

class Environment {
 public:
  explicit Environment(const Variable& variable) : variable_(variable) {}

  Ranks ranks() const {
    const auto own = counts(torchrun);
    auto by_mpi = counts(open_mpi);
    const Names& mpi = by_mpi ? open_mpi : mpich;
    if (!by_mpi) by_mpi = counts(mpich);
    // torchrun itself may have been started by a launcher of another kind, once for each machine.
    const bool elastic = own && has("TORCHELASTIC_RUN_ID");
    if (own && by_mpi && !elastic && (own->rank != by_mpi->rank || own->ranks != by_mpi->ranks))
      throw UsageError("RANK", words(*own) + ", but by " + mpi.rank + " it is " + words(*by_mpi),
                       "unset one of them");
    if (own) return located(*own, torchrun);
    if (by_mpi) return located(*by_mpi, mpi);
    // The shell of a Slurm job has the job's variables, but is no task of it.
    if (!has(slurm.rank)) return {};
    return located(*counts(slurm), slurm);
  }

 private:
  std::string_view get(const char* name) const { return variable_(name); }
  bool has(const char* name) const { return *name != '\0' && !get(name).empty(); }

  template <class Number>
  Number number(const char* name) const {
    const auto text = get(name);
    Number value = 0;
    const auto* end = text.data() + text.size();
    if (text.empty() || std::from_chars(text.data(), end, value) != std::from_chars_result{end, {}})
      throw UsageError(name, "'" + printable(text) + "' is no number of that kind",
                       "start the ranks with a launcher, or correct it");
    return value;
  }

  static std::string words(const Ranks& ranks) {
    return "rank " + std::to_string(ranks.rank) + " of " + std::to_string(ranks.ranks);
  }

  // The rank and the number of ranks; nothing where this launcher has set neither.
  std::optional<Ranks> counts(const Names& names) const {
    if (!has(names.rank) && !has(names.ranks)) return {};
    for (const auto& [missing, other] :
         {std::pair{names.rank, names.ranks}, std::pair{names.ranks, names.rank}})
      if (!has(missing))
        throw UsageError(missing, "it is not set, but " + std::string(other) + " is",
                         "set both, or unset both");
    Ranks out;
    out.ranks = number<uint32_t>(names.ranks);
    out.rank = number<uint32_t>(names.rank);
    if (out.rank >= out.ranks)
      throw UsageError(
          names.rank,
          std::to_string(out.rank) + " is none of " + std::to_string(out.ranks) + " ranks",
          "number them from 0");
    return out;
  }

  // Adds the numbers on this machine and the place where the ranks meet.
  Ranks located(Ranks out, const Names& names) const {
    out.address = get("MASTER_ADDR");
    const bool here = out.address == "localhost" || out.address.starts_with("127.");
    const bool local_given = has(names.local), locals_given = has(names.locals);
    if (local_given) out.local = number<uint32_t>(names.local);
    if (locals_given) out.locals = number<uint32_t>(names.locals);
    if (&names == &slurm)
      out.locals = slurm_locals(out);
    else if (here && !locals_given)
      out.locals = out.ranks;
    else if (!locals_given)
      out.locals = out.local + 1;
    if (here && !local_given) out.local = out.rank;
    check_local(out, names);
    if (out.ranks == 1) return out;
    if (out.address.empty()) out.address = address_of(out, names);
    out.port = has("MASTER_PORT") ? number<uint16_t>("MASTER_PORT") : port_of_job(names);
    if (out.port == 0)
      throw UsageError("MASTER_PORT", "0 is no port to meet at",
                       "give all ranks the same free port");
    if (out.rank == 0 && has(listener_variable)) out.listener = number<uint16_t>(listener_variable);
    if (&names == &torchrun && get("TORCHELASTIC_USE_AGENT_STORE") == "True")
      out.port = port_beside_agent();
    return out;
  }

  // torchrun's agent listens at MASTER_PORT itself, so rank 0 takes another port.
  uint16_t port_beside_agent() const {
    std::string job;
    for (const auto* name : {"MASTER_PORT", "TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT"})
      job += std::string(get(name)) + " ";
    return port_of(job);
  }

  uint32_t slurm_locals(const Ranks& ranks) const {
    const auto* list =
        has("SLURM_STEP_TASKS_PER_NODE") ? "SLURM_STEP_TASKS_PER_NODE" : "SLURM_TASKS_PER_NODE";
    const auto node = has("SLURM_NODEID") ? number<uint32_t>("SLURM_NODEID") : 0;
    const auto tasks = tasks_on(get(list), node);
    return tasks > 0 ? tasks : ranks.local + 1;
  }

  void check_local(const Ranks& ranks, const Names& names) const {
    if (ranks.local >= ranks.locals)
      throw UsageError(names.local,
                       std::to_string(ranks.local) + " is none of " + std::to_string(ranks.locals) +
                           " ranks of this machine",
                       "number them from 0");
    if (ranks.locals > ranks.ranks)
      throw UsageError(has(names.locals) ? names.locals : names.local,
                       std::to_string(ranks.locals) + " ranks on this machine are more than all " +
                           std::to_string(ranks.ranks),
                       "start the ranks with a launcher, or correct it");
  }

  std::string address_of(const Ranks& ranks, const Names& names) const {
    if (&names != &torchrun && ranks.locals == ranks.ranks) return "127.0.0.1";
    if (&names == &slurm)
      for (const auto* list : {"SLURM_STEP_NODELIST", "SLURM_NODELIST", "SLURM_JOB_NODELIST"})
        if (auto host = first_host(get(list)); !host.empty()) return host;
    throw UsageError("MASTER_ADDR", "it is not set", "name the host of rank 0");
  }

  // A port from the job's name, which all of its ranks know.
  uint16_t port_of_job(const Names& names) const {
    if (&names == &open_mpi)
      for (const auto* name : {"PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid"})
        if (has(name)) return port_of(get(name));
    if (&names == &slurm && has("SLURM_JOB_ID"))
      return port_of(std::string(get("SLURM_JOB_ID")) + "." + std::string(get("SLURM_STEP_ID")));
    throw UsageError("MASTER_PORT", "it is not set", "give all ranks the same free port");
  }

  const Variable& variable_;
};

}  // namespace

Ranks ranks_of(const Variable& variable) { return Environment(variable).ranks(); }

Ranks ranks_of_environment() {
  return ranks_of([](const char* name) -> std::string_view {
    const char* value = std::getenv(name);
    return value ? value : "";
  });
}

}  // namespace strata::run
