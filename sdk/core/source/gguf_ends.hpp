// The tokens that end a text of a GGUF model: its eos and those that end a turn, a message or a
// file.
#pragma once
#include <cstdint>
#include <span>

#include "core/source/gguf_vocabulary.hpp"

namespace strata::source {

// Sets `ends`, eos first and each once, by the rule of llama.cpp: the ids `named` that the metadata
// names beside eos, and tokens that are spelled as such, which become control tokens.
void find_ends(std::span<const int32_t> named, GgufVocabulary& vocabulary);

}  // namespace strata::source
