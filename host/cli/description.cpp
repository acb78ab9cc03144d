#include "host/cli/description.hpp"

#include <boost/program_options/value_semantic.hpp>
#include <iomanip>
#include <map>
#include <sstream>

namespace strata::cli {
namespace {

namespace po = boost::program_options;

std::string words(const Option& option) {
  std::string out(option.help);
  if (const auto fallback = default_text(option); !fallback.empty() && !is_flag(option))
    out += " (default: " + fallback + ")";
  if (!option.key.empty()) out.append(" [").append(option.key).append("]");
  return out;
}

// A cell of a table in Markdown.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) out.append(c == '|' ? "\\|" : std::string(1, c));
  return out;
}

std::string code(std::string_view text) { return text.empty() ? "" : "`" + cell(text) + "`"; }

// An option, and the commands that take it: "generate, plan".
struct Row {
  const Option* option;
  bool positional;  // an argument, which has no name on the command line
  std::string takers;
};

void append_row(std::string& out, const Row& row) {
  const auto& option = *row.option;
  const auto fallback = default_text(option);
  out += "| " + code(option.key.substr(option.key.find('.') + 1)) + " | " +
         (row.positional        ? code(option.value)
          : option.name.empty() ? ""
                                : code("--" + std::string(option.name))) +
         " | " + (option.closed ? code(option.value) : std::string(type_text(option))) + " | " +
         cell(fallback) + " | " + cell(option.help) + " | " + row.takers + " |\n";
}

}  // namespace

po::options_description describe(const Command& command, const Table& table, bool later) {
  po::options_description out("Options", 100, 50);
  for (const auto& option : table) {
    if (option.name.empty() || (option.later && !later)) continue;
    if (command.positional == option.name && option.key.empty()) continue;
    const auto name =
        std::string(option.name) + (option.letter ? std::string(",") + option.letter : "");
    const po::value_semantic* value =
        is_flag(option) ? static_cast<const po::value_semantic*>(new po::untyped_value(true))
                        : po::value<std::string>()->value_name(std::string(option.value));
    out.add_options()(name.c_str(), value, words(option).c_str());
  }
  out.add_options()("help,h", new po::untyped_value(true), "print this");
  return out;
}

std::span<const Variable> variables() {
  static constexpr std::array all{
      Variable{"HF_HOME", "the folder of the hub's cache and token, ~/.cache/huggingface"},
      Variable{"HF_HUB_CACHE", "the hub's cache alone, HF_HOME/hub"},
      Variable{"HF_HUB_OFFLINE", "1: nothing is downloaded"},
      Variable{"HF_TOKEN", "the token for gated models, before the one of a login"},
      Variable{"HF_ENDPOINT", "the hub, if not https://huggingface.co"},
      Variable{"STRATA_PLUGIN_PATH", "more folders of plugins, separated by colons"},
      Variable{"STRATA_DESCRIPTIONS", "more folders of model descriptions, separated by colons"},
  };
  return all;
}

std::string help() {
  std::ostringstream out;
  out << "usage: strata COMMAND [options]\n\n"
         "Runs causal language models that do not fit the device: weights are streamed.\n\n"
         "Commands:\n";
  for (const auto* command : commands())
    out << "  " << std::left << std::setw(16) << command->words << command->summary << "\n";
  out << "  " << std::left << std::setw(16) << "help"
      << "describe a command and its options\n";
  out << "\n`strata help COMMAND` describes its options with their keys in run.toml.\n"
         "`strata --version` prints the version.\n"
         "Sizes are written 512MiB, 24GiB, 24GB, 1e9. The command line wins over --set, which "
         "wins\n"
         "over the file of --config, which wins over that of --ds-config.\n"
         "Exit status: 0 success, 1 failure, 2 wrong options or settings, or an unknown plugin,\n"
         "130 after Ctrl-C, 143 after SIGTERM.\n\nEnvironment:\n";
  for (const auto& one : variables())
    out << "  " << std::left << std::setw(20) << one.name << one.help << "\n";
  return out.str();
}

std::string help(const Command& command) {
  std::ostringstream out;
  out << "usage: strata " << command.words << " " << command.synopsis << "\n\n"
      << command.summary << "\n\n"
      << describe(command, command.call()->table());
  return out.str();
}

std::string markdown() {
  std::string out =
      "# Configuration\n\n"
      "Settings come from the command line, from `--set section.key=value`, from the TOML file of\n"
      "`--config` and from a DeepSpeed configuration of `--ds-config` (`docs/upstream.md`); the "
      "first\n"
      "of these that names a setting wins. This page is made by `strata --help-markdown`.\n\n"
      "Sizes are written `512MiB`, `24GiB`, `24GB` or `1e9`. Plugins have tables of their own,\n"
      "`[model.NAME]`, `[offload.NAME]`, `[attention.NAME]`; each says which keys it knows.\n"
      "`[config]` replaces the model's own keys: `hidden_size = 12288` there, or\n"
      "`--set config.hidden_size=12288`, replaces the `hidden_size` of its config.json.\n";
  std::vector<std::unique_ptr<Call>> calls;
  std::map<std::string, std::vector<Row>> sections;
  for (const auto* command : commands()) {
    calls.push_back(command->call());
    for (const auto& option : calls.back()->table()) {
      if (option.later) continue;
      auto& rows = sections[std::string(option.key.substr(0, option.key.find('.')))];
      const auto same = std::ranges::find_if(rows, [&](const Row& row) {
        return row.option->key == option.key && row.option->name == option.name;
      });
      if (same == rows.end())
        rows.push_back({&option, option.name == command->positional && option.key.empty(),
                        std::string(command->words)});
      else
        same->takers.append(", ").append(command->words);
    }
  }
  for (const auto& [section, members] : sections) {
    out += section.empty() ? "\n## Only on the command line\n" : "\n## [" + section + "]\n";
    out += "\n| key | option | type | default | meaning | commands |\n|---|---|---|---|---|---|\n";
    for (const auto& row : members) append_row(out, row);
  }
  return out;
}

}  // namespace strata::cli
