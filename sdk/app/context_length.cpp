#include "app/context_length.hpp"

#include <strata/abi/core.h>

#include "core/error.hpp"

namespace strata::app {

std::int64_t context_length_of(const source::Config& config) {
  try {
    const std::int64_t none = 0;
    return config.i64(
        "text_config.max_position_embeddings|max_position_embeddings|n_positions|n_ctx|max_seq_len|"
        "seq_length|max_sequence_length",
        &none);
  } catch (const Error&) {  // such a key holds another type
    return 0;
  }
}

void warn_beyond_context(const run::Model& model, std::int64_t tokens, const Log& log) {
  const auto most = context_length_of(*model.config);
  if (most > 0 && tokens > most)
    log.line(STRATA_WARN, model.path + ": a sequence of " + std::to_string(tokens) +
                              " tokens is longer than the model's context of " +
                              std::to_string(most) + ": text beyond it may make no sense");
}

}  // namespace strata::app
