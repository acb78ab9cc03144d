#include "host/cli/options.hpp"

#include <algorithm>
#include <array>

namespace strata::cli {
namespace {

using S = Settings;

constexpr unsigned generate = bit(Command::generate), logits = bit(Command::logits),
                   perplexity = bit(Command::perplexity), tokenize = bit(Command::tokenize),
                   import = bit(Command::import), plan = bit(Command::plan),
                   bench = bit(Command::bench), list = bit(Command::plugins_list),
                   check = bit(Command::plugins_check), download = bit(Command::download);
constexpr unsigned running = generate | logits | perplexity | plan | bench;
constexpr unsigned all = running | tokenize | import | download | list | check;

const std::array table{
    Option{"model", "run.model", &S::model, running | tokenize | import | download, "MODEL",
           "Hugging Face folder, .gguf file, .safetensors or .bin file beside its config.json, or "
           "ORG/NAME in the hub's cache; for plan and bench also a config.json or a shape's name"},
    Option{"revision", "run.revision", &S::revision, running | tokenize | import | download, "NAME",
           "branch, tag or commit of ORG/NAME"},
    Option{"input-ids", "run.input_ids", &S::input_ids, generate | logits, "IDS",
           "token ids \"1,2,3\" instead of text; generate: once for each prompt"},
    Option{"output", "run.output", &S::output, logits | import, "PATH",
           "what is written: logits a .safetensors file, import a folder"},
    Option{"prompt", "generate.prompt", &S::prompt, generate, "TEXT", "text to go on from"},
    Option{"prompt-file", "generate.prompt_file", &S::prompt_file, generate, "FILE",
           "one prompt a line"},
    Option{"max-new-tokens", "generate.max_new_tokens", &S::max_new_tokens, generate, "N",
           "tokens to generate at most", "", 1, 1e9},
    Option{"temperature", "generate.temperature", &S::temperature, generate, "T",
           "above 0: sample; 0: the likeliest token", "", 0, 1e6},
    Option{"top-k", "generate.top_k", &S::top_k, generate, "K",
           "sample from the K likeliest tokens", "all", 0, 1e9},
    Option{"top-p", "generate.top_p", &S::top_p, generate, "P",
           "sample from the likeliest tokens that hold this probability", "", 0, 1},
    Option{"min-p", "generate.min_p", &S::min_p, generate, "P",
           "sample from tokens with at least this part of the largest probability", "", 0, 1},
    Option{"typical-p", "generate.typical_p", &S::typical_p, generate, "P",
           "sample from the tokens of typical information that hold this probability", "", 0.01, 1},
    Option{"repetition-penalty", "generate.repetition_penalty", &S::repetition_penalty, generate,
           "R", "above 1: tokens seen before are less likely", "", 0.01, 100},
    Option{"no-repeat-ngram-size", "generate.no_repeat_ngram_size", &S::no_repeat_ngram_size,
           generate, "N", "no N tokens in a row occur twice", "any may", 0, 1e6},
    Option{"seed", "generate.seed", &S::seed, generate, "S", "of the sampler", "", 0, 9e18},
    Option{"ignore-eos", "generate.ignore_eos", &S::ignore_eos, generate, "",
           "go on past the end-of-text token"},
    Option{
        "resize-embeddings", "import.resize_embeddings", &S::resize_embeddings, import, "N",
        "give the embedding and the head a row for each of the tokenizer's tokens, rounded up to "
        "a multiple of N: the last rows go, new ones are the mean of the old",
        "as they are", 1, 1 << 20},
    Option{"chat", "generate.chat", &S::chat, generate, "",
           "each prompt is a user's message, put into the model's chat template"},
    Option{"chat-file", "generate.chat_file", &S::chat_file, generate, "FILE",
           "conversations to go on with, in JSON: a list of messages, or a list of such lists"},
    Option{"system", "generate.system", &S::system, generate, "TEXT",
           "with --chat: the system's message before it"},
    Option{"stop", "generate.stop", &S::stop, generate, "TEXT",
           "the text ends before this one; may be repeated"},
    Option{"logprobs", "generate.logprobs", &S::logprobs, generate, "N",
           "with --json: how likely the model held each new token, and the N likeliest", "none", 0,
           1e6},
    Option{
        "init-seed", "import.init_seed", &S::init_seed, import, "N",
        "draw new weights from this seed, as transformers initialises a model; MODEL may then be "
        "a config.json or a shape's name",
        "the checkpoint's weights", 0, 9e18},
    Option{"text-file", "perplexity.text_file", &S::text_file, perplexity, "FILE", "UTF-8 text"},
    Option{"context", "perplexity.context", &S::context, perplexity, "N", "tokens in a window", "",
           2, 1e9},
    Option{"text", "tokenize.text", &S::text, tokenize, "TEXT", "text to tokenize"},
    Option{"file", "tokenize.file", &S::file, tokenize, "FILE", "file of text to tokenize"},
    Option{"no-special", "tokenize.no_special", &S::no_special, tokenize, "",
           "add no special tokens"},
    Option{"decode", "tokenize.decode", &S::decode, tokenize, "IDS",
           "token ids \"1,2,3\" to turn into text"},
    Option{"skip-special", "tokenize.skip_special", &S::skip_special, tokenize, "",
           "leave special tokens out of decoded text"},
    Option{"dummy", "bench.dummy", &S::dummy, bench, "", "weights made in memory, none read"},
    Option{"batch-size", "bench.batch_size", &S::batch_size, bench | plan, "B", "sequences at once",
           "", 1, 1e6},
    Option{"prompt-len", "bench.prompt_len", &S::prompt_len, bench | plan, "P",
           "tokens in a prompt", "", 1, 1e9},
    Option{"gen-len", "bench.gen_len", &S::gen_len, bench | plan, "G", "tokens to generate", "", 1,
           1e9},
    Option{"loops", "bench.loops", &S::loops, bench, "L", "runs, the last of which is reported", "",
           1, 1e6},
    Option{"dtype", "run.dtype", &S::dtype, running, "float32|bfloat16|float16|auto",
           "of the arithmetic; auto: the checkpoint's on CUDA, float32 on the CPU", "", 0, 0, true},
    Option{"device", "run.device", &S::device, running, "cpu|cuda|auto", "where it computes", "", 0,
           0, true},
    Option{"attention", "run.attention", &S::attention, running, "NAME|auto", "attention plugin"},
    Option{"offload", "run.offload", &S::offload, running, "device|NAME|auto",
           "where weights lie that the device does not hold: an offload plugin; device: it holds "
           "all, or that is an error; auto: the fastest that has room"},
    Option{"offload-dir", "run.offload_dir", &S::offload_dirs, running, "DIR",
           "folder for offloaded bytes; may be repeated"},
    Option{"device-memory", "run.device_memory", &S::device_memory, running, "SIZE",
           "all that is held on the device at once", "no limit"},
    Option{"host-memory", "run.host_memory", &S::host_memory, running, "SIZE",
           "weights held in host memory", "no limit"},
    Option{"quant", "run.quant", &S::quant, running, "none", "quantize weights while loading"},
    Option{"threads", "run.threads", &S::threads, running, "N", "CPU threads", "all cores", 1,
           4096},
    Option{"machine", "run.machine", &S::machine, running, "FILE",
           "the machine's measured rates, as JSON", "assumed rates"},
    Option{"trace", "run.trace", &S::trace, running, "FILE", "write a Chrome trace"},
    Option{
        "critic", "model.critic", &S::critic, logits | import, "",
        "a reward model: the head is v_head.weight and gives each token a value; import adds one"},
    Option{"num-padding-at-beginning", "model.num_padding_at_beginning",
           &S::num_padding_at_beginning, logits, "N",
           "with --critic: padding tokens at a sequence's beginning that do not end it", "", 0,
           1e9},
    Option{"dropout", "model.dropout", &S::dropout, running, "P",
           "in the place of each dropout that config.json has; training drops, generating does not",
           "the configuration's", 0, 1},
    Option{"ds-config", "run.ds_config", &S::ds_config, running, "FILE",
           "a DeepSpeed configuration in JSON; all other settings win over it", "none"},
    Option{"ds-precision", "run.ds_precision", &S::ds_precision, running, "merged|first",
           "how its fp16 and bf16 are read: merged refuses fp16, and what is off alone means "
           "float32; first always means one of the two",
           "", 0, 0, true},
    Option{"path", "", &S::plugin, check, "PATH", "the plugin's library or its manifest"},
    Option{"time-limit", "plugins.time_limit", &S::time_limit, check, "SECONDS",
           "for the checks together, and again for the conformance program", "", 1, 86400},
    Option{"plugin", "plugins.paths", &S::plugin_paths, all & ~check, "PATH",
           "a plugin that lies elsewhere, which may be loaded; may be repeated"},
    Option{"config", "", &S::config, all, "FILE", "read settings from this TOML file"},
    Option{"set", "", &S::set, all, "SECTION.KEY=VALUE",
           "set any key of the TOML file; may be repeated"},
    Option{"json", "run.json", &S::json, all, "", "print one JSON object"},
    Option{"verbose", "run.verbose", &S::verbose, all, "", "say more, on standard error", "", 0, 0,
           false, 'v'},
    Option{"", "plugins.allow", &S::plugins_allow, all, "NAMES",
           "names of plugins from outside the installation that may be loaded"},
};

constexpr std::array command_table{
    CommandInfo{
        Command::generate, "generate",
        "--model MODEL (--prompt TEXT | --prompt-file FILE | --chat-file FILE | --input-ids IDS) "
        "[--chat] [options]",
        "generate text"},
    CommandInfo{Command::logits, "logits",
                "--model MODEL --input-ids IDS --output FILE.safetensors [options]",
                "write the logits of token ids"},
    CommandInfo{Command::perplexity, "perplexity", "--model MODEL --text-file FILE [options]",
                "measure a model on a text"},
    CommandInfo{Command::tokenize, "tokenize",
                "--model MODEL (--text TEXT | --file FILE | --decode IDS) [options]",
                "turn text into token ids, or ids into text"},
    CommandInfo{Command::import, "import", "MODEL --output DIR [options]",
                "turn a model of any format into a Hugging Face folder of safetensors", "model"},
    CommandInfo{Command::download, "download", "ORG/NAME [options]",
                "fetch a model from a hub into the cache that Hugging Face's programs share",
                "model"},
    CommandInfo{Command::plan, "plan", "--model MODEL [options]",
                "say what would lie where and how fast it would run"},
    CommandInfo{Command::bench, "bench", "--model MODEL --dummy [options]",
                "measure a run on weights made in memory"},
    CommandInfo{Command::plugins_list, "plugins list", "[-v] [--json] [options]",
                "list the plugins; with -v every candidate and why it lost"},
    CommandInfo{Command::plugins_check, "plugins check", "PATH [--json] [options]",
                "check a plugin in a process of its own", "path"},
};

constexpr std::array later_table{
    Later{"--kv-offload", "leave it out: keys and values stay on the device"},
    Later{"--ranks", "leave it out: one process computes"},
    Later{"--quant-group-size", "leave it out: weights are used as they are stored"},
    Later{"quantize", "use a model that is quantized already"},
    Later{"finetune", "fine-tune with another program"},
    Later{"doctor", "leave it out: plans use assumed rates"},
    Later{"plugins new", "start from a copy of an existing plugin's folder"},
};

constexpr std::array<std::string_view, 4> sections{"attention", "model", "offload", "quant"};

}  // namespace

std::span<const Option> options() { return table; }
std::span<const CommandInfo> commands() { return command_table; }
std::span<const Later> later() { return later_table; }
std::span<const std::string_view> plugin_sections() { return sections; }

const Option* find_by_name(std::string_view name) {
  const auto at = std::find_if(table.begin(), table.end(), [&](const Option& option) {
    return !name.empty() && option.name == name;
  });
  return at == table.end() ? nullptr : &*at;
}

const Option* find_by_key(std::string_view key) {
  const auto at = std::find_if(table.begin(), table.end(), [&](const Option& option) {
    return !key.empty() && option.key == key;
  });
  return at == table.end() ? nullptr : &*at;
}

std::vector<std::string> known_keys() {
  std::vector<std::string> keys;
  for (const auto& option : table)
    if (!option.key.empty()) keys.emplace_back(option.key);
  return keys;
}

std::vector<std::string> known_commands() {
  std::vector<std::string> words;
  for (const auto& command : command_table) words.emplace_back(command.words);
  return words;
}

const CommandInfo& info(Command command) {
  return *std::find_if(command_table.begin(), command_table.end(),
                       [&](const CommandInfo& one) { return one.id == command; });
}

}  // namespace strata::cli
