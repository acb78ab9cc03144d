#include "text/gguf_styles.hpp"

#include "text/gguf_patterns.hpp"
#include "text/name_lists.hpp"

namespace strata::text {
namespace {

using namespace gguf_patterns;

// The names that converters write, with the steps of the models' own tokenizer.json. The steps of
// hy_v4, joyai-llm, laguna, spark2_5, superbpe, ufakzeka and youtu are ggml's, since the models'
// own are not known.
constexpr GgufStyle styles[] = {
    {.names = "gpt-2 phi-2 gigachat a.x-4.0 mellum jais exaone4 trillion granite-docling jina-es "
              "jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code roberta-bpe",
     .words = true},
    {.names = "mpt olmo modern-bert", .words = true, .nfc = true},
    {.names = "smollm starcoder refact codeshell exaone minerva-7b mellum2",
     .patterns = digits,
     .words = true},
    {.names = "command-r", .patterns = digits, .words = true, .nfc = true},
    {.names = "falcon", .patterns = punctuation, .spelled = numbers, .words = true},
    {.names = "chameleon", .patterns = pictures, .words = true, .add_bos = true},
    {.names = "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
     .patterns = runs_of_three,
     .ignore_merges = true,
     .add_bos = true},
    {.names = "dbrx smaug-bpe glm4 chatglm-bpe", .patterns = runs_of_three},
    {.names = "jais-2", .patterns = spaces_by_twos},
    {.names = "minicpm5", .patterns = threes_first, .ignore_merges = true},
    {.names = "qwen2 deepseek-r1-qwen megrez kormo f2llmv2",
     .patterns = single_digits,
     .nfc = true},
    {.names = "stablelm2 hunyuan solar-open grok-2", .patterns = single_digits},
    {.names = "ufakzeka", .patterns = single_digits_plain},
    {.names = "qwen35", .patterns = with_marks, .nfc = true},
    {.names = "laguna", .patterns = by_line},
    {.names = "seed-coder", .patterns = signs_alone},
    {.names = "bailingmoe bailingmoe2 llada-moe", .patterns = possessive},
    {.names = "exaone-moe", .patterns = phrases, .nfc = true},
    {.names = "gpt-4o llama4 kanana2 talkie minimax-m2", .patterns = by_case},
    {.names = "granite-embed-multi-97m", .patterns = by_case, .ignore_merges = true},
    {.names = "tekken", .patterns = by_case_single, .ignore_merges = true, .add_bos = true},
    {.names = "kimi-k2", .patterns = by_case_han},
    {.names = "tiny_aya cohere2moe", .patterns = by_case_thousands, .nfc = true},
    {.names = "youtu", .patterns = by_case_scripts, .ignore_merges = true},
    {.names = "deepseek-v3 hunyuan-dense joyai-llm hy_v4", .patterns = three_steps},
    {.names = "spark2_5", .patterns = line_ends},
    {.names = "afmoe", .patterns = thousands},
    {.names = "deepseek-coder", .patterns = spaced_words},
    {.names = "deepseek-llm", .patterns = spaced_letters},
    {.names = "superbpe", .patterns = numbers_alone},
    {.names = "bloom poro-chat gpt3-finnish", .patterns = sentence_signs},
    {.names = "viking", .patterns = sentence_signs_digits},
    {.names = "gemma4 granite-embed-multi-311m", .signs = true, .add_bos = true},
    {.names = "sarvam-moe", .signs = true},
};

}  // namespace

const GgufStyle* gguf_style(std::string_view pre) { return row_of(styles, &GgufStyle::names, pre); }

std::string known_gguf_styles() { return all_names(styles); }

Description pre_tokenizer_of(const GgufStyle& style, bool prefix_space) {
  auto steps = Description::array();
  for (const auto& pattern : style.patterns) steps.push_back(split_step(pattern));
  steps.push_back(byte_level_step(style.words, prefix_space));
  for (const auto& pattern : style.spelled) steps.push_back(split_step(pattern));
  return sequence("pretokenizers", std::move(steps));
}

}  // namespace strata::text
