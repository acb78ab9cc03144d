// The options that say which model, and how its configuration is read.
#pragma once
#include <strata/app.hpp>

#include "host/cli/option.hpp"

namespace strata::host {

using app::ModelOptions;

void add_model(cli::Table& table, ModelOptions& options);
void add_critic(cli::Table& table, ModelOptions& options);
void add_padding_at_beginning(cli::Table& table, std::int64_t& count);
void add_dropout(cli::Table& table, ModelOptions& options);

// Refuses options without --model.
void require_model(const ModelOptions& options);
// The same for commands that also take a shape.
void require_model_or_shape(const ModelOptions& options);

}  // namespace strata::host
