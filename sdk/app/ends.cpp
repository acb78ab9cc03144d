#include "app/ends.hpp"

namespace strata::app {

std::vector<int32_t> ends_of(const run::Model& model, const run::GenerationConfig& generation) {
  const auto& vocabulary = model.checkpoint->vocabulary();
  if (vocabulary && !vocabulary->ends.empty()) return vocabulary->ends;
  return generation.ends ? *generation.ends : run::token_ids(*model.config, "eos_token_id");
}

const char* finish_text(run::Finish finish) {
  switch (finish) {
    case run::Finish::stop:
      return "stop";
    case run::Finish::length:
      return "length";
    case run::Finish::canceled:
      return "interrupted";
  }
  return "";
}

}  // namespace strata::app
