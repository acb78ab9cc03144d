#include "core/source/file_kind.hpp"

#include <algorithm>
#include <cctype>
#include <string>

#include "core/error.hpp"

namespace strata::source {

void refuse_stand_in(std::string_view beginning, std::string_view path) {
  if (beginning.starts_with("version https://git-lfs.github.com/spec/") ||
      beginning.starts_with("version https://hawser.github.com/spec/"))
    throw Error(path, "is a pointer of Git LFS and not the file itself",
                "run `git lfs pull` in its folder, or fetch it with `strata download`");
  constexpr std::string_view space = " \t\r\n";
  if (beginning.starts_with("\xef\xbb\xbf")) beginning.remove_prefix(3);
  beginning.remove_prefix(std::min(beginning.find_first_not_of(space), beginning.size()));
  std::string begins(beginning.substr(0, 14));
  std::ranges::transform(begins, begins.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (begins.starts_with("<!doctype html") || begins.starts_with("<html"))
    throw Error(path, "is a web page and not the file itself",
                "fetch the file from its download link, or with `strata download`");
}

}  // namespace strata::source
