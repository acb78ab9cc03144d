// An embedding with as many rows as the tokenizer has tokens.
#pragma once
#include <cstdint>

#include "core/run/model.hpp"
#include "core/source/import.hpp"

namespace strata::host {

// Has the import give the model's embedding, and its head where that is not the same, a row for
// each of `tokens`, rounded up to a multiple of `multiple`, and say so in vocab_size.
void resize_embeddings(const run::Model& model, std::int64_t tokens, std::int64_t multiple,
                       source::ImportOptions& options);

}  // namespace strata::host
