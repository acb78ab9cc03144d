// Resizes the embedding to one row for each token of the tokenizer.
#pragma once
#include <cstdint>

#include "core/json.hpp"
#include "core/run/model.hpp"
#include "core/source/import.hpp"

namespace strata::app {

// The least multiple of `multiple` that has a row for each of `tokens`.
std::int64_t resized_rows(std::int64_t tokens, std::int64_t multiple);

// The keys that give a config.json a vocabulary of `rows`.
Json vocabulary_keys(const Json& config, std::int64_t rows);

// Makes the import give the model's embedding, and an untied output head, a row for each of
// `tokens`, rounded up to a multiple of `multiple`, and set vocab_size accordingly.
void resize_embeddings(const run::Model& model, std::int64_t tokens, std::int64_t multiple,
                       source::ImportOptions& options);

}  // namespace strata::app
