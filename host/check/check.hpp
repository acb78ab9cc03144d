// `strata plugins check`: a plugin examined in processes of its own.
#pragma once
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace strata::check {

enum class Verdict { passed, failed, skipped };

struct Result {
  std::string name;
  Verdict verdict = Verdict::failed;
  std::string words;  // what was found, or why it failed
};

// All checks of the plugin whose library or manifest `path` is, in the order in which they ran. A
// crash or a hang is a failed check. `limit` bounds all checks together; the conformance program of
// the plugin's kind, where one is installed, gets the same limit again.
std::vector<Result> check_plugin(const std::filesystem::path& path,
                                 std::chrono::milliseconds limit);

}  // namespace strata::check
