// What each command does. They print their result; what goes wrong is thrown.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "core/run/model.hpp"
#include "host/cli/command_line.hpp"
#include "host/cli/settings.hpp"
#include "host/registry/registry.hpp"

namespace strata::host {

// Carries out what the arguments ask for; the program's exit status.
int run(const cli::Invocation& invocation);

// The plugins that these settings can use.
registry::Registry open_registry(const cli::Settings& settings);

void generate(const cli::Settings& settings);
void logits(const cli::Settings& settings);
void perplexity(const cli::Settings& settings);
void tokenize(const cli::Settings& settings);
void import(const cli::Settings& settings);
void download(const cli::Settings& settings);
void plan(const cli::Settings& settings);
void bench(const cli::Settings& settings);

// The whole file; throws Error where it cannot be read.
std::string read_text_file(const std::string& path);
// Refuses ids that the model's table does not have.
void check_ids(std::span<const int32_t> ids, const run::Model& model);

void list_plugins(const cli::Settings& settings);
// 0 where every check passed, else 1.
int check_plugin(const cli::Settings& settings);

}  // namespace strata::host
