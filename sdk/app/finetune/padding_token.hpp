// The padding token that a tokenizer without one gets where the embedding is resized.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/plugins.hpp"
#include "core/run/model.hpp"
#include "core/source/import.hpp"
#include "text/tokenizer.hpp"

namespace strata::app {

struct PaddingToken {
  std::string content;
  std::int64_t id = 0;
  bool is_new = true;  // false: the tokenizer has the token, though not as its padding
};

// The token that the model's family names in its manifest, if the model's name contains that of the
// plugin and the tokenizer has no padding token. Refuses a folder without the tokenizer.json that
// it would be added to.
std::optional<PaddingToken> added_padding(const run::Model& model, const text::Tokenizer& tokenizer,
                                          const Plugins& plugins);

// Adds the token to a model's tokenizer files.
void add_padding(const PaddingToken& token, std::vector<source::ExtraFile>& files);

}  // namespace strata::app
