#include "text/tokenizer_classes.hpp"

#include "text/name_lists.hpp"

namespace strata::text {
namespace {

constexpr auto end = "<|endoftext|>";

constexpr TokenizerClass::Token one_token[] = {
    {"bos_token", end}, {"eos_token", end}, {"unk_token", end}};
constexpr TokenizerClass::Token padded[] = {
    {"bos_token", end}, {"eos_token", end}, {"unk_token", end}, {"pad_token", "<|padding|>"}};
constexpr TokenizerClass::Token without_begin[] = {
    {"eos_token", end}, {"unk_token", end}, {"pad_token", end}};
constexpr TokenizerClass::Token seven[] = {
    {"bos_token", "<BOS_TOKEN>"},  {"eos_token", "<|END_OF_TURN_TOKEN|>"},
    {"unk_token", "<UNK>"},        {"sep_token", "<SEP>"},
    {"pad_token", "<PAD>"},        {"cls_token", "<CLS>"},
    {"mask_token", "<MASK_TOKEN>"}};
constexpr TokenizerClass::Token unknown[] = {{"unk_token", "<unk>"}};
constexpr TokenizerClass::Token three[] = {
    {"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"}};
constexpr TokenizerClass::Token of_code[] = {{"bos_token", "<s>"},
                                             {"eos_token", "</s>"},
                                             {"unk_token", "<unk>"},
                                             {"prefix_token", "\u2581<PRE>"},
                                             {"middle_token", "\u2581<MID>"},
                                             {"suffix_token", "\u2581<SUF>"},
                                             {"eot_token", "\u2581<EOT>"},
                                             {"fill_token", "<FILL_ME>"}};
constexpr TokenizerClass::Token five[] = {{"bos_token", "<bos>"},
                                          {"eos_token", "<eos>"},
                                          {"unk_token", "<unk>"},
                                          {"pad_token", "<pad>"},
                                          {"mask_token", "<mask>"}};

constexpr TokenizerClass classes[] = {
    {.names = "GPT2Tokenizer CodeGenTokenizer",
     .models = "gpt2 gpt_neo gptj jais2 opt phi starcoder2 codegen dbrx emu3",
     .style = "gpt-2",
     .tokens = one_token},
    {.names = "GPTNeoXTokenizer",
     .models = "gpt_neox mpt olmo olmoe falcon_mamba mamba mamba2 rwkv xlstm",
     .style = "olmo",
     .tokens = padded,
     .own_ends = true},
    {.names = "Qwen2Tokenizer",
     .models = "qwen2 qwen2_moe qwen3 qwen3_moe qwen3_next qwen2_vl qwen2_5_vl qwen3_vl "
               "qwen3_vl_moe dots3_note",
     .style = "qwen2",
     .tokens = without_begin,
     .again = TokenizerClass::plain},
    {.names = "Qwen3_5Tokenizer",
     .models = "qwen3_5 qwen3_5_moe qwen3_5_text qwen3_5_moe_text qwen4_exp",
     .style = "qwen35",
     .tokens = without_begin},
    {.names = "CohereTokenizer",
     .models = "cohere cohere2 aya_vision",
     .style = "command-r",
     .tokens = seven,
     .again = TokenizerClass::flagged},
    {.names = "OpenAIGPTTokenizer",
     .models = "openai-gpt",
     .kind = TokenizerClass::words,
     .tokens = unknown,
     .unknown = true},
    {.names = "LlamaTokenizer",
     .models = "idefics idefics2",
     .kind = TokenizerClass::metaspace,
     .tokens = three},
    {.names = "CodeLlamaTokenizer",
     .models = "code_llama",
     .kind = TokenizerClass::metaspace,
     .tokens = of_code,
     .add_bos = true,
     .unknown = true},
    {.names = "GemmaTokenizer",
     .models = "gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text recurrent_gemma zaya",
     .kind = TokenizerClass::signs,
     .tokens = five,
     .unknown = true},
};

// Models for which only the tokenizer.json counts, whatever class their files name.
constexpr std::string_view plain_models =
    "arctic beam chatlm ernie4_5 ernie4_5_moe flex_olmo fuyu glm glm4 glm4_moe glm4_moe_lite "
    "got_ocr2 gpt_bigcode granite granitemoe granitemoehybrid granitemoeshared h2ovl_chat "
    "hyperclovax hyperclovax_vlm internlm2 internlm3 iquestcoder jamba kimi_linear llava "
    "llava_next "
    "mimo_v2_flash minicpm3 minicpmv minimax_m2 ministral ministral3 mistral mistral3 mixtral "
    "modernbert modernbert-decoder molmo molmo2 nemotron nvfp4 olmo2 olmo3 olmo_hybrid opencua "
    "openvla paddleocr_vl persimmon phi3 phi3_v phimoe pixtral smolvlm stablelm step3_vl vipllava";

// Models of these classes whose files are known to name wrong ones.
constexpr std::string_view misnamed_models = "qwen2 qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen4_exp";

constexpr std::string_view sentencepiece_classes =
    "AlbertTokenizer BarthezTokenizer BartphoTokenizer BertGenerationTokenizer BigBirdTokenizer "
    "CamembertTokenizer CodeLlamaTokenizer CpmTokenizer DebertaV2Tokenizer FNetTokenizer "
    "GPTSw3Tokenizer LayoutXLMTokenizer M2M100Tokenizer MBart50Tokenizer MBartTokenizer "
    "MLukeTokenizer MarianTokenizer NllbTokenizer PLBartTokenizer PegasusTokenizer "
    "ReformerTokenizer RemBertTokenizer SeamlessM4TTokenizer SiglipTokenizer Speech2TextTokenizer "
    "SpeechT5Tokenizer T5Tokenizer UdopTokenizer XGLMTokenizer XLMRobertaTokenizer XLNetTokenizer";

// Names of the plain class, and of one whose own class no longer exists.
constexpr std::string_view plain_names =
    "TokenizersBackend PreTrainedTokenizer PythonBackend BloomTokenizer";

std::string_view without_fast(std::string_view name) {
  if (name.ends_with("Fast")) name.remove_suffix(4);
  return name;
}

std::string_view first_name(const TokenizerClass& one) {
  return one.names.substr(0, one.names.find(' '));
}

}  // namespace

const TokenizerClass* tokenizer_class(std::string_view name) {
  return row_of(classes, &TokenizerClass::names, name);
}

std::string known_tokenizer_classes() { return all_names(classes); }

std::string tokenizer_class_of(const ClassClues& clues) {
  const auto named = without_fast(clues.named.empty() ? clues.configured : clues.named);
  const auto* of_model = row_of(classes, &TokenizerClass::models, clues.model_type);
  const bool plain_model = among(clues.model_type, plain_models);
  const auto name = [&]() -> std::string_view {
    if (named.empty()) return of_model ? first_name(*of_model) : plain_class;
    if (clues.own_code) return named;
    const bool misnamed = among(clues.model_type, misnamed_models);
    if (plain_model) return plain_class;
    if (named == "LlamaTokenizer" && clues.byte_level && !misnamed) return plain_class;
    return of_model && misnamed ? first_name(*of_model) : named;
  }();
  return std::string(among(name, plain_names) ? plain_class : name);
}

bool other_sentencepiece_class(std::string_view name) { return among(name, sentencepiece_classes); }

}  // namespace strata::text
