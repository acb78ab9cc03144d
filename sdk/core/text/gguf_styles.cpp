#include "core/text/gguf_styles.hpp"

namespace strata::text {
namespace {

constexpr std::string_view none[] = {""};
// Number by number.
constexpr std::string_view digits[] = {R"re(\p{N})re", ""};
// Numbers in runs of three digits at most.
constexpr std::string_view runs_of_three[] = {
    R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re",
    ""};
// The same, number by number.
constexpr std::string_view single_digits[] = {
    R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re",
    ""};
// The same, with marks as parts of words.
constexpr std::string_view with_marks[] = {
    R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re",
    ""};
// Words end where small letters are followed by a capital one.
constexpr std::string_view by_case[] = {
    R"re([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)re",
    ""};
// The same without contractions, number by number.
constexpr std::string_view by_case_single[] = {
    R"re([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)re",
    ""};
// The same as the first, with ideographs apart.
constexpr std::string_view by_case_han[] = {
    R"re([\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)re",
    ""};
// Numbers, ideographs and kana, then words.
constexpr std::string_view three_steps[] = {
    R"re(\p{N}{1,3})re", R"re([一-龥぀-ゟ゠-ヿ]+)re",
    R"re([!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re",
    ""};
// Words up to a sign of several scripts' sentences.
constexpr std::string_view sentence_signs[] = {R"re( ?[^(\s|[.,!?…。，、।۔،])]+)re", ""};

constexpr GgufStyle styles[] = {
    {.pre = "gpt-2", .patterns = none, .words = true},
    {.pre = "phi-2", .patterns = none, .words = true},
    {.pre = "mpt", .patterns = none, .words = true},
    {.pre = "olmo", .patterns = none, .words = true},
    {.pre = "smollm", .patterns = digits, .words = true},
    {.pre = "starcoder", .patterns = digits, .words = true},
    {.pre = "refact", .patterns = digits, .words = true},
    {.pre = "codeshell", .patterns = digits, .words = true},
    {.pre = "command-r", .patterns = digits, .words = true, .nfc = true},
    {.pre = "llama-bpe", .patterns = runs_of_three, .ignore_merges = true, .add_bos = true},
    {.pre = "llama3", .patterns = runs_of_three, .ignore_merges = true, .add_bos = true},
    {.pre = "llama-v3", .patterns = runs_of_three, .ignore_merges = true, .add_bos = true},
    {.pre = "dbrx", .patterns = runs_of_three},
    {.pre = "smaug-bpe", .patterns = runs_of_three},
    {.pre = "qwen2", .patterns = single_digits, .nfc = true},
    {.pre = "stablelm2", .patterns = single_digits},
    {.pre = "hunyuan", .patterns = single_digits},
    {.pre = "deepseek-r1-qwen", .patterns = single_digits, .nfc = true},
    {.pre = "qwen35", .patterns = with_marks, .nfc = true},
    {.pre = "gpt-4o", .patterns = by_case},
    {.pre = "llama4", .patterns = by_case},
    {.pre = "tekken", .patterns = by_case_single, .ignore_merges = true, .add_bos = true},
    {.pre = "kimi-k2", .patterns = by_case_han},
    {.pre = "deepseek-v3", .patterns = three_steps},
    {.pre = "bloom", .patterns = sentence_signs},
    {.pre = "poro-chat", .patterns = sentence_signs},
    {.pre = "gpt3-finnish", .patterns = sentence_signs},
};

// Models whose tokenizer is another one's.
struct Alias {
  std::string_view pre, style;
};
constexpr Alias aliases[] = {
    {"falcon3", "llama-bpe"},  {"falcon-h1", "llama-bpe"}, {"pixtral", "llama-bpe"},
    {"midm-2.0", "llama-bpe"}, {"lfm2", "llama-bpe"},      {"gigachat", "gpt-2"},
    {"a.x-4.0", "gpt-2"},      {"mellum", "gpt-2"},        {"jais", "gpt-2"},
    {"exaone4", "gpt-2"},      {"trillion", "gpt-2"},      {"granite-docling", "gpt-2"},
    {"exaone", "smollm"},      {"minerva-7b", "smollm"},   {"megrez", "qwen2"},
    {"kormo", "qwen2"},        {"glm4", "dbrx"},           {"chatglm-bpe", "dbrx"},
};

}  // namespace

const GgufStyle* gguf_style(std::string_view pre) {
  for (const auto& alias : aliases)
    if (alias.pre == pre) pre = alias.style;
  for (const auto& style : styles)
    if (style.pre == pre) return &style;
  return nullptr;
}

std::string known_gguf_styles() {
  std::string out;
  for (const auto& style : styles) out.append(out.empty() ? "" : ", ").append(style.pre);
  for (const auto& alias : aliases) out.append(", ").append(alias.pre);
  return out;
}

}  // namespace strata::text
