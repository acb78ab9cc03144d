#include "host/process/settings_file.hpp"

#include <fstream>

#include "core/error.hpp"

namespace strata::host {

std::string read_settings_file(const std::string& file) {
  constexpr std::size_t most = 1 << 20;
  std::ifstream in(file, std::ios::binary);
  std::string text(most + 1, '\0');
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in.is_open() || in.bad() || (in.gcount() == 0 && !in.eof()))
    throw UsageError(file, "cannot be read", "give a file of settings that you may read");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > most) throw UsageError(file, "larger than 1 MiB", "give a file of settings");
  return text;
}

}  // namespace strata::host
