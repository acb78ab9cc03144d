#include "host/cli/command_line.hpp"

#include <algorithm>
#include <boost/program_options.hpp>
#include <map>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "core/run/ranks.hpp"
#include "host/cli/description.hpp"
#include "host/cli/later.hpp"
#include "host/cli/toml.hpp"
#include "host/deepspeed/apply.hpp"
#include "host/deepspeed/training.hpp"
#include "host/process/settings_file.hpp"

namespace strata::cli {
namespace {

namespace po = boost::program_options;

// The values of options, by name.
using Given = std::map<std::string, std::vector<std::string>>;

void refuse_later(const std::string& name) {
  for (const auto& one : later())
    if (one.name == name)
      throw UsageError(name,
                       std::string(name.starts_with("--") ? "this option's part" : "this command") +
                           " does not exist yet",
                       one.remedy);
}

[[noreturn]] void refuse_option(const std::string& given, const Command& command,
                                const Table& table) {
  const auto name = given.substr(0, given.find('='));
  refuse_later(name);
  const std::string words(command.words);
  const auto bare = name.substr(std::min(name.find_first_not_of('-'), name.size()));
  if (find_by_name(table, bare) || call_with_name(bare))
    throw UsageError("--" + bare, "'" + words + "' does not take it",
                     "leave it out, or see `strata " + words + " --help`");
  std::vector<std::string> names{"--help"};
  for (const auto& option : table)
    if (!option.name.empty() && !option.later) names.push_back("--" + std::string(option.name));
  throw UsageError(printable(name), "unknown option",
                   did_you_mean(name, names, "see `strata " + words + " --help`"));
}

std::string dashed(const std::string& name) { return name.starts_with("-") ? name : "--" + name; }

std::vector<po::option> split(const std::vector<std::string>& arguments, const Command& command,
                              const Table& table) {
  using style = po::command_line_style::style_t;
  const auto description = describe(command, table, true);
  try {
    return po::command_line_parser(arguments)
        .options(description)
        .style(style::unix_style & ~style::allow_guessing & ~style::allow_sticky)
        .run()
        .options;
  } catch (const po::unknown_option& e) {
    refuse_option(e.get_option_name(), command, table);
  } catch (const po::invalid_command_line_syntax& e) {
    const auto name = dashed(e.get_option_name());
    if (e.kind() == po::invalid_syntax::extra_parameter)
      throw UsageError(name, "takes no value", "leave out what follows '='");
    throw UsageError(name, "needs a value", "write " + name + "=VALUE");
  } catch (const po::error& e) {
    throw UsageError("options", e.what(), "see `strata --help`");
  }
}

// `help` becomes true where the arguments ask for it.
Given gather(const std::vector<po::option>& parsed, const Command& command, const Table& table,
             bool& help) {
  Given given;
  for (const auto& one : parsed) {
    const auto positional = one.string_key.empty();
    if (one.string_key == "help") {
      help = true;
      continue;
    }
    const auto name = positional ? std::string(command.positional) : one.string_key;
    const auto* option = find_by_name(table, name);
    if (!option || (positional && given.contains(name) && !is_list(*option)))
      throw UsageError("'" + printable(one.value.empty() ? "" : one.value.front()) + "'",
                       "is not an option or its value",
                       "name its option, and put text with spaces between quotes");
    auto& values = given[name];
    if (!values.empty() && !is_list(*option) && !is_flag(*option))
      throw UsageError("--" + name, "given twice", "give it once");
    if (is_flag(*option)) values = {"true"};
    values.insert(values.end(), one.value.begin(), one.value.end());
  }
  return given;
}

void assign_given(Call& call, const std::string& name, const std::vector<std::string>& values) {
  const auto& option = *find_by_name(call.table(), name);
  const auto who = "--" + name;
  assign(option, is_list(option) ? nlohmann::json(values) : typed(option, values.front(), who),
         who);
  call.common().given.emplace(option.key);
}

// Applies the file of --config, then --set, then the command line, over the values that the call
// has.
void apply_layers(Call& call, const Given& given) {
  for (const auto* early : {"config", "set"})
    if (const auto at = given.find(early); at != given.end()) assign_given(call, early, at->second);
  const auto& common = call.common();
  if (!common.config.empty())
    apply_toml(call, parse_toml(host::read_settings_file(common.config), common.config),
               common.config);
  for (const auto& assignment : common.set) apply_set(call, assignment);
  for (const auto& [name, values] : given) assign_given(call, name, values);
}

// The values of --ds-config and of its precision option, for a call that takes a ds_config.
struct DsOptions {
  std::string file, precision;
};
DsOptions ds_options(const Call& call) {
  const auto text = [&](std::string_view name) {
    const auto* option = find_by_name(call.table(), name);
    return option ? *std::get<std::string*>(option->field) : std::string();
  };
  return {text("ds-config"), text("ds-precision")};
}

// The ranks of a call: those that a launcher started, else those that it starts.
std::int64_t ranks_of(const Call& call) {
  const auto* wanted = find_by_name(call.table(), "ranks");
  if (!wanted) return 1;
  const auto launched = run::ranks_of_environment().ranks;
  return launched > 1 ? launched
                      : std::max<std::int64_t>(1, *std::get<std::int64_t*>(wanted->field));
}

// The sizes of the batch and the dtype where the user gave them, for a call that trains.
std::optional<deepspeed::Given> training_given(Call& call) {
  const auto& given = call.common().given;
  const auto number = [&](std::string_view key) -> std::optional<std::int64_t> {
    if (!given.contains(key)) return {};
    return *std::get<std::int64_t*>(find_by_key(call.table(), key)->field);
  };
  if (!find_by_key(call.table(), "train.batch_size")) return {};
  return deepspeed::Given{.dtype = given.contains("run.dtype"),
                          .micro = number("train.batch_size"),
                          .accumulation = number("train.gradient_accumulation_steps"),
                          .ranks = ranks_of(call)};
}

std::unique_ptr<Call> call_of(const Command& command, const Given& given) {
  auto call = command.call();
  apply_layers(*call, given);
  const auto ds = ds_options(*call);
  if (ds.file.empty()) return call;
  const auto config = std::make_shared<deepspeed::DsConfig>(deepspeed::read_ds_config(ds.file));
  const auto given_before = training_given(*call);
  const auto ranks = ranks_of(*call);
  const bool dtype_given = call->common().given.contains("run.dtype");
  const auto semantics = deepspeed::semantics_of(ds.precision);
  call = command.call();
  apply_toml(*call,
             given_before ? deepspeed::training_settings_of(*config, semantics, *given_before)
                          : deepspeed::settings_of(*config, semantics, dtype_given, ranks),
             ds.file);
  call->common().given.clear();
  call->common().deepspeed = config;
  apply_layers(*call, given);
  return call;
}

// The commands of two words of which `first` is the first one: "plugins list, plugins check".
std::string commands_of(const std::string& first) {
  std::string out;
  for (const auto* one : commands())
    if (one->words.starts_with(first + " ")) out.append(out.empty() ? "" : ", ").append(one->words);
  return out;
}

// The command that the first words name; `used` becomes the number of these words.
const Command& named_command(const std::vector<std::string>& arguments, std::size_t& used) {
  const auto& first = arguments.front();
  const auto both = arguments.size() > 1 ? first + " " + arguments[1] : first;
  for (const auto* one : commands()) {
    if (one->words != first && one->words != both) continue;
    used = one->words == first ? 1 : 2;
    return *one;
  }
  refuse_later(first);
  refuse_later(both);
  const auto longer = commands_of(first);
  if (!longer.empty() && (arguments.size() == 1 || arguments[1].starts_with("-")))
    throw UsageError("'" + first + "'", "is half of a command", "write one of " + longer);
  const auto& meant = longer.empty() ? first : both;
  throw UsageError("'" + printable(meant) + "'", "unknown command",
                   did_you_mean(meant, known_commands(),
                                longer.empty() ? "see `strata --help`" : "write one of " + longer));
}

}  // namespace

Invocation parse_command_line(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front() == "--help" || arguments.front() == "-h")
    return {.action = Action::help};
  if (arguments.front() == "help") {
    if (arguments.size() == 1) return {.action = Action::help};
    const std::vector<std::string> words(arguments.begin() + 1, arguments.end());
    std::size_t used = 0;
    const auto& command = named_command(words, used);
    if (used < words.size())
      throw UsageError("'" + printable(words[used]) + "'", "is one word too many",
                       "write `strata help COMMAND`");
    return {.action = Action::command_help, .command = &command};
  }
  if (arguments.front() == "--help-man") return {.action = Action::man};
  if (arguments.front() == "--version") return {.action = Action::version};
  if (arguments.front() == "--help-markdown") return {.action = Action::markdown};
  if (arguments.front() == "--probe-plugin")
    return {.action = Action::probe, .rest = {arguments.begin() + 1, arguments.end()}};
  std::size_t used = 0;
  const auto& command = named_command(arguments, used);
  auto out = parse_arguments(
      command, {arguments.begin() + static_cast<std::ptrdiff_t>(used), arguments.end()});
  out.arguments = arguments;
  return out;
}

Invocation parse_arguments(const Command& command, std::vector<std::string> arguments) {
  std::vector<std::string> notes;
  if (command.respell) arguments = command.respell(std::move(arguments), notes);
  const auto call = command.call();
  bool help = false;
  const auto given = gather(split(arguments, command, call->table()), command, call->table(), help);
  if (help) return {.action = Action::command_help, .command = &command};
  Invocation out{.action = Action::run, .command = &command, .call = call_of(command, given)};
  out.call->common().notes = std::move(notes);
  out.call->check();
  return out;
}

}  // namespace strata::cli
