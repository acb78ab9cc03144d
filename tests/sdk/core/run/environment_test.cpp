// The environments of launchers, as tables.
#include <catch2/catch.hpp>
#include <map>

#include "core/error.hpp"
#include "core/run/ranks.hpp"
#include "core/run/slurm.hpp"

using namespace strata;
using namespace strata::run;

namespace {

using Variables = std::map<std::string, std::string>;

Ranks ranks_in(const Variables& all) {
  return ranks_of([&](const char* name) -> std::string_view {
    const auto at = all.find(name);
    return at == all.end() ? std::string_view() : std::string_view(at->second);
  });
}

std::string refusal(const Variables& all) {
  try {
    ranks_in(all);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "";
}

struct Row {
  const char* launcher;
  Variables variables;
  uint32_t rank, ranks, local, locals;
  const char* address;
};

Variables torchrun(const char* rank, const char* ranks) {
  return {{"RANK", rank},
          {"WORLD_SIZE", ranks},
          {"LOCAL_RANK", "1"},
          {"LOCAL_WORLD_SIZE", "2"},
          {"MASTER_ADDR", "10.0.0.7"},
          {"MASTER_PORT", "29501"}};
}

Variables mpi(const char* rank, const char* ranks, const char* local, const char* locals) {
  return {{"OMPI_COMM_WORLD_RANK", rank},
          {"OMPI_COMM_WORLD_SIZE", ranks},
          {"OMPI_COMM_WORLD_LOCAL_RANK", local},
          {"OMPI_COMM_WORLD_LOCAL_SIZE", locals},
          {"PMIX_NAMESPACE", "2847670273"}};
}

Variables slurm(const char* rank, const char* local, const char* node) {
  return {{"SLURM_PROCID", rank},           {"SLURM_NTASKS", "5"},
          {"SLURM_LOCALID", local},         {"SLURM_NODEID", node},
          {"SLURM_NODELIST", "gpu[07-08]"}, {"SLURM_STEP_TASKS_PER_NODE", "3,2"},
          {"SLURM_JOB_ID", "4711"},         {"SLURM_STEP_ID", "0"}};
}

Variables with(Variables all, const Variables& more) {
  for (const auto& [name, value] : more) all[name] = value;
  return all;
}

}  // namespace

TEST_CASE("a rank is read from the variables of its launcher", "[run][ranks]") {
  const std::vector<Row> rows{
      {"none", {}, 0, 1, 0, 1, ""},
      {"torchrun", torchrun("3", "4"), 3, 4, 1, 2, "10.0.0.7"},
      {"two variables alone, on this machine",
       {{"RANK", "1"}, {"WORLD_SIZE", "4"}, {"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", "29501"}},
       1,
       4,
       1,
       4,
       "127.0.0.1"},
      {"one rank needs no address", {{"RANK", "0"}, {"WORLD_SIZE", "1"}}, 0, 1, 0, 1, ""},
      {"mpirun on one machine", mpi("1", "4", "1", "4"), 1, 4, 1, 4, "127.0.0.1"},
      {"mpirun on two machines", with(mpi("3", "4", "1", "2"), {{"MASTER_ADDR", "a"}}), 3, 4, 1, 2,
       "a"},
      {"MPICH",
       {{"PMI_RANK", "1"},
        {"PMI_SIZE", "2"},
        {"MPI_LOCALRANKID", "1"},
        {"MPI_LOCALNRANKS", "2"},
        {"MASTER_PORT", "29501"}},
       1,
       2,
       1,
       2,
       "127.0.0.1"},
      {"srun, the first node", slurm("2", "2", "0"), 2, 5, 2, 3, "gpu07"},
      {"srun, the second node", slurm("4", "1", "1"), 4, 5, 1, 2, "gpu07"},
      {"the shell of a Slurm job",
       {{"SLURM_NTASKS", "8"}, {"SLURM_NODELIST", "gpu07"}},
       0,
       1,
       0,
       1,
       ""},
      {"torchrun, which srun started once a machine",
       with(slurm("1", "0", "1"), torchrun("3", "4")), 3, 4, 1, 2, "10.0.0.7"},
      {"torchrun, which mpirun started once a machine",
       with(with(mpi("1", "2", "0", "1"), torchrun("3", "4")), {{"TORCHELASTIC_RUN_ID", "none"}}),
       3, 4, 1, 2, "10.0.0.7"},
  };
  for (const auto& row : rows) {
    INFO(row.launcher << " " << refusal(row.variables));
    const auto ranks = ranks_in(row.variables);
    CHECK(ranks.rank == row.rank);
    CHECK(ranks.ranks == row.ranks);
    CHECK(ranks.local == row.local);
    CHECK(ranks.locals == row.locals);
    CHECK(ranks.address == row.address);
    if (row.ranks > 1) CHECK(ranks.port > 0);
  }
}

TEST_CASE("the ranks of a job know the same port, those of another job another", "[run][ranks]") {
  CHECK(ranks_in(torchrun("3", "4")).port == 29501);
  const Variables agent{{"TORCHELASTIC_USE_AGENT_STORE", "True"}};
  const auto beside = ranks_in(with(torchrun("3", "4"), agent)).port;
  CHECK(beside != 29501);
  CHECK(ranks_in(with(torchrun("0", "4"), agent)).port == beside);
  CHECK(ranks_in(mpi("0", "2", "0", "2")).port == ranks_in(mpi("1", "2", "1", "2")).port);
  const auto other = with(mpi("0", "2", "0", "2"), {{"PMIX_NAMESPACE", "2847670274"}});
  CHECK(ranks_in(other).port != ranks_in(mpi("0", "2", "0", "2")).port);
  CHECK(ranks_in(slurm("0", "0", "0")).port == ranks_in(slurm("4", "1", "1")).port);
}

TEST_CASE("variables that are missing or contradict each other are refused by name",
          "[run][ranks]") {
  const std::vector<std::pair<Variables, std::string>> rows{
      {{{"WORLD_SIZE", "2"}}, "RANK: it is not set, but WORLD_SIZE is: set both, or unset both"},
      {{{"RANK", "0"}}, "WORLD_SIZE: it is not set, but RANK is: set both, or unset both"},
      {torchrun("4", "4"), "RANK: 4 is none of 4 ranks: number them from 0"},
      {torchrun("x", "4"),
       "RANK: 'x' is no number of that kind: start the ranks with a launcher, or correct it"},
      {with(torchrun("3", "4"), {{"LOCAL_RANK", "2"}}),
       "LOCAL_RANK: 2 is none of 2 ranks of this machine: number them from 0"},
      {with(torchrun("3", "4"), {{"LOCAL_WORLD_SIZE", "5"}}),
       "LOCAL_WORLD_SIZE: 5 ranks on this machine are more than all 4: start the ranks with a "
       "launcher, or correct it"},
      {with(torchrun("3", "4"), {{"MASTER_ADDR", ""}}),
       "MASTER_ADDR: it is not set: name the host of rank 0"},
      {with(torchrun("3", "4"), {{"MASTER_PORT", "70000"}}),
       "MASTER_PORT: '70000' is no number of that kind: start the ranks with a launcher, or "
       "correct it"},
      {mpi("3", "4", "1", "2"), "MASTER_ADDR: it is not set: name the host of rank 0"},
      {with(mpi("0", "4", "0", "4"), {{"PMIX_NAMESPACE", ""}}),
       "MASTER_PORT: it is not set: give all ranks the same free port"},
      {with(torchrun("3", "4"), mpi("1", "2", "1", "2")),
       "RANK: rank 3 of 4, but by OMPI_COMM_WORLD_RANK it is rank 1 of 2: unset one of them"},
      {{{"SLURM_PROCID", "1"}},
       "SLURM_NTASKS: it is not set, but SLURM_PROCID is: set both, or unset both"},
  };
  for (const auto& [variables, words] : rows) CHECK(refusal(variables) == words);
}

TEST_CASE("Slurm's short lists are read", "[run][ranks]") {
  CHECK(first_host("login") == "login");
  CHECK(first_host("gpu[07-10,12],login") == "gpu07");
  CHECK(first_host("rack[1-2]n[3,5]-ib,x") == "rack1n3-ib");
  CHECK(first_host("gpu[07") == "gpu07");
  CHECK(first_host("").empty());
  CHECK(tasks_on("4(x2),3", 0) == 4);
  CHECK(tasks_on("4(x2),3", 1) == 4);
  CHECK(tasks_on("4(x2),3", 2) == 3);
  CHECK(tasks_on("4(x2),3", 3) == 0);
  CHECK(tasks_on("x", 0) == 0);
  CHECK(tasks_on("4(x", 0) == 0);
}
