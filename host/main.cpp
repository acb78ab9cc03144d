// strata: reads its arguments, does one thing, says in one line what went wrong.
#include <fcntl.h>
#include <strata/abi/core.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <string>
#include <string_view>

#include "core/plugin/calling.hpp"
#include "core/source/unfinished.hpp"
#include "host/cli/command_line.hpp"
#include "host/commands/run.hpp"
#include "host/end/ending.hpp"
#include "host/process/ended.hpp"
#include "host/process/error_words.hpp"
#include "host/process/output.hpp"
#include "host/process/stderr_log.hpp"

namespace {

// Takes the places of standard streams that are closed, so that no file gets them: what is printed
// there fails.
void fill_standard_streams() {
  int one = 0;
  do {
    one = open("/dev/null", O_RDONLY);
  } while (one >= 0 && one <= STDERR_FILENO);
  if (one >= 0) close(one);
}

int run(int argc, char** argv) {
  try {
    strata::host::run(strata::cli::parse_command_line({argv + 1, argv + argc}));
    const auto late = strata::plugin::take_late_failure();
    if (late.empty()) return 0;
    strata::host::print_error(late);
    return 1;
  } catch (const strata::host::Ended& e) {
    return e.status;
  } catch (const std::exception& e) {
    strata::host::print_error(strata::host::error_words(e));
    return static_cast<int>(strata::host::error_status(e));
  }
}

}  // namespace

int main(int argc, char** argv) {
  fill_standard_streams();
  // A reader that closed the pipe is an error of print, which names it.
  std::signal(SIGPIPE, SIG_IGN);
  // When a plugin is probed, the parent process sees how the probe ends.
  if (argc < 2 || std::string_view(argv[1]) != "--probe-plugin") strata::end::install();
  strata::source::set_tell_leftover(
      [](std::string_view line) { strata::host::stderr_log(false).line(STRATA_WARN, line); });
  const int status = run(argc, argv);
  strata::end::done();
  return status;
}
