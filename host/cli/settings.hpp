// What the user asked for, after the command line, --set and run.toml were read and checked.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace strata::deepspeed {
class DsConfig;
}

namespace strata::cli {

enum class Command {
  generate,
  logits,
  perplexity,
  tokenize,
  import,
  download,
  plan,
  bench,
  plugins_list,
  plugins_check
};

using Ids = std::vector<std::int32_t>;

// The value here is the default. The options table says which command reads which field.
struct Settings {
  // what is read and written
  std::string model;  // folder, .gguf, .safetensors, config.json, a hub's or a shape's name
  std::string revision = "main";           // of a hub's model
  std::vector<Ids> input_ids;              // one prompt each
  std::string output;                      // file or folder
  std::vector<std::string> plugin_paths;   // libraries that the user named: they may be loaded
  std::vector<std::string> plugins_allow;  // names of plugins from elsewhere that may be loaded
  bool json = false;
  bool verbose = false;

  // how it runs
  std::string dtype = "auto";      // float32, bfloat16, float16 or auto
  std::string device = "auto";     // cpu, cuda or auto
  std::string attention = "auto";  // a plugin's name or auto
  std::string offload = "auto";    // a plugin's name, "device" or auto
  std::vector<std::string> offload_dirs;
  std::optional<std::uint64_t> device_memory;  // bytes; empty: no limit
  std::optional<std::uint64_t> host_memory;    // bytes; empty: no limit
  std::string quant = "none";
  std::int64_t threads = 0;             // 0: all cores
  std::string machine;                  // file with the machine's rates; empty: assumed rates
  std::string trace;                    // file for a Chrome trace; empty: none
  double dropout = -1;                  // below 0: the configuration's
  std::string ds_config;                // file of a ds_config; empty: none
  std::string ds_precision = "merged";  // merged or first
  std::shared_ptr<const deepspeed::DsConfig> deepspeed;  // what ds_config holds

  // generate
  std::optional<std::string> prompt;
  std::string prompt_file;
  std::int64_t max_new_tokens = 64;
  double temperature = 0;  // 0: greedy
  std::int64_t top_k = 0;  // 0: all
  double top_p = 1;
  double min_p = 0;
  double typical_p = 1;
  double repetition_penalty = 1;
  std::int64_t no_repeat_ngram_size = 0;  // 0: any may repeat
  std::int64_t seed = 0;
  bool chat = false;
  std::string chat_file;
  std::optional<std::string> system;
  std::vector<std::string> stop;
  std::int64_t logprobs = 0;  // 0: none
  bool ignore_eos = false;

  // import
  std::int64_t resize_embeddings = 0;  // 0: as they are
  std::int64_t init_seed = 0;
  bool critic = false;
  std::int64_t num_padding_at_beginning = 0;

  // perplexity
  std::string text_file;
  std::int64_t context = 512;

  // tokenize
  std::optional<std::string> text;
  std::string file;
  std::optional<Ids> decode;
  bool no_special = false;
  bool skip_special = false;

  // bench
  bool dummy = false;
  std::int64_t batch_size = 1;
  std::int64_t prompt_len = 512;
  std::int64_t gen_len = 32;
  std::int64_t loops = 3;

  // plugins check
  std::string plugin;            // the library to check
  std::int64_t time_limit = 20;  // seconds

  // only on the command line
  std::string config;
  std::vector<std::string> set;

  // [config]: keys of config.json that these replace.
  nlohmann::json config_keys = nlohmann::json::object();
  // The keys of what was set, whatever to.
  std::set<std::string, std::less<>> given;

  // The plugins' own tables, raw, by "kind.name": {"offload.NAME": {"key": value}}.
  std::map<std::string, nlohmann::json> plugin_tables;
};

// What a command cannot do without, and what excludes each other; a UsageError names the option.
void check_complete(Command command, const Settings& settings);

}  // namespace strata::cli
