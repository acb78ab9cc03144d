#include "host/commands/run.hpp"

#include <strata/abi/core.h>

#include "core/error.hpp"
#include "host/check/bare_host.hpp"
#include "host/check/child.hpp"
#include "host/check/probe.hpp"
#include "host/cli/description.hpp"
#include "host/cli/man_page.hpp"
#include "host/deepspeed/apply.hpp"
#include "host/process/output.hpp"
#include "host/process/stderr_log.hpp"

namespace strata::host {
namespace {

void run_call(cli::Call& call) {
  const auto& common = call.common();
  for (const auto& line : common.notes) print_note(line);
  if (common.deepspeed) {
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
      return run_call(*invocation.call);
  }
}

}  // namespace strata::host
