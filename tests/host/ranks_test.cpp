// The parent of ranks: lines, ends and environments; and what a team makes of its parts.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "host/cli/command_line.hpp"
#include "host/ranks/child_output.hpp"
#include "host/ranks/environment.hpp"
#include "host/ranks/joined_report.hpp"
#include "host/ranks/listener.hpp"
#include "host/ranks/team.hpp"
#include "host/ranks/verdict.hpp"
#include "tests/sdk/app/bare_group.hpp"

using namespace strata;
using namespace strata::host;

namespace {

RankEnd said(uint32_t rank, std::string error, int status = 1) {
  return {.rank = rank, .status = status, .error = std::move(error)};
}

}  // namespace

TEST_CASE("each line of a rank above 0 has its rank before it, once", "[host][ranks]") {
  ChildOutput output(2);
  CHECK(output.take("a\nrank 2: strata: warning: b\nhal") ==
        "rank 2: a\nrank 2: strata: warning: b\n");
  CHECK(output.take("f\n") == "rank 2: half\n");
  CHECK(output.take("the rest").empty());
  CHECK(output.end() == "rank 2: the rest\n");
  CHECK(output.end().empty());
  ChildOutput first(0);
  CHECK(first.take("a\nb") == "a\n");
  CHECK(first.end() == "b\n");
}

TEST_CASE("the error lines of ranks are kept for their parent", "[host][ranks]") {
  ChildOutput output(1);
  CHECK(output.take("error: x: y\nmore\n") == "rank 1: more\n");
  CHECK(output.error() == "x: y");
}

TEST_CASE("ranks that fail are one line", "[host][ranks]") {
  const std::string lost = "rank 1: NaN: check: look at what it said";
  struct Row {
    std::vector<RankEnd> ends;
    int signal, status;
    const char* line;
  };
  const std::vector<Row> rows{
      {{{.rank = 1}, {.rank = 0}}, 0, 0, ""},
      {{said(1, "NaN: check"), said(0, lost)}, 0, 1, "rank 1: NaN: check"},
      {{said(0, lost), said(1, "NaN: check")}, 0, 1, "rank 1: NaN: check"},
      {{said(1, "rank 1: NaN: check"), said(0, lost)}, 0, 1, "rank 1: NaN: check"},
      {{said(1, "m: missing", 2), said(0, "m: missing", 2)}, 0, 2, "m: missing"},
      {{said(1, "m: missing", 2), {.rank = 0, .signal = 15, .asked = true}}, 0, 2, "m: missing"},
      {{{.rank = 1, .status = 1}, said(0, "m: missing")}, 0, 1, "m: missing"},
      {{{.rank = 1, .status = 1}, said(0, "rank 1: m: missing")}, 0, 1, "rank 1: m: missing"},
      {{said(1, "m: missing"), said(0, "n: missing")}, 0, 1, "rank 1: m: missing"},
      {{said(1, "m: missing"), {.rank = 0, .signal = 15, .asked = true}},
       0,
       1,
       "rank 1: m: missing"},
      {{{.rank = 0}, {.rank = 1, .signal = 11, .error = "offload/a: read crashed: SIGSEGV"}},
       0,
       1,
       "rank 1: offload/a: read crashed: SIGSEGV"},
      {{said(0, "rank 2: the size of a is '1'", 2), {.rank = 1, .status = 2}},
       0,
       2,
       "rank 2: the size of a is '1'"},
      {{{.rank = 1, .signal = 9}, said(0, "rank 1: no heartbeat: look at what it said")},
       0,
       1,
       "rank 1: it was ended by SIGKILL: see whether memory ran out, and start all ranks again"},
      {{said(0, "rank 1: no heartbeat: look at what it said"),
        {.rank = 1, .signal = 9, .asked = true, .stopped = true}},
       0,
       1,
       "rank 1: it was stopped and did not continue: start all ranks again"},
      {{{.rank = 1, .signal = 11, .error = "offload/a: read crashed: SIGSEGV"}, said(0, lost)},
       0,
       1,
       "rank 1: offload/a: read crashed: SIGSEGV"},
      {{{.rank = 1, .status = 3}, {.rank = 0, .signal = 15, .asked = true}},
       0,
       1,
       "rank 1: it ended with status 3: look at what it said"},
      {{said(0, lost), {.rank = 1, .signal = 15, .asked = true}}, 0, 1, lost.c_str()},
      {{{.rank = 1, .status = 130}, {.rank = 0, .status = 130}}, 2, 130, ""},
      {{{.rank = 1, .signal = 15}, {.rank = 0, .status = 143}}, 15, 143, ""},
  };
  for (const auto& row : rows) {
    const auto verdict = verdict_of(row.ends, row.signal);
    INFO(row.line);
    CHECK(verdict.status == row.status);
    CHECK(verdict.line == row.line);
  }
}

