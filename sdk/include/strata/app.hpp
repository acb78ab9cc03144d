// Strata as a library: a program of your own opens a model, larger than its GPU or not, and
// generates from it. Link strata::app of the installed package; examples/embed is a whole program.
//
// Every function may throw a std::exception whose what() is "who: what is wrong: what to do". After
// one the Generator goes on, unless the words say that an earlier pass failed: then make a new one.
// An exception of a callback passes through unchanged. A plugin that crashes is a signal in this
// process, and one that does not return ends it.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strata::app {

// A scheme of a quant plugin, and its options; fields without a value are the plugin's own.
struct QuantScheme {
  std::string name = "none";                 // a plugin's key, such as "int4"; none: stays as it is
  std::optional<std::int64_t> group_size{};  // elements of a row that share a scale
  std::optional<bool> symmetric{};
};

// The scheme of the weights that have `match` in their names.
struct QuantRule {
  std::string match;
  QuantScheme scheme{};
};

// The quantization of a model's matrices while it is opened. Embedding tables, heads and the
// routers of experts stay as they are, unless a rule names them. A weight that two rules match, or
// a rule that matches none, is refused.
struct QuantOptions {
  QuantScheme scheme{};
  std::vector<QuantRule> rules{};
  // The folder that keeps the quantized weights for the next time; "off": they are not kept; empty:
  // .strata-quant in the model's folder, or strata/quant in the user's cache where that one is not
  // writable.
  std::string cache{};
  std::int64_t threads = 0;  // 0: all cores
};

// The model, and how its configuration is read.
struct ModelOptions {
  // Folder, .gguf, .safetensors or .bin file, or ORG/NAME in the hub's cache.
  std::string model{};
  std::string revision = "main";   // the hub's branch, tag or commit
  bool critic = false;             // a reward model: its head gives each token a value
  double dropout = -1;             // replaces each dropout rate; below 0: the configuration's
  std::string config_overrides{};  // a JSON object whose keys replace those of config.json
  QuantOptions quant{};
};

// How a model runs: on what, with what memory, by which plugins.
struct RunOptions {
  std::string dtype = "auto";      // float32, bfloat16, float16 or auto
  std::string device = "auto";     // cpu, cuda or auto
  std::string attention = "auto";  // a plugin's name or auto
  std::string products = "exact";  // exact, or fast: those with quantized weights may round x
  std::string offload = "auto";    // a plugin's name, "device" or auto
  std::vector<std::string> offload_dirs{};
  std::optional<std::uint64_t> device_memory{};  // bytes; empty: no limit
  std::optional<std::uint64_t> host_memory{};    // bytes; empty: no limit
  // Units in a tier whose memory the device computes from run there: the device is the CPU. Else
  // they are copied to the device in each pass, as to a GPU.
  bool in_place = true;
  std::string adapter{};  // folder of a LoRA adapter that PEFT wrote; empty: none
  // 0: all cores. LibTorch's threads spin while they wait, so a machine with other work wants
  // fewer.
  std::int64_t threads = 0;
  // Each of several ranks has the whole of a unit with fewer elements; larger units are cut.
  std::int64_t whole_below = 100'000;
  bool timeline = false;  // keep the times of every action for a trace
  std::uint32_t gpu = 0;  // the GPU's number, where several processes of a machine have their own
};

// The plugins that a program may use beside those of the installation.
struct PluginOptions {
  std::vector<std::string> paths{};    // libraries that may be loaded
  std::vector<std::string> allowed{};  // names of plugins from other folders that may be loaded
  // Seconds that a plugin's call may take, after which the program ends with status 1, unless the
  // call computes or moves bytes; 0: any number.
  std::int64_t patience = 60;
  // A family's options hold for the whole process. Each plugin's own options, as a JSON object:
  // {"offload.NAME", R"({"threads": 2})"}.
  std::map<std::string, std::string> settings{};
};

// The most that a session serves at once; its memory is planned for this.
struct Capacity {
  std::uint32_t sequences = 1;
  std::int64_t tokens = 2048;  // tokens of one sequence, including new ones
  // Tokens of all prompts together, from which the tokens of one pass are planned; longer prompts
  // take more passes.
  std::int64_t prompt = 512;
  bool all_logits = false;  // room for the logits of every token, as Generator::logits needs it
};

// A line about the work: `level` is STRATA_DEBUG to STRATA_ERROR of <strata/abi/core.h>. It is
// called by any thread.
using LogLine = std::function<void(std::int32_t level, std::string_view words)>;
// The bytes of weights that are loaded, and of all.
using LoadProgress = std::function<void(std::uint64_t done, std::uint64_t all)>;

// How tokens are chosen. Fields without a value are those of the model's generation_config.json.
struct SamplingOptions {
  double temperature = 0;  // 0: greedy, and top_k to typical_p do not count
  std::optional<std::int64_t> top_k{};
  std::optional<double> top_p{}, min_p{}, typical_p{};
  std::optional<double> repetition_penalty{};
  std::optional<std::int64_t> no_repeat_ngram_size{};
  // Draws depend on the seed, the prompt's place in the request and the token's number.
  std::uint64_t seed = 0;
};

struct GenerateOptions {
  std::int64_t max_new_tokens = 64;  // of each prompt
  SamplingOptions sampling{};
  std::vector<std::string> stop{};  // a text ends before one of these
  bool ignore_eos = false;          // keep generating after the end-of-text token
};

// A turn of a conversation.
struct Message {
  std::string role;  // such as "system", "user" or "assistant"
  std::string content;
};

struct Generated {
  std::string text{};               // without special tokens, up to a stop text
  std::vector<std::int32_t> ids{};  // with the one that ended the sequence
  std::string finish{};             // "stop" or "length"
};

// Called with each piece of text as it becomes certain. It must not call the Generator.
using OnText = std::function<void(std::size_t prompt, std::string_view text)>;

// A model that is loaded and generates. Any thread may use it, one at a time. Several may live at
// once.
class Generator {
 public:
  // Plans the memory, then allocates it and reads the weights.
  explicit Generator(const ModelOptions& model, const RunOptions& run = {},
                     const Capacity& capacity = {}, const PluginOptions& plugins = {},
                     const LogLine& log = {}, const LoadProgress& progress = {});
  ~Generator();
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  // A model without a tokenizer generates from ids; its texts are empty, and encode and decode
  // throw.

  // Token ids of a text, with the special tokens that the model's tokenizer adds.
  std::vector<std::int32_t> encode(std::string_view text) const;
  // Token ids of a conversation in the model's chat format.
  std::vector<std::int32_t> encode_chat(const std::vector<Message>& messages) const;
  // Does the same for JSON as --chat-file takes it, which may have tools and variables of the
  // template.
  std::vector<std::int32_t> encode_chat_json(std::string_view conversation) const;
  std::string decode(std::span<const std::int32_t> ids) const;

  // One result for each prompt of token ids.
  std::vector<Generated> generate(const std::vector<std::vector<std::int32_t>>& prompts,
                                  const GenerateOptions& options = {}, const OnText& on_text = {});

  // The logits of one sequence [tokens, V], in order; a critic's values [tokens].
  std::vector<float> logits(std::span<const std::int32_t> ids);

  // Plugins, weights, tiers, peaks and rates as a JSON object, as `strata generate --json` gives
  // it.
  std::string report() const;
  // Writes a Chrome trace of the run so far. Throws without RunOptions::timeline.
  void write_trace(const std::string& path);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace strata::app
