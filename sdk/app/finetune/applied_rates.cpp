#include "app/finetune/applied_rates.hpp"

#include <string>
#include <utility>

#include "core/error.hpp"

namespace strata::app {

void need_applied_rates(const source::Config& config) {
  constexpr std::pair<const char*, const char*> kinds[] = {
      {"layerdrop", "layers are not left out at random"},
      {"router_jitter_noise", "the input of routers gets no noise"}};
  for (const auto& [key, fact] : kinds) {
    const double none = 0;
    if (config.f64(key, &none) != 0)
      throw Error(config.name(), std::string(key) + " is not 0, and " + fact + " in training",
                  "train without it by --set config." + std::string(key) + "=0");
  }
}

}  // namespace strata::app
