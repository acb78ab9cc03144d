// The ends of texts: the end-of-text ids, and the reason why a text ended.
#pragma once
#include <cstdint>
#include <vector>

#include "core/run/generation.hpp"
#include "core/run/generation_config.hpp"
#include "core/run/model.hpp"

namespace strata::app {

// The ids that end a text: generation_config.json's or those of GGUF metadata, else the
// configuration's.
std::vector<int32_t> ends_of(const run::Model& model, const run::GenerationConfig& generation);

// "stop", "length" or "interrupted".
const char* finish_text(run::Finish finish);

}  // namespace strata::app
