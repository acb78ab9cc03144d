#include "host/cli/settings.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "core/error.hpp"

namespace strata::cli {
namespace {

constexpr auto model_remedy =
    "give a Hugging Face folder, a .gguf, .safetensors or .bin file, or ORG/NAME";

void need(bool given, const char* option, const char* remedy) {
  if (!given) throw UsageError(option, "missing", remedy);
}

void need_one(std::initializer_list<std::pair<const char*, bool>> options) {
  std::string names;
  for (const auto& [name, given] : options) names.append(names.empty() ? "" : ", ").append(name);
  const auto count =
      std::count_if(options.begin(), options.end(), [](const auto& one) { return one.second; });
  if (count == 0) throw UsageError(options.begin()->first, "missing", "give one of " + names);
  if (count > 1) throw UsageError(options.begin()->first, "not alone", "give one of " + names);
}

}  // namespace

void check_complete(Command command, const Settings& s) {
  switch (command) {
    case Command::generate:
      need(!s.model.empty(), "--model", model_remedy);
      need_one({{"--prompt", s.prompt.has_value()},
                {"--prompt-file", !s.prompt_file.empty()},
                {"--chat-file", !s.chat_file.empty()},
                {"--input-ids", !s.input_ids.empty()}});
      if (s.chat && !s.input_ids.empty())
        throw UsageError("--chat", "token ids are no message", "give --prompt or --prompt-file");
      if (s.system && !s.chat_file.empty())
        throw UsageError("--system", "not with --chat-file",
                         "write the system's message into the file");
      if (s.system && !s.chat) throw UsageError("--system", "needs --chat", "add --chat");
      if (std::ranges::find(s.stop, "") != s.stop.end())
        throw UsageError("--stop", "the text is empty", "give a text or leave it out");
      if (s.logprobs > 0 && !s.json) throw UsageError("--logprobs", "needs --json", "add --json");
      return;
    case Command::logits:
      need(!s.model.empty(), "--model", model_remedy);
      need(!s.input_ids.empty(), "--input-ids", "give token ids as \"1,2,3\"");
      if (s.input_ids.size() > 1) throw UsageError("--input-ids", "given twice", "give one list");
      need(!s.output.empty(), "--output", "give the .safetensors file to write");
      return;
    case Command::perplexity:
      need(!s.model.empty(), "--model", model_remedy);
      need(!s.text_file.empty(), "--text-file", "give a file of UTF-8 text");
      return;
    case Command::tokenize:
      need(!s.model.empty(), "--model", model_remedy);
      need_one({{"--text", s.text.has_value()},
                {"--file", !s.file.empty()},
                {"--decode", s.decode.has_value()}});
      return;
    case Command::import:
      need(!s.model.empty(), "MODEL", "give the .gguf file to import");
      need(!s.output.empty(), "--output", "give the folder to write");
      if (s.resize_embeddings > 0 && (s.critic || s.given.contains("import.init_seed")))
        throw UsageError("--resize-embeddings", "not with --critic or --init-seed",
                         "import twice, one after the other");
      return;
    case Command::download:
      need(!s.model.empty(), "MODEL", "write ORG/NAME");
      return;
    case Command::plan:
      need(!s.model.empty(), "--model", "give a model, a config.json or the name of a shape");
      return;
    case Command::bench:
      need(!s.model.empty(), "--model", "give a model, a config.json or the name of a shape");
      need(s.dummy, "--dummy", "bench runs on weights made in memory: add --dummy");
      return;
    case Command::plugins_list:
      return;
    case Command::plugins_check:
      need(!s.plugin.empty(), "PATH", "give the library of the plugin to check");
      return;
  }
}

}  // namespace strata::cli
