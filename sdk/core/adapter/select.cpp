#include "core/adapter/select.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "core/adapter/pattern.hpp"
#include "core/adapter/targets.hpp"
#include "core/error.hpp"
#include "core/nearest.hpp"

namespace strata::adapter {
namespace {

bool plain(std::string_view text) {
  return std::ranges::all_of(text, [](const char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == ',' || c == ' ';
  });
}

std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    auto name = list.substr(0, end);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (!name.empty()) out.emplace_back(name);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return out;
}

[[noreturn]] void refuse(const Modules& modules, const char* option, const std::string& what,
                         std::string_view name) {
  std::set<std::string> last;  // the last words of the names
  for (const auto& one : modules.all()) last.insert(one.name.substr(one.name.rfind('.') + 1));
  const std::vector<std::string> all(last.begin(), last.end());
  throw UsageError(option, what, "the nearest modules are " + three_nearest(name, all));
}

}  // namespace

std::vector<Module> select(const Modules& modules, std::string_view targets, const char* option) {
  std::vector<Module> out;
  const auto keep = [&](auto chosen) {
    for (const auto& one : modules.all())
      if (chosen(one)) out.push_back(one);
  };
  if (targets == "all-linear") {
    keep([](const Module& one) { return one.linear || one.parameter; });
    return out;
  }
  if (!plain(targets)) {
    const Pattern pattern(targets, option, "write it as Python reads it", Exit::usage);
    Effort effort;
    keep([&](const Module& one) { return pattern.whole(one.name, effort); });
    if (out.empty())
      refuse(modules, option, "'" + printable(targets, 60) + "' matches no module of this model",
             targets);
    return out;
  }
  const auto names = names_in(targets);
  if (names.empty()) refuse(modules, option, "it names no module", targets);
  for (const auto& name : names)
    if (std::ranges::none_of(modules.all(),
                             [&](const Module& one) { return ends_in(one.name, name); }))
      refuse(modules, option, "'" + printable(name, 60) + "' is no module of this model", name);
  keep([&](const Module& one) {
    return std::ranges::any_of(names,
                               [&](const std::string& name) { return ends_in(one.name, name); });
  });
  return out;
}

}  // namespace strata::adapter
