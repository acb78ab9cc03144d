// A tokenizer whose tokens are single bytes, chat templates, and rows as text with brackets around
// what is scored.
#pragma once
#include <string>
#include <vector>

#include "data/encode_row.hpp"
#include "data/load.hpp"
#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"

namespace strata::data {

// Bytes, and special tokens: <s>, </s> (the eos token), <end>, <|im_start|>, <|im_end|>.
const text::Tokenizer& bytes_tokenizer();
std::int32_t id_of(std::string_view token);

text::ChatTemplate template_of(const std::string& source);
extern const char* const chatml;

EncodeOptions plain_options();

// Encodes a row, given as JSON; the brackets enclose what is scored, "[2:...]" with another weight
// than 1.
std::string marked(const std::string& row, const EncodeOptions& options = plain_options(),
                   const std::string& chat = chatml);
std::string marked(const TokenRows& rows, std::size_t row);

// Rows of tokens 1, 2, ... of these lengths, of which all but the first token are scored.
TokenRows rows_of(const std::vector<std::uint32_t>& lengths);

}  // namespace strata::data
