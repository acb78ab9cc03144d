// A folder of a test's own, which nobody else may write; removed with all in it.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace strata::test {

class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, std::string_view text) const;
  // A manifest with an empty library beside it, whose hash is not the manifest's.
  std::filesystem::path plugin(const std::string& kind, const std::string& name,
                               const std::string& more = "") const;
  // A copy of the built fake plugin of this name with its manifest; the library.
  std::filesystem::path fake(const std::string& name) const;

 private:
  std::filesystem::path path_;
};

}  // namespace strata::test
