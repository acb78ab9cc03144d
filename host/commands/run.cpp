#include <strata/abi/core.h>

#include "core/error.hpp"
#include "host/check/bare_host.hpp"
#include "host/check/child.hpp"
#include "host/check/probe.hpp"
#include "host/cli/description.hpp"
#include "host/cli/options.hpp"
#include "host/commands/commands.hpp"
#include "host/deepspeed/apply.hpp"
#include "host/hub/cache.hpp"
#include "host/log.hpp"
#include "host/output.hpp"

namespace strata::host {
namespace {

int run_command(cli::Command command, const cli::Settings& settings) {
  switch (command) {
    case cli::Command::plugins_list:
      list_plugins(settings);
      return 0;
    case cli::Command::plugins_check:
      return check_plugin(settings);
    case cli::Command::generate:
      generate(settings);
      return 0;
    case cli::Command::logits:
      logits(settings);
      return 0;
    case cli::Command::perplexity:
      perplexity(settings);
      return 0;
    case cli::Command::tokenize:
      tokenize(settings);
      return 0;
    case cli::Command::import:
      import(settings);
      return 0;
    case cli::Command::download:
      download(settings);
      return 0;
    case cli::Command::plan:
      plan(settings);
      return 0;
    case cli::Command::bench:
      bench(settings);
      return 0;
  }
  return 0;
}

// What has to be found and said before a command runs.
cli::Settings prepared(const cli::Invocation& invocation) {
  auto settings = invocation.settings;
  if (!settings.model.empty() && invocation.command != cli::Command::download)
    settings.model = hub::located(settings.model, settings.revision);
  if (settings.deepspeed) {
    const Log log(settings.verbose);
    for (const auto& line : deepspeed::warnings(*settings.deepspeed)) log.line(STRATA_WARN, line);
  }
  return settings;
}

std::string version() {
  return "strata " STRATA_VERSION " (ABI " + std::to_string(STRATA_ABI_MAJOR) + "." +
         std::to_string(STRATA_ABI_MINOR) + ")\n";
}

}  // namespace

int run(const cli::Invocation& invocation) {
  switch (invocation.action) {
    case cli::Action::help:
      print(cli::help());
      return 0;
    case cli::Action::command_help:
      print(cli::help(invocation.command));
      return 0;
    case cli::Action::version:
      print(version());
      return 0;
    case cli::Action::markdown:
      print(cli::markdown());
      return 0;
    case cli::Action::probe:
      if (invocation.rest.size() != 1)
        throw UsageError("--probe-plugin", "needs a manifest", "use `strata plugins check PATH`");
      check::probe(invocation.rest.front(), check::bare_host(), check::report_fd);
      return 0;
    case cli::Action::run:
      return run_command(invocation.command, prepared(invocation));
  }
  return 0;
}

}  // namespace strata::host
