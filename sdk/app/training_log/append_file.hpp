// A file that grows record by record, each of them whole in it or not at all.
#pragma once
#include <string>
#include <string_view>

namespace strata::training_log {

class AppendFile {
 public:
  // Opens the file, or makes it; `fresh` refuses one that exists. Throws Error with the disk's own
  // words, as append does.
  explicit AppendFile(std::string path, bool fresh = false);
  ~AppendFile();
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&&) = delete;

  // Hands the record to the kernel, so that it outlives this process. After a failure the part
  // that was written is cut off again where the file allows that.
  void append(std::string_view record);

 private:
  std::string path_;
  int descriptor_;
};

}  // namespace strata::training_log
