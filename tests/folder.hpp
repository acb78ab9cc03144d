// A test's own folder, which nobody else may write; it is removed with its contents.
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

 private:
  std::filesystem::path path_;
};

}  // namespace strata::test
