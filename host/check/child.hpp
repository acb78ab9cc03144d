// A program run aside, with a time limit.
#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::check {

constexpr int report_fd = 3;  // where the child writes lines for its parent

// How it ended; empty where it ended with status 0: "crashed: SIGSEGV", "did not end within 2 s".
// `on_line` gets each line that it wrote to report_fd. Its standard output goes to standard error.
// One at a time in a process.
std::string run_child(const std::vector<std::string>& arguments, std::chrono::milliseconds limit,
                      const std::function<void(std::string_view)>& on_line);

}  // namespace strata::check
