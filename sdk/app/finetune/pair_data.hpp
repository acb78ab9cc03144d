// The pairs of a critic's data: how they are read, said and shown.
#pragma once
#include <string>

#include "app/finetune.hpp"
#include "data/load.hpp"
#include "data/pairs.hpp"
#include "text/tokenizer.hpp"

namespace strata::app {

// The pairs in words: how many there are, cut, left out, and of two equal rows.
std::string words_of(const data::TokenPairs& pairs, std::int64_t max_length);

// Says the first of these pairs as text, with the tokens that are compared in brackets.
void show_pair(const data::PairRows& rows, std::size_t row, const text::Tokenizer& tokenizer,
               const FinetuneEvents& events);

}  // namespace strata::app
