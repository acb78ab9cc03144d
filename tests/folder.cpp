#include "tests/folder.hpp"

#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>
#include <stdexcept>

namespace strata::test {

namespace fs = std::filesystem;

Folder::Folder() {
  auto name = (fs::temp_directory_path() / "strata-test-XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path Folder::write(const std::string& name, std::string_view text) const {
  auto file = path_ / name;
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
  chmod(file.c_str(), 0644);
  return file;
}

fs::path Folder::plugin(const std::string& kind, const std::string& name,
                        const std::string& more) const {
  const auto stem = "strata-" + kind + "-" + name;
  write(stem + ".so", "");
  return write(stem + ".json", R"({"format": 1, "kind": ")" + kind + R"(", "name": ")" + name +
                                   R"(", "version": "1.0.0", "vendor": "Test", "library": ")" +
                                   stem + R"(.so", "sha256": ")" + std::string(64, '0') +
                                   R"(", "abi": {"major": 1, "minor": 0})" + more + "}");
}

}  // namespace strata::test
