// Runs a program as a child process with a time limit.
#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::check {

constexpr int report_fd = 3;  // where the child writes lines for its parent

// Returns how the child ended: "crashed: SIGSEGV", "did not end within 2 s"; empty for status 0.
// `on_line` gets each line that it wrote to report_fd. Its standard output goes to standard error.
// A process runs one child at a time.
std::string run_child(const std::vector<std::string>& arguments, std::chrono::milliseconds limit,
                      const std::function<void(std::string_view)>& on_line);

}  // namespace strata::check
