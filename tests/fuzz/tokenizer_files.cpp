// The files of a folder without a tokenizer.json, with form feeds between them, the first four with
// vertical tabs: taken and used, or refused with an error.
// covers: sdk/text/base64.cpp sdk/text/description.cpp
// covers: sdk/text/sentencepiece.cpp sdk/text/sentencepiece_tokenizer.cpp
// covers: sdk/text/tiktoken.cpp sdk/text/tokenizer_classes.cpp
// covers: sdk/text/tokenizer_config.cpp
// covers: sdk/text/tokenizer_folder.cpp
#include <cstdint>
#include <string_view>

#include "core/error.hpp"
#include "text/tokenizer.hpp"

using namespace strata::text;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto part = [](std::string_view& of, char end) {
    const auto bytes = of.substr(0, of.find(end));
    of.remove_prefix(std::min(of.size(), bytes.size() + 1));
    return bytes;
  };
  const auto file = [&] { return std::string(part(rest, '\f')); };
  TokenizerFiles files{.folder = "fuzz"};
  auto first = part(rest, '\f');
  for (auto* one : {&files.config, &files.special, &files.added, &files.shape, &files.json})
    *one = part(first, '\v');
  files.vocab = file();
  files.merges = file();
  files.tiktoken = file();
  files.model = rest;  // may have form feeds of its own
  try {
    const auto tokenizer = Tokenizer::from_files(files);
    tokenizer.decode(tokenizer.encode("It's 12\n \u00e9 <s>"), true);
  } catch (const strata::Error&) {
  }
  return 0;
}
