#include <set>
#include <sstream>
#include <string>

#include "host/cli/require.hpp"
#include "host/commands/commands.hpp"
#include "host/process/output.hpp"

namespace strata::host {
namespace {

struct CompletionOptions : cli::CommonOptions {
  std::string shell;
};

void options(cli::Table& table, CompletionOptions& o) {
  table.push_back({.name = "shell",
                   .key = "",
                   .field = &o.shell,
                   .value = "bash|zsh|fish",
                   .help = "the shell that the script is for",
                   .closed = true});
  add_common(table, o);
}

void check(const CompletionOptions& o) {
  cli::require(!o.shell.empty(), "SHELL", "give bash, zsh or fish");
}

// "--model -m --prompt": the options of a command.
std::string words_of(const cli::Command& command) {
  std::string out = "--help";
  const auto call = command.call();
  for (const auto& option : call->table()) {
    if (option.name.empty() || (option.name == command.positional && option.key.empty())) continue;
    out += " --" + std::string(option.name);
    if (option.letter) out += std::string(" -") + option.letter;
  }
  return out;
}

// The first words of commands, and of those that have two the second ones.
std::string first_words() {
  std::set<std::string> words{"help"};
  for (const auto* command : cli::commands())
    words.insert(std::string(command->words.substr(0, command->words.find(' '))));
  std::string out;
  for (const auto& one : words) out += (out.empty() ? "" : " ") + one;
  return out;
}

std::string second_words(const std::string& first) {
  std::string out;
  for (const auto* command : cli::commands())
    if (command->words.starts_with(first + " "))
      out += (out.empty() ? "" : " ") + std::string(command->words.substr(first.size() + 1));
  return out;
}

// A function of bash, which zsh runs too.
std::string bash() {
  std::ostringstream out;
  out << "_strata() {\n"
         "  local cur=${COMP_WORDS[COMP_CWORD]} words=\n"
         "  case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n";
  for (const auto* command : cli::commands())
    if (command->words.find(' ') != std::string_view::npos)
      out << "    \"" << command->words << "\") words='" << words_of(*command) << "' ;;\n";
  for (const auto* command : cli::commands())
    if (command->words.find(' ') == std::string_view::npos)
      out << "    \"" << command->words << " \"*) words='" << words_of(*command) << "' ;;\n";
  out << "    \"plugins \"*) words='" << second_words("plugins") << "' ;;\n"
      << "    \"help \"*) words='" << first_words() << "' ;;\n"
      << "  esac\n"
         "  [ \"$COMP_CWORD\" -eq 1 ] && words='"
      << first_words()
      << " --help --version'\n"
         "  case $cur in\n"
         "    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
         "    *) COMPREPLY=($(compgen -W \"${words//-[^ ]*/}\" -- \"$cur\") $(compgen -f -- "
         "\"$cur\"))\n"
         "       [ \"$COMP_CWORD\" -eq 1 ] && COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
         "  esac\n"
         "}\n"
         "complete -o filenames -F _strata strata\n";
  return out.str();
}

std::string fish() {
  std::ostringstream out;
  const auto quoted = [](std::string_view text) {
    std::string made = "'";
    for (const char c : text)
      made += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return made + "'";
  };
  out << "complete -c strata -n __fish_use_subcommand -f -a '" << first_words() << "'\n";
  for (const auto* command : cli::commands()) {
    const auto first = command->words.substr(0, command->words.find(' '));
    std::string seen = "__fish_seen_subcommand_from " + std::string(first);
    if (first != command->words) {
      const auto second = command->words.substr(first.size() + 1);
      out << "complete -c strata -n '" << seen << "' -f -a '" << second << "' -d "
          << quoted(command->summary) << "\n";
      seen += "; and __fish_seen_subcommand_from " + std::string(second);
    }
    const auto call = command->call();
    for (const auto& option : call->table()) {
      if (option.name.empty() || (option.name == command->positional && option.key.empty()))
        continue;
      out << "complete -c strata -n '" << seen << "' -l " << option.name;
      if (option.letter) out << " -s " << option.letter;
      if (!cli::is_flag(option)) out << " -r";
      out << " -d " << quoted(option.help) << "\n";
    }
  }
  return out.str();
}

void completion(const CompletionOptions& settings) {
  if (settings.shell == "fish") return print(fish());
  if (settings.shell == "bash") return print(bash());
  print("#compdef strata\nautoload -U +X bashcompinit && bashcompinit\n" + bash());
}

}  // namespace

const cli::Command completion_command{
    "completion", "bash|zsh|fish", "print a script that completes commands and options in a shell",
    cli::make_call<CompletionOptions, options, check, completion>, "shell"};

}  // namespace strata::host