TEST_CASE("the option of ranks starts them where no launcher has", "[host][ranks]") {
  run::Ranks launched;
  CHECK_FALSE(starts_ranks(0, launched));
  CHECK_FALSE(starts_ranks(1, launched));
  CHECK(starts_ranks(4, launched));
  launched.ranks = 4;
  CHECK_FALSE(starts_ranks(0, launched));
  CHECK_FALSE(starts_ranks(4, launched));
  for (const auto wanted : {1, 2})
    CHECK_THROWS_WITH(
        starts_ranks(wanted, launched),
        "--ranks: " + std::to_string(wanted) + ", but a launcher started 4: leave it out");
}

TEST_CASE("a rank has the variables of no other launcher", "[host][ranks]") {
  run::Ranks ranks;
  ranks.rank = ranks.local = 1;
  ranks.ranks = ranks.locals = 2;
  ranks.address = "127.0.0.1";
  ranks.port = 4711;
  CHECK(environment_of(
            {"HOME=/root", "RANK=7", "MASTER_ADDR=a", "OMPI_COMM_WORLD_SIZE=9", "SLURM_PROCID=3",
             "SLURM_JOB_ID=5", "TORCHELASTIC_RUN_ID=x", "STRATA_RANKS_LISTENER=8"},
            ranks) == std::vector<std::string>{"HOME=/root", "SLURM_JOB_ID=5", "RANK=1",
                                               "WORLD_SIZE=2", "LOCAL_RANK=1", "LOCAL_WORLD_SIZE=2",
                                               "MASTER_ADDR=127.0.0.1", "MASTER_PORT=4711"});
  ranks.listener = 5;
  CHECK(environment_of({}, ranks).back() == "STRATA_RANKS_LISTENER=5");
}

