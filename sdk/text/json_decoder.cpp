#include <nlohmann/json.hpp>

#include "text/json_steps.hpp"

namespace strata::text {
namespace {

using nlohmann::json;

DecoderStep parse_step(const json& value, const std::string& path, const std::string& file) {
  const auto type = type_of(value, path, file);
  const auto fields = [&](std::initializer_list<std::string_view> known) {
    return JsonFields(value, path, file, known);
  };
  if (type == "ByteLevel")
    return fields({"type", "add_prefix_space", "trim_offsets", "use_regex"}), decode_byte_level();
  if (type == "ByteFallback") return fields({"type"}), decode_byte_fallback();
  if (type == "Fuse") return fields({"type"}), decode_fuse();
  if (type == "Metaspace") {
    const auto step =
        fields({"type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"});
    return decode_metaspace(step.character("replacement"),
                            prepend_scheme(step) != PrependScheme::never);
  }
  if (type == "Replace") {
    const auto step = fields({"type", "pattern", "content"});
    return decode_replace(parse_pattern(step), step.text("content"));
  }
  if (type == "Strip") {
    const auto step = fields({"type", "content", "start", "stop"});
    return decode_strip(step.character("content"), step.count("start"), step.count("stop"));
  }
  if (type == "WordPiece") {
    const auto step = fields({"type", "prefix", "cleanup"});
    return decode_word_piece(step.text("prefix"), step.flag("cleanup"));
  }
  if (type == "BPEDecoder") return decode_suffix(fields({"type", "suffix"}).text("suffix"));
  // CTC merges the repeats of a speech model; no causal language model has it.
  refuse_type(type, path, file,
              "ByteLevel, ByteFallback, Fuse, Metaspace, Replace, Strip, WordPiece, BPEDecoder and "
              "Sequence");
}

}  // namespace

std::vector<DecoderStep> parse_decoder(const json& value, const std::string& file) {
  std::vector<DecoderStep> out;
  each_step(value, "decoder", file, "decoders", [&](const json& step, const auto& path) {
    out.push_back(parse_step(step, path, file));
  });
  return out;
}

}  // namespace strata::text
