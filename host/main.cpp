// strata: reads its arguments, does one thing, says in one line what went wrong.
#include <csignal>
#include <exception>
#include <new>

#include "core/error.hpp"
#include "host/cli/command_line.hpp"
#include "host/commands/run.hpp"
#include "host/output.hpp"

int main(int argc, char** argv) {
  // A reader that went away is an error of print, which names it.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    strata::host::run(strata::cli::parse_command_line({argv + 1, argv + argc}));
    return 0;
  } catch (const strata::Error& e) {
    strata::host::print_error(e.what());
    return static_cast<int>(e.status());
  } catch (const std::bad_alloc&) {
    strata::host::print_error("memory: the host has no more: give smaller budgets or batches");
  } catch (const std::exception& e) {
    strata::host::print_error(strata::printable(e.what(), 2000));
  }
  return 1;
}
