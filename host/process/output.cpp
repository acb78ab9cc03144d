#include "host/process/output.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "core/error.hpp"
#include "host/process/ended.hpp"

namespace strata::host {
namespace {

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto count = write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

void print(std::string_view text) {
  if (write_all(STDOUT_FILENO, text)) return;
  if (errno == EPIPE) throw Ended{0};
  throw Error("standard output", std::string("cannot be written (") + strerror(errno) + ")",
              "give it room");
}

void print_json(const nlohmann::json& object) {
  print(object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void print_note(std::string_view line) {
  write_all(STDERR_FILENO, "strata: " + std::string(line) + "\n");
}

void print_error(std::string_view line) {
  write_all(STDERR_FILENO, "error: " + std::string(line) + "\n");
}

}  // namespace strata::host
