#include "app/write_result.hpp"

#include <filesystem>

#include "core/error.hpp"
#include "core/source/output.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

// Moves the files of a whole result into the output.
void move_result(const fs::path& from, const fs::path& output, const char* last) {
  const auto config = output / last;
  fs::remove(config);
  source::sync_folder(output.string());
  for (const auto& entry : fs::recursive_directory_iterator(from)) {
    const auto to = output / entry.path().lexically_relative(from);
    if (entry.is_directory())
      fs::create_directories(to);
    else if (to != config)
      fs::rename(entry.path(), to);
  }
  source::sync_folder(output.string());
  fs::rename(from / last, config);
  source::sync_folder(output.string());
  fs::remove_all(from);
}

}  // namespace

void write_result(const std::string& to, const char* last,
                  const std::function<void(const std::string&)>& write) {
  const fs::path output(to);
  try {
    if (!fs::exists(output)) return write(to);
    const auto whole = output / written_model;
    fs::remove_all(whole);
    write(whole.string());
    move_result(whole, output, last);
  } catch (const fs::filesystem_error& error) {
    throw Error(printable(to), error.code().message(), "check the folder");
  }
}

}  // namespace strata::app
