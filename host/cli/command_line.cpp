#include "host/cli/command_line.hpp"

#include <boost/program_options.hpp>
#include <map>

#include "core/error.hpp"
#include "host/cli/description.hpp"
#include "host/cli/nearest.hpp"
#include "host/cli/options.hpp"
#include "host/cli/toml.hpp"
#include "host/deepspeed/apply.hpp"

namespace strata::cli {
namespace {

namespace po = boost::program_options;

using Given = std::map<const Option*, std::vector<std::string>>;

void refuse_later(const std::string& name) {
  for (const auto& one : later())
    if (one.name == name)
      throw UsageError(name,
                       std::string(name.starts_with("--") ? "this option's part" : "this command") +
                           " does not exist yet",
                       one.remedy);
}

[[noreturn]] void refuse_option(const std::string& given, Command command) {
  const auto name = given.substr(0, given.find('='));
  refuse_later(name);
  const std::string words(info(command).words);
  if (const auto* option =
          find_by_name(name.substr(std::min(name.find_first_not_of('-'), name.size()))))
    throw UsageError("--" + std::string(option->name), "'" + words + "' does not take it",
                     "leave it out, or see `strata " + words + " --help`");
  std::vector<std::string> names{"--help"};
  for (const auto& option : options())
    if (!option.name.empty() && (option.commands & bit(command)))
      names.push_back("--" + std::string(option.name));
  throw UsageError(printable(name), "unknown option",
                   did_you_mean(name, names, "see `strata " + words + " --help`"));
}

std::string dashed(const std::string& name) { return name.starts_with("-") ? name : "--" + name; }

std::vector<po::option> split(const std::vector<std::string>& arguments, Command command) {
  using style = po::command_line_style::style_t;
  const auto description = describe(command);
  try {
    return po::command_line_parser(arguments)
        .options(description)
        .style(style::unix_style & ~style::allow_guessing & ~style::allow_sticky)
        .run()
        .options;
  } catch (const po::unknown_option& e) {
    refuse_option(e.get_option_name(), command);
  } catch (const po::invalid_command_line_syntax& e) {
    const auto name = dashed(e.get_option_name());
    if (e.kind() == po::invalid_syntax::extra_parameter)
      throw UsageError(name, "takes no value", "leave out what follows '='");
    throw UsageError(name, "needs a value", "write " + name + "=VALUE");
  } catch (const po::error& e) {
    throw UsageError("options", e.what(), "see `strata --help`");
  }
}

// The values by option; help is asked for where the result has none of them.
Given gather(const std::vector<po::option>& parsed, Command command, bool& help) {
  Given given;
  for (const auto& one : parsed) {
    const auto positional = one.string_key.empty();
    if (one.string_key == "help") {
      help = true;
      continue;
    }
    const auto name = positional ? std::string(info(command).positional) : one.string_key;
    const auto* option = find_by_name(name);
    if (!option)
      throw UsageError("'" + printable(one.value.empty() ? "" : one.value.front()) + "'",
                       "stands alone", "name its option, and put text with spaces between quotes");
    auto& values = given[option];
    if (!values.empty() && !is_list(*option) && !is_flag(*option))
      throw UsageError(positional ? std::string(option->value) : "--" + name, "given twice",
                       "give it once");
    if (is_flag(*option)) values = {"true"};
    values.insert(values.end(), one.value.begin(), one.value.end());
  }
  return given;
}

void assign_given(Settings& settings, const Option& option,
                  const std::vector<std::string>& values) {
  const auto who = "--" + std::string(option.name);
  if (is_list(option)) return assign(settings, option, nlohmann::json(values), who);
  assign(settings, option, typed(option, values.front(), who), who);
}

// `settings`, and over them the file of --config, --set, and the command line.
Settings layered(Settings settings, const Given& given) {
  const auto early = [&](std::string_view name) {
    const auto* option = find_by_name(name);
    if (given.contains(option)) assign_given(settings, *option, given.at(option));
  };
  early("config");
  early("set");
  if (!settings.config.empty())
    apply_toml(settings, parse_toml(read_config_file(settings.config), settings.config),
               settings.config);
  for (const auto& assignment : settings.set) apply_set(settings, assignment);
  for (const auto& [option, values] : given) assign_given(settings, *option, values);
  return settings;
}

Settings settings_of(Command command, const Given& given) {
  auto settings = layered({}, given);
  if (settings.ds_config.empty() || !(find_by_name("ds-config")->commands & bit(command)))
    return settings;
  const auto config =
      std::make_shared<deepspeed::DsConfig>(deepspeed::read_ds_config(settings.ds_config));
  Settings lowest;
  deepspeed::apply(lowest, *config, deepspeed::semantics_of(settings.ds_precision));
  lowest.deepspeed = config;
  return layered(lowest, given);
}

// The command that the first words name; `used` is how many they are.
Command find_command(const std::vector<std::string>& arguments, std::size_t& used) {
  const auto& first = arguments.front();
  const auto both = arguments.size() > 1 ? first + " " + arguments[1] : first;
  for (const auto& one : commands()) {
    if (one.words != first && one.words != both) continue;
    used = one.words == first ? 1 : 2;
    return one.id;
  }
  refuse_later(first);
  refuse_later(both);
  const auto known = known_commands();
  const auto& meant = first == "plugins" ? both : first;
  throw UsageError("'" + printable(meant) + "'", "unknown command",
                   did_you_mean(meant, known, "see `strata --help`"));
}

}  // namespace

Invocation parse_command_line(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front() == "--help" || arguments.front() == "-h")
    return {Action::help, {}, {}, {}};
  if (arguments.front() == "--version") return {Action::version, {}, {}, {}};
  if (arguments.front() == "--help-markdown") return {Action::markdown, {}, {}, {}};
  if (arguments.front() == "--probe-plugin")
    return {Action::probe, {}, {}, {arguments.begin() + 1, arguments.end()}};
  std::size_t used = 0;
  Invocation out{Action::run, find_command(arguments, used), {}, {}};
  bool help = false;
  const auto given = gather(
      split({arguments.begin() + static_cast<std::ptrdiff_t>(used), arguments.end()}, out.command),
      out.command, help);
  if (help) {
    out.action = Action::command_help;
    return out;
  }
  out.settings = settings_of(out.command, given);
  check_complete(out.command, out.settings);
  return out;
}

}  // namespace strata::cli
