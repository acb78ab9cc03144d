#include "text/class_description.hpp"

#include "text/gguf_styles.hpp"

namespace strata::text {
namespace {

constexpr auto sign = "\u2581";

void describe_bytes(const TokenizerClass& known, bool space, Description& out) {
  const auto& style = *gguf_style(known.style);
  if (style.nfc) out["normalizer"] = {{"type", "NFC"}};
  out["pre_tokenizer"] = pre_tokenizer_of(style, space);
  out["decoder"] = byte_level_step(true);
}

void describe_words(Description& out) {
  out["normalizer"] = {{"type", "BertNormalizer"},
                       {"clean_text", true},
                       {"handle_chinese_chars", true},
                       {"strip_accents", nullptr},
                       {"lowercase", true}};
  out["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  out["decoder"] = {{"type", "BPEDecoder"}, {"suffix", "</w>"}};
}

void describe_metaspace(const char* scheme, bool strips, Description& out) {
  out["pre_tokenizer"] = metaspace_step(scheme);
  out["decoder"] = sentencepiece_decoder(strips, true);
}

void describe_signs(Description& out) {
  out["normalizer"] = replace_step(" ", sign);
  out["decoder"] = sentencepiece_decoder(false, true);
}

}  // namespace

Description class_description(const TokenizerClass& known, const TokenizerConfig& config) {
  auto out = empty_description();
  const bool pieces =
      known.kind == TokenizerClass::metaspace || known.kind == TokenizerClass::signs;
  const bool space = config.add_prefix_space.value_or(known.kind == TokenizerClass::metaspace);
  BpeDescription options{.fuse_unknown = pieces, .byte_fallback = pieces};
  if (known.unknown) options.unknown = config.find("unk_token");
  switch (known.kind) {
    case TokenizerClass::bytes:
      describe_bytes(known, space, out);
      break;
    case TokenizerClass::words:
      describe_words(out);
      break;
    case TokenizerClass::metaspace:
      describe_metaspace(!space                          ? "never"
                         : config.legacy.value_or(false) ? "always"
                                                         : "first",
                         space || known.unknown, out);
      break;
    case TokenizerClass::signs:
      describe_signs(out);
      break;
  }
  out["model"] = bpe_model(options, Description::object(), Description::array());
  if (known.kind == TokenizerClass::words) out["model"]["end_of_word_suffix"] = "</w>";
  return out;
}

}  // namespace strata::text
