#include "host/commands/run.hpp"

#include <strata/abi/core.h>

#include "core/error.hpp"
#include "core/run/ranks.hpp"
#include "host/check/bare_host.hpp"
#include "host/check/child.hpp"
#include "host/check/probe.hpp"
#include "host/cli/description.hpp"
#include "host/cli/man_page.hpp"
#include "host/deepspeed/apply.hpp"
#include "host/process/ended.hpp"
#include "host/process/output.hpp"
#include "host/process/stderr_log.hpp"
#include "host/ranks/bind_cores.hpp"
#include "host/ranks/environment.hpp"
#include "host/ranks/launch.hpp"

namespace strata::host {
namespace {

// Binds this process to its cores where the user wishes it. The default of --threads is then their
// number.
void take_cores(cli::Call& call, const run::Ranks& ranks) {
  const auto* bind = cli::find_by_name(call.table(), "bind-cores-to-rank");
  if (!bind) return;
  const auto text = [&](const char* name) {
    return *std::get<std::string*>(cli::find_by_name(call.table(), name)->field);
  };
  const auto list = text("bind-core-list");
  if (!*std::get<bool*>(bind->field)) {
    if (list.empty()) return;
    throw UsageError("--bind-core-list", "no cores are bound", "give --bind-cores-to-rank, too");
  }
  auto& common = call.common();
  auto bound = bind_cores({.list = list, .gpu = text("device") != "cpu"}, ranks,
                          stderr_log(common.verbose, ranks.rank));
  common.cores = std::move(bound.report);
  auto& threads = *std::get<std::int64_t*>(cli::find_by_name(call.table(), "threads")->field);
  if (threads == 0) threads = static_cast<std::int64_t>(bound.count);
}

// Starts the ranks that the command line asks for, and ends with their status; else notes which
// rank this process is.
void take_rank(const cli::Invocation& invocation) {
  auto& call = *invocation.call;
  const auto* wanted = cli::find_by_name(call.table(), "ranks");
  if (!wanted || invocation.command->one_process) return;
  const auto launched = run::ranks_of_environment();
  const auto count = *std::get<std::int64_t*>(wanted->field);
  if (starts_ranks(count, launched))
    throw Ended{launch(invocation.arguments, static_cast<std::uint32_t>(count),
                       invocation.command->finishes)};
  if (launched.ranks > 1) {
    call.common().rank = launched.rank;
    auto& shared = call.common().shared;
    shared = shared_settings(call.table());
    shared.insert(shared.begin(), {"the command", std::string(invocation.command->words)});
  }
  take_cores(call, launched);
}

void run_call(const cli::Invocation& invocation) {
  take_rank(invocation);
  auto& call = *invocation.call;
  const auto& common = call.common();
  for (const auto& line : common.notes)
    if (common.rank == 0) print_note(line);
  if (common.deepspeed && common.rank == 0) {
    const auto log = stderr_log(common.verbose);
    for (const auto& line : deepspeed::warnings(*common.deepspeed)) log.line(STRATA_WARN, line);
  }
  call.run();
}

std::string version() {
  return "strata " STRATA_VERSION " (ABI " + std::to_string(STRATA_ABI_MAJOR) + "." +
         std::to_string(STRATA_ABI_MINOR) + ")\n";
}

}  // namespace

void run(const cli::Invocation& invocation) {
  switch (invocation.action) {
    case cli::Action::help:
      return print(cli::help());
    case cli::Action::command_help:
      return print(cli::help(*invocation.command));
    case cli::Action::version:
      return print(version());
    case cli::Action::markdown:
      return print(cli::markdown());
    case cli::Action::man:
      return print(cli::man_page());
    case cli::Action::probe:
      if (invocation.rest.size() != 1)
        throw UsageError("--probe-plugin", "needs a manifest", "use `strata plugins check PATH`");
      return check::probe(invocation.rest.front(), check::bare_host(), check::report_fd);
    case cli::Action::run:
      return run_call(invocation);
  }
}

}  // namespace strata::host
