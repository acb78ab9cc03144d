#include "app/open_adapter.hpp"

#include <strata/abi/core.h>

#include "core/error.hpp"

namespace strata::app {

std::shared_ptr<const adapter::Adapter> open_adapter(const std::string& folder,
                                                     const run::Model& model, const Log& log) {
  auto out = std::make_shared<adapter::Adapter>(
      adapter::Adapter::open(folder, model.family->units(), model.tied()));
  log.line(
      STRATA_INFO,
      folder + ": adds to " + std::to_string(out->low_rank.size()) + " modules" +
          (out->base.empty() ? std::string() : ", trained for '" + printable(out->base, 60) + "'"));
  return out;
}

}  // namespace strata::app
