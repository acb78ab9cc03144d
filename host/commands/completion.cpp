#include <algorithm>
#include <map>
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
    if (option.name.empty() || option.later ||
        (option.name == command.positional && option.key.empty()))
      continue;
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

std::string spaced(std::string_view alternatives) {
  std::string out(alternatives);
  std::ranges::replace(out, '|', ' ');
  return out;
}

// The values of a command's positional argument, where they are a closed list.
std::string values_of(const cli::Command& command) {
  const auto call = command.call();
  const auto* option = cli::find_by_name(call->table(), command.positional);
  return option && option->closed ? spaced(option->value) : "";
}

// "case" lines of bash with the values that an option takes, for options with a closed list.
std::string option_values() {
  std::map<std::string, std::string> values;
  for (const auto* command : cli::commands()) {
    const auto call = command->call();
    for (const auto& option : call->table())
      if (option.closed && !option.name.empty() && !option.later)
        values["--" + std::string(option.name)] = spaced(option.value);
  }
  std::string out;
  for (const auto& [name, words] : values) out += "    " + name + ") values='" + words + "' ;;\n";
  return out;
}

// A function of bash, which zsh runs too. `words` are options, `values` other words; where there
// are none of the latter, files are offered, each as one word whatever its name.
std::string bash() {
  std::ostringstream out;
  out << "_strata() {\n"
         "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local words= values= word\n"
         "  case \"$COMP_CWORD ${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n"
         "    \"1 \"*) words='--help --version' values='"
      << first_words() << "' ;;\n"
      << "    \"2 plugins \"*) values='" << second_words("plugins") << "' ;;\n"
      << "    \"2 help \"*) values='" << first_words() << "' ;;\n";
  for (const bool two : {true, false})
    for (const auto* command : cli::commands())
      if (two == (command->words.find(' ') != std::string_view::npos))
        out << "    *\" " << command->words << (two ? "\"" : " \"*") << ") words='"
            << words_of(*command) << "' values='" << values_of(*command) << "' ;;\n";
  out << "  esac\n"
         "  case $prev in\n"
      << option_values()
      << "  esac\n"
         "  case $cur in -*) values=$words ;; esac\n"
         "  COMPREPLY=()\n"
         "  while IFS= read -r word; do COMPREPLY+=(\"$word\"); done < <(\n"
         "    if [ -n \"$values\" ]; then compgen -W \"$values\" -- \"$cur\"\n"
         "    else compgen -f -- \"$cur\"; fi)\n"
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
      if (option.name.empty() || option.later ||
          (option.name == command->positional && option.key.empty()))
        continue;
      out << "complete -c strata -n '" << seen << "' -l " << option.name;
      if (option.letter) out << " -s " << option.letter;
      if (!cli::is_flag(option)) out << " -r";
      if (option.closed) out << " -f -a " << quoted(spaced(option.value));
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
