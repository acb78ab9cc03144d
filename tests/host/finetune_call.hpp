// The command `finetune` without the training: its options, from its arguments.
#pragma once
#include <string>
#include <vector>

#include "core/error.hpp"
#include "host/cli/command_line.hpp"
#include "host/options/finetune_options.hpp"
#include "host/options/finetune_spellings.hpp"

namespace strata::test {

using Strings = std::vector<std::string>;

inline void train_nothing(const host::FinetuneCommand&) {}

inline const cli::Command finetune_options_only{
    "finetune",
    "MODEL",
    "the options alone",
    cli::make_call<host::FinetuneCommand, host::add_finetune, host::check_finetune, train_nothing>,
    "model",
    host::respell_finetune};

inline const Strings least{"--model", "m", "--data", "d.jsonl", "--output", "o", "--lr", "1e-5"};

// The options of a call with these arguments alone.
inline host::FinetuneCommand command_of(const Strings& arguments) {
  const auto call = cli::parse_arguments(finetune_options_only, arguments).call;
  return call->as<host::FinetuneCommand>();
}

// The options of a call that can train, with more arguments.
inline host::FinetuneCommand finetune(const Strings& more = {}) {
  auto arguments = least;
  arguments.insert(arguments.end(), more.begin(), more.end());
  return command_of(arguments);
}

// The line of the error.
template <class Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const UsageError& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace strata::test
