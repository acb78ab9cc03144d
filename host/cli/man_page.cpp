#include "host/cli/man_page.hpp"

#include "host/cli/description.hpp"

namespace strata::cli {
namespace {

// The text escaped for roff, which then sees neither escapes nor a request in it.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  if (out.starts_with('.') || out.starts_with('\'')) out.insert(0, "\\&");
  return out;
}

void add_option(std::string& out, const Option& option) {
  if (option.name.empty() || option.later) return;
  out += ".TP\n.B ";
  if (option.letter) out += std::string("\\-") + option.letter + ", ";
  out += plain("--" + std::string(option.name));
  if (!is_flag(option)) out += " \\fI" + plain(option.value) + "\\fR";
  out += "\n" + plain(option.help);
  if (const auto fallback = default_text(option); !fallback.empty() && !is_flag(option))
    out += plain(" (default: " + fallback + ")");
  if (!option.key.empty()) out += plain(" [" + std::string(option.key) + "]");
  out += "\n";
}

}  // namespace

std::string man_page() {
  std::string out =
      ".TH STRATA 1 \"\" \"strata " STRATA_VERSION
      "\"\n.SH NAME\nstrata \\- run causal language models that do not fit the device\n"
      ".SH SYNOPSIS\n.B strata\n\\fICOMMAND\\fR [options]\n"
      ".SH DESCRIPTION\nWeights that the device does not hold are streamed from host memory or "
      "from "
      "disk. Each option has a key in the TOML file of \\-\\-config, which stands behind it in "
      "brackets.\n";
  for (const auto* command : commands()) {
    out += ".SH STRATA " + plain(command->words) + "\n.B strata " + plain(command->words) + "\n" +
           plain(command->synopsis) + "\n.PP\n" + plain(command->summary) + "\n";
    const auto call = command->call();
    for (const auto& option : call->table()) add_option(out, option);
  }
  out += ".SH ENVIRONMENT\n";
  for (const auto& one : variables())
    out += ".TP\n.B " + plain(one.name) + "\n" + plain(one.help) + "\n";
  out +=
      ".SH EXIT STATUS\n0 success; 1 failure; 2 wrong options or settings, or an unknown plugin; "
      "130 after Ctrl\\-C; 143 after SIGTERM.\n";
  return out;
}

}  // namespace strata::cli
