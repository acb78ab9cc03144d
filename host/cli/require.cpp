#include "host/cli/require.hpp"

#include <algorithm>
#include <string>

#include "core/error.hpp"

namespace strata::cli {

void require(bool given, const char* option, const char* remedy) {
  if (!given) throw UsageError(option, "missing", remedy);
}

void require_one(std::initializer_list<std::pair<const char*, bool>> options) {
  std::string names;
  for (const auto& [name, given] : options) names.append(names.empty() ? "" : ", ").append(name);
  const auto count =
      std::count_if(options.begin(), options.end(), [](const auto& one) { return one.second; });
  if (count == 0) throw UsageError(options.begin()->first, "missing", "give one of " + names);
  if (count > 1) throw UsageError(options.begin()->first, "not alone", "give one of " + names);
}

}  // namespace strata::cli
