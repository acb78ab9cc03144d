// strata generate: its options, which tests of sessions share.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/options/opening.hpp"
#include "host/options/sampling_options.hpp"

namespace strata::host {

struct GenerateOptions : ModelCommand, RunOptions, SamplingOptions {
  std::vector<cli::Ids> input_ids;  // one prompt each
  std::optional<std::string> prompt;
  std::string prompt_file;
  bool one_prompt = false;
  std::int64_t max_new_tokens = 64;
  bool ignore_eos = false;
  bool chat = false;
  std::string chat_file;
  std::optional<std::string> system;
  std::optional<std::string> chat_template_kwargs;  // JSON
  std::vector<std::string> stop;
  std::int64_t logprobs = 0;  // 0: none
};

}  // namespace strata::host
