#include "locality/cores.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <set>
#include <system_error>

#include "core/error.hpp"

namespace strata::locality {
namespace {

constexpr auto option = "--bind-core-list";
constexpr uint32_t largest_cpu = 65'535;  // a range cannot fill the memory

uint32_t cpu_of(std::string_view text, std::string_view list) {
  uint32_t out = 0;
  const auto end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, out);
  if (error != std::errc() || at != end || out > largest_cpu)
    throw UsageError(option, "'" + printable(list) + "' is no list of CPUs",
                     "write numbers and ranges: 0,2-4");
  return out;
}

std::string text_of(const std::set<uint32_t>& numbers) {
  std::string out;
  for (auto at = numbers.begin(); at != numbers.end();) {
    const auto first = *at;
    auto last = first;
    while (++at != numbers.end() && *at == last + 1) last = *at;
    out += (out.empty() ? "" : ",") + std::to_string(first);
    if (last > first) out += "-" + std::to_string(last);
  }
  return out;
}

// The part of one rank of `ranks`, the one at `place`.
Share part_of(const std::vector<Core>& cores, std::size_t place, std::size_t ranks) {
  if (ranks > cores.size()) return {{cores[place % cores.size()]}, false};
  const auto each = static_cast<std::ptrdiff_t>(cores.size() / ranks);
  const auto first = cores.begin() + static_cast<std::ptrdiff_t>(place) * each;
  return {{first, first + each}, true};
}

}  // namespace

Share share_of(const std::vector<Core>& cores, std::span<const std::optional<uint32_t>> near,
               uint32_t local) {
  const bool by_node = std::ranges::all_of(near, [&](const std::optional<uint32_t>& node) {
    return node && std::ranges::find(cores, *node, &Core::node) != cores.end();
  });
  if (!by_node) return part_of(cores, local, near.size());
  std::vector<Core> there;
  std::ranges::copy_if(cores, std::back_inserter(there),
                       [&](const Core& one) { return one.node == *near[local]; });
  const auto place = std::ranges::count(near.first(local), near[local]);
  return part_of(there, static_cast<std::size_t>(place),
                 static_cast<std::size_t>(std::ranges::count(near, near[local])));
}

std::vector<uint32_t> parse_cpus(std::string_view list) {
  std::set<uint32_t> out;
  for (std::size_t begin = 0; begin <= list.size();) {
    const auto end = std::min(list.find(',', begin), list.size());
    const auto range = list.substr(begin, end - begin);
    const auto dash = range.find('-');
    const auto first = cpu_of(range.substr(0, dash), list);
    const auto last = dash == range.npos ? first : cpu_of(range.substr(dash + 1), list);
    if (first > last)
      throw UsageError(option, "'" + printable(range) + "' ends before it begins",
                       "write the smaller number first");
    for (auto cpu = first; cpu <= last; ++cpu)
      if (!out.insert(cpu).second)
        throw UsageError(option, "CPU " + std::to_string(cpu) + " is named twice", "name it once");
    begin = end + 1;
  }
  return {out.begin(), out.end()};
}

std::vector<Core> only(const std::vector<Core>& cores, const std::vector<uint32_t>& cpus) {
  std::set<uint32_t> left(cpus.begin(), cpus.end());
  std::vector<Core> out;
  for (const auto& core : cores) {
    Core one{core.node, {}};
    std::ranges::copy_if(core.cpus, std::back_inserter(one.cpus),
                         [&](uint32_t cpu) { return left.erase(cpu) > 0; });
    if (!one.cpus.empty()) out.push_back(std::move(one));
  }
  if (!left.empty())
    throw UsageError(option, "this process may not run on CPUs " + text_of(left),
                     "give some of " + cpus_text(cores));
  return out;
}

std::string cpus_text(std::span<const Core> cores) {
  std::set<uint32_t> all;
  for (const auto& core : cores) all.insert(core.cpus.begin(), core.cpus.end());
  return text_of(all);
}

std::vector<uint32_t> nodes_of(std::span<const Core> cores) {
  std::set<uint32_t> out;
  for (const auto& core : cores) out.insert(core.node);
  return {out.begin(), out.end()};
}

}  // namespace strata::locality
