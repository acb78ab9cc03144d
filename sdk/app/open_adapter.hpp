// Opens an adapter for a model.
#pragma once
#include <memory>
#include <string>

#include "app/log.hpp"
#include "core/adapter/adapter.hpp"
#include "core/run/model.hpp"

namespace strata::app {

// As adapter::Adapter::open; a line of the log says which base model the adapter names.
std::shared_ptr<const adapter::Adapter> open_adapter(const std::string& folder,
                                                     const run::Model& model, const Log& log);

}  // namespace strata::app
