#include <nlohmann/json.hpp>

#include "app/open_tokenizer.hpp"
#include "app/text_file.hpp"
#include "host/cli/require.hpp"
#include "host/commands/commands.hpp"
#include "host/options/opening.hpp"
#include "host/process/output.hpp"
#include "host/process/stderr_log.hpp"
#include "hub/cache.hpp"
#include "text/tokenizer.hpp"

namespace strata::host {

namespace {

struct TokenizeOptions : ModelCommand {
  std::optional<std::string> text;
  std::string file;
  std::optional<cli::Ids> decode;
  bool no_special = false;
  bool skip_special = false;
};

void options(cli::Table& table, TokenizeOptions& o) {
  add_model(table, o);
  table.push_back({"text", "tokenize.text", &o.text, "TEXT", "text to tokenize"});
  table.push_back({"file", "tokenize.file", &o.file, "FILE", "file of text to tokenize"});
  table.push_back(
      {"no-special", "tokenize.no_special", &o.no_special, "", "add no special tokens"});
  table.push_back({"decode", "tokenize.decode", &o.decode, "IDS", "token ids \"1,2,3\" to decode"});
  table.push_back({"skip-special", "tokenize.skip_special", &o.skip_special, "",
                   "leave special tokens out of decoded text"});
  add_plugin_paths(table, o);
  add_common(table, o);
}

void check(const TokenizeOptions& o) {
  require_model(o);
  cli::require_one({{"--text", o.text.has_value()},
                    {"--file", !o.file.empty()},
                    {"--decode", o.decode.has_value()}});
}

void tokenize(const TokenizeOptions& settings) {
  const auto tokenizer = app::open_tokenizer(hub::located(settings.model, settings.revision),
                                             stderr_log(settings.verbose));
  if (settings.decode) {
    const auto text = tokenizer.decode(*settings.decode, settings.skip_special);
    return settings.json ? print_json({{"text", text}}) : print(text + "\n");
  }
  const auto ids = tokenizer.encode(
      settings.text ? *settings.text : app::read_text_file(settings.file), !settings.no_special);
  if (settings.json) return print_json({{"ids", ids}});
  std::string line;
  for (const auto id : ids) line += (line.empty() ? "" : ",") + std::to_string(id);
  print(line + "\n");
}

}  // namespace

const cli::Command tokenize_command{
    "tokenize", "MODEL (--text TEXT | --file FILE | --decode IDS) [options]",
    "convert text to token ids, or ids to text",
    cli::make_call<TokenizeOptions, options, check, tokenize>, "model"};

}  // namespace strata::host
