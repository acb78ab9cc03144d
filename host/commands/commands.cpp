#include "host/commands/commands.hpp"

#include <array>

namespace strata::cli {
namespace {

constexpr std::array all{
    &host::generate_command,     &host::chat_command,          &host::logits_command,
    &host::perplexity_command,   &host::tokenize_command,      &host::import_command,
    &host::download_command,     &host::plan_command,          &host::bench_command,
    &host::plugins_list_command, &host::plugins_check_command, &host::plugins_new_command,
    &host::finetune_command,     &host::quantize_command,      &host::completion_command,
};

}  // namespace

std::span<const Command* const> commands() { return all; }

}  // namespace strata::cli
