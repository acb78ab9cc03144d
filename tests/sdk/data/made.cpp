#include "made.hpp"

#include <numeric>

#include "data/preview.hpp"
#include "text/byte_level.hpp"

namespace strata::data {

const char* const chatml =
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + "
    "'<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' "
    "}}{% endif %}";

const text::Tokenizer& bytes_tokenizer() {
  static const auto made = [] {
    auto vocabulary = Json::object();
    for (int byte = 0; byte < 256; ++byte)
      vocabulary[text::spell(std::string(1, static_cast<char>(byte)))] = byte;
    auto added = Json::array();
    int id = 256;
    for (const auto* token : {"<s>", "</s>", "<end>", "<|im_start|>", "<|im_end|>"})
      added.push_back({{"id", id++},
                       {"content", token},
                       {"special", true},
                       {"normalized", false},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false}});
    const Json file{{"version", "1.0"},
                    {"added_tokens", added},
                    {"normalizer", nullptr},
                    {"pre_tokenizer",
                     {{"type", "ByteLevel"},
                      {"add_prefix_space", false},
                      {"trim_offsets", true},
                      {"use_regex", true}}},
                    {"post_processor", nullptr},
                    {"decoder",
                     {{"type", "ByteLevel"},
                      {"add_prefix_space", true},
                      {"trim_offsets", true},
                      {"use_regex", true}}},
                    {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", Json::array()}}}};
    return text::Tokenizer::from_json(file.dump(), "bytes");
  }();
  return made;
}

std::int32_t id_of(std::string_view token) { return bytes_tokenizer().find(token).value(); }

text::ChatTemplate template_of(const std::string& source) {
  return text::ChatTemplate::from_files({}, {{"default", {"template", source}}}, "folder",
                                        {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
}

EncodeOptions plain_options() {
  EncodeOptions options;
  options.eos = id_of("</s>");
  options.ends = {*options.eos, id_of("<|im_end|>")};
  options.pad = *options.eos;
  return options;
}

std::string marked(const TokenRows& rows, std::size_t row) {
  std::string out;
  for (const auto& piece : preview(rows, row, bytes_tokenizer())) {
    const auto weight = piece.weight == 1 ? "" : std::to_string(std::lround(piece.weight)) + ":";
    out += piece.weight == 0 ? piece.text : "[" + weight + piece.text + "]";
  }
  return out;
}

std::string marked(const std::string& row, const EncodeOptions& options, const std::string& chat) {
  const auto opened = template_of(chat);
  const RowEncoder encoder(
      bytes_tokenizer(), [&]() -> const text::ChatTemplate& { return opened; }, options);
  TokenRows rows;
  rows.pad = options.pad;
  rows.add(encoder.encode(row_of(parse_ordered_json(row, "row"), "row")).row);
  return marked(rows, 0);
}

TokenRows rows_of(const std::vector<std::uint32_t>& lengths) {
  TokenRows rows;
  for (const auto length : lengths) {
    TokenRow row;
    row.ids.resize(length);
    std::iota(row.ids.begin(), row.ids.end(), 1);
    if (length > 1) row.scored = {{1, length, 1}};
    rows.add(row);
  }
  return rows;
}

}  // namespace strata::data
