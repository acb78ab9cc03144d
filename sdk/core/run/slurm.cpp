#include "core/run/slurm.hpp"

#include <charconv>

namespace strata::run {

std::string first_host(std::string_view list) {
  std::string out;
  while (!list.empty() && list.front() != ',') {
    if (list.front() != '[') {
      out += list.front();
      list.remove_prefix(1);
      continue;
    }
    list.remove_prefix(1);
    out += list.substr(0, list.find_first_of("-,]"));
    const auto end = list.find(']');
    list.remove_prefix(end == list.npos ? list.size() : end + 1);
  }
  return out;
}

uint32_t tasks_on(std::string_view list, uint32_t node) {
  const char* at = list.data();
  const char* const end = at + list.size();
  while (at != end) {
    uint32_t tasks = 0, nodes = 1;
    auto read = std::from_chars(at, end, tasks);
    if (read.ec != std::errc{}) return 0;
    at = read.ptr;
    if (at != end && *at == '(') {
      if (end - at < 3 || at[1] != 'x') return 0;
      read = std::from_chars(at + 2, end, nodes);
      if (read.ec != std::errc{} || read.ptr == end || *read.ptr != ')') return 0;
      at = read.ptr + 1;
    }
    if (node < nodes) return tasks;
    node -= nodes;
    if (at == end || *at != ',') return 0;
    ++at;
  }
  return 0;
}

}  // namespace strata::run