TEST_CASE("no other process can listen at the port of a listener", "[host][ranks]") {
  Listener listener;
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(listener.port());
  const int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int again = 1;
  setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &again, sizeof again);
  CHECK(bind(other, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0);
  listener.close();
  CHECK(bind(other, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
  close(other);
}

TEST_CASE("ranks compare the settings that change a run, not their own places", "[host][ranks]") {
  const auto call =
      cli::parse_command_line({"generate", "--model", "m", "--prompt", "a", "--device-memory",
                               "1MiB", "--stop", "x", "--stop", "y", "--offload-dir", "/tmp",
                               "--bind-cores-to-rank", "--bind-core-list", "0"})
          .call;
  const auto settings = shared_settings(call->table());
  const auto has = [&](const char* name, const char* value) {
    return std::ranges::find(settings, std::pair<std::string, std::string>(name, value)) !=
           settings.end();
  };
  CHECK(has("--device-memory", "1048576"));
  CHECK(has("--stop", "x\ny\n"));
  CHECK(has("--max-new-tokens", "64"));
  CHECK(has("--ignore-eos", "false"));
  for (const auto& [name, value] : settings) {
    CHECK(name != "--model");
    CHECK(name != "--offload-dir");
    CHECK_FALSE(name.starts_with("--bind-"));
  }
}

TEST_CASE("ranks that train compare the options of the steps, not their files", "[host][ranks]") {
  const auto call = cli::parse_command_line({"finetune", "--model", "m", "--data", "d", "--output",
                                             "o", "--lr", "0.5", "--log", "l", "--html", "h",
                                             "--tensorboard", "t", "--seed", "12345678901234567"})
                        .call;
  const auto settings = shared_settings(call->table());
  const auto has = [&](const char* name, const char* value) {
    return std::ranges::find(settings, std::pair<std::string, std::string>(name, value)) !=
           settings.end();
  };
  CHECK(has("--lr", "0.5"));
  CHECK(has("--batch-size", "8"));
  CHECK(has("--seed", "12345678901234567"));
  for (const auto& [name, value] : settings)
    for (const auto* own : {"--data", "--output", "--log", "--html", "--tensorboard"})
      CHECK(name != own);
}

TEST_CASE("cores are bound in the spelling of DeepSpeed's launcher, too", "[host][ranks]") {
  const auto field = [](const std::vector<std::string>& more, auto* type, const char* name) {
    std::vector<std::string> words{"bench", "--model", "m", "--dummy"};
    words.insert(words.end(), more.begin(), more.end());
    const auto call = cli::parse_command_line(words).call;
    return *std::get<decltype(type)>(cli::find_by_name(call->table(), name)->field);
  };
  const auto bound = [&](const std::vector<std::string>& more) {
    return field(more, static_cast<bool*>(nullptr), "bind-cores-to-rank");
  };
  const auto list = [&](const std::vector<std::string>& more) {
    return field(more, static_cast<std::string*>(nullptr), "bind-core-list");
  };
  CHECK_FALSE(bound({}));
  CHECK(bound({"--bind-cores-to-rank"}));
  CHECK(bound({"--bind_cores_to_rank"}));
  CHECK(list({}).empty());
  CHECK(list({"--bind-core-list", "0,2-4"}) == "0,2-4");
  CHECK(list({"--bind_core_list", "0,2-4"}) == "0,2-4");
  CHECK(list({"--bind_core_list=1"}) == "1");
  CHECK_THROWS_AS(bound({"--bind_cores_to_ranks"}), UsageError);
}

TEST_CASE("whole prompts are split over ranks in their order", "[host][ranks]") {
  const Team team(std::make_shared<test::BareGroup>(0, 4), {});
  using Block = std::pair<std::size_t, std::size_t>;
  const auto blocks = [&](std::size_t count) {
    std::vector<Block> out;
    for (uint32_t rank = 0; rank < 4; ++rank) out.push_back(team.block(count, rank));
    return out;
  };
  CHECK(blocks(8) == std::vector<Block>{{0, 2}, {2, 4}, {4, 6}, {6, 8}});
  CHECK(blocks(6) == std::vector<Block>{{0, 2}, {2, 4}, {4, 5}, {5, 6}});
  CHECK(blocks(1) == std::vector<Block>{{0, 1}, {1, 1}, {1, 1}, {1, 1}});
  CHECK(Team().block(3) == Block{0, 3});
}

TEST_CASE("a report of ranks has the slowest one's times and the bytes of all", "[host][ranks]") {
  const auto report = [](double seconds, double rate, uint64_t bytes) {
    return nlohmann::json{
        {"decode_s", seconds},
        {"first_token_s", seconds / 2},
        {"decode_tokens_per_s", rate},
        {"moved_bytes_per_token", 0},
        {"moved", {{"decode", {{"counted", bytes}, {"planned", bytes}, {"steps", 3}}}}}};
  };
  auto bound = report(2, 10, 100);
  bound["cores"] = {{"cpus", "0"}};
  const auto all = joined_report({bound, report(4, 5, 60)});
  CHECK(all["decode_s"] == 4);
  CHECK(all["first_token_s"] == 2);
  CHECK(all["decode_tokens_per_s"] == 10);  // 40 tokens in 4 s
  CHECK(all["moved"]["decode"]["counted"] == 160);
  CHECK(all["moved"]["decode"]["planned"] == 160);
  CHECK(all["moved"]["decode"]["steps"] == 3);
  CHECK(all["moved_bytes_per_token"] == 4);
  CHECK(all["ranks"].size() == 2);
  CHECK_FALSE(all.contains("cores"));  // those of a rank are in its own report
  CHECK(all["ranks"][0]["cores"]["cpus"] == "0");
  CHECK(joined_report({report(2, 10, 100)}) == report(2, 10, 100));
  const auto results = joined_results({{{"output_ids", {{1}, {2}}}, {"report", report(2, 10, 1)}},
                                       {{"output_ids", {{3}}}, {"report", report(2, 10, 1)}}});
  CHECK(results["output_ids"] == nlohmann::json{{1}, {2}, {3}});
}
