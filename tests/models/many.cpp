// Runs many command lines in one process, so that a test of many tiny models pays for one start. A
// line of standard input is a list of arguments in JSON; its answer is the status and, where it is
// not 0, the error.
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "host/cli/command_line.hpp"
#include "host/commands/run.hpp"
#include "host/process/ended.hpp"

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto arguments = nlohmann::json::parse(line).get<std::vector<std::string>>();
    int status = 1;
    std::string words;
    try {
      strata::host::run(strata::cli::parse_command_line(arguments));
      status = 0;
    } catch (const strata::host::Ended& e) {
      status = e.status;
    } catch (const strata::Error& e) {
      status = static_cast<int>(e.status());
      words = e.what();
    } catch (const std::exception& e) {
      words = e.what();
    }
    std::cout << status << ' ' << words << std::endl;
  }
}
