// The tokens that end a text of a GGUF model: its eos and those that end a turn, a message or a
// file.
#pragma once
#include <cstdint>
#include <span>

#include "core/text/gguf_vocabulary.hpp"

namespace strata::text {

// `named` are the ids that the metadata names beside eos. Sets `ends`, eos first and each once, by
// the rule of llama.cpp: those that are named, and tokens that are spelled as such; the latter
// become control tokens.
void find_ends(std::span<const int32_t> named, GgufVocabulary& vocabulary);

}  // namespace strata::text
