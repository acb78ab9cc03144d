#include "core/text/tokenizer_classes.hpp"

#include "core/text/name_lists.hpp"

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

constexpr TokenizerClass classes[] = {
    {.names = "GPT2Tokenizer CodeGenTokenizer",
     .models = "gpt2 gpt_neo gptj jais2 opt phi starcoder2",
     .style = "gpt-2",
     .tokens = one_token},
    {.names = "GPTNeoXTokenizer",
     .models = "gpt_neox mpt olmo olmoe",
     .style = "olmo",
     .tokens = padded},
    {.names = "Qwen2Tokenizer",
     .models = "qwen2 qwen2_moe qwen3 qwen3_moe",
     .style = "qwen2",
     .tokens = without_begin},
    {.names = "CohereTokenizer", .models = "cohere cohere2", .style = "command-r", .tokens = seven},
    {.names = "OpenAIGPTTokenizer", .models = "openai-gpt", .style = "", .tokens = unknown},
};

constexpr std::string_view sentencepiece_classes =
    "AlbertTokenizer BarthezTokenizer BartphoTokenizer BertGenerationTokenizer BigBirdTokenizer "
    "CamembertTokenizer CodeLlamaTokenizer CpmTokenizer DebertaV2Tokenizer FNetTokenizer "
    "GPTSw3Tokenizer LayoutXLMTokenizer M2M100Tokenizer MBart50Tokenizer MBartTokenizer "
    "MLukeTokenizer MarianTokenizer NllbTokenizer PLBartTokenizer PegasusTokenizer "
    "ReformerTokenizer RemBertTokenizer SeamlessM4TTokenizer SiglipTokenizer Speech2TextTokenizer "
    "SpeechT5Tokenizer T5Tokenizer UdopTokenizer XGLMTokenizer XLMRobertaTokenizer XLNetTokenizer";

}  // namespace

const TokenizerClass* tokenizer_class(std::string_view name) {
  return row_of(classes, &TokenizerClass::names, name);
}

const TokenizerClass* tokenizer_class_of_model(std::string_view model_type) {
  return row_of(classes, &TokenizerClass::models, model_type);
}

std::string known_tokenizer_classes() { return all_names(classes); }

bool other_sentencepiece_class(std::string_view name) { return among(name, sentencepiece_classes); }

}  // namespace strata::text
