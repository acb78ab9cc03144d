#include "host/process/program_folder.hpp"

#include <system_error>

#include "core/error.hpp"

namespace strata::host {

std::filesystem::path program_folder() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) throw Error("plugins", "/proc/self/exe cannot be read", "mount /proc");
  return program.parent_path();
}

}  // namespace strata::host
