// Runs a plugin in a child process, under limits that a test must not put on itself.
#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include "tests/conformance/opened_tier.hpp"

// The plugin under test, opened by dlopen.
const strata_plugin& plugin_under_test();

// Runs `body` in a child and returns what it returned, or what it threw behind "threw: "; a child
// that ended otherwise gives "died".
std::string in_child(const std::function<std::string()>& body);

// A folder under the working directory, on a disk where /tmp may not be; removed at the end.
class Scratch {
 public:
  Scratch();
  Scratch(const Scratch&) = delete;
  ~Scratch();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};
