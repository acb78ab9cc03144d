#include "host/options/quant_options.hpp"

#include <charconv>
#include <string_view>

#include "core/error.hpp"

namespace strata::host {
namespace {

constexpr std::int64_t largest_group = 1 << 20;

[[noreturn]] void refuse_rule(const std::string& rule) {
  throw UsageError("--quant-rule", "'" + printable(rule) + "' is no rule",
                   "give MATCH=NAME, as in mlp=int4 or mlp=int8,group_size=128,symmetric=on");
}

void read_option(const std::string& rule, std::string_view option, app::QuantScheme& scheme) {
  const auto equals = option.find('=');
  const auto key = option.substr(0, equals);
  const auto value = equals == option.npos ? std::string_view() : option.substr(equals + 1);
  if (key == "symmetric" && !scheme.symmetric && (value == "on" || value == "off")) {
    scheme.symmetric = value == "on";
    return;
  }
  std::int64_t size = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), size);
  if (key != "group_size" || scheme.group_size || error != std::errc() ||
      end != value.data() + value.size() || size < 1 || size > largest_group)
    refuse_rule(rule);
  scheme.group_size = size;
}

app::QuantRule read_rule(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == text.npos || equals == 0) refuse_rule(text);
  app::QuantRule out{.match = text.substr(0, equals)};
  std::string_view rest = std::string_view(text).substr(equals + 1);
  const auto next = [&] {
    const auto comma = rest.find(',');
    const auto word = rest.substr(0, comma);
    rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
    return word;
  };
  out.scheme.name = next();
  if (out.scheme.name.empty() || text.ends_with(',')) refuse_rule(text);
  if (out.scheme.name == "none" && !rest.empty()) refuse_rule(text);
  while (!rest.empty()) read_option(text, next(), out.scheme);
  return out;
}

}  // namespace

void add_quant(cli::Table& table, QuantSettings& o) {
  table.push_back({"quant", "run.quant", &o.quant, "none|NAME",
                   "quantize matrices while the model is opened, by a quant plugin: int4, int8, "
                   "nf4, fp8, or any key that `plugins list` lists"});
  table.push_back({"quant-group-size", "run.quant_group_size", &o.quant_group_size, "N",
                   "with --quant: elements of a row that share a scale", "the plugin's", 1,
                   static_cast<double>(largest_group)});
  table.push_back({.name = "quant-symmetric",
                   .key = "run.quant_symmetric",
                   .field = &o.quant_symmetric,
                   .value = "on|off",
                   .help = "with --quant: whether codes lie around zero",
                   .unset = "the plugin's",
                   .closed = true});
  table.push_back({"quant-rule", "run.quant_rules", &o.quant_rules, "MATCH=NAME[,KEY=VALUE]",
                   "quantize weights with MATCH in their names so, or with NAME none not at all, "
                   "whatever --quant says; keys are group_size and symmetric; may be repeated"});
  table.push_back({"quant-cache", "run.quant_cache", &o.quant_cache, "DIR|off",
                   "folder that keeps quantized weights for the next time; off: keep none",
                   ".strata-quant beside the model"});
}

app::QuantOptions quant_options(const QuantSettings& o, std::int64_t threads) {
  app::QuantOptions out{.scheme = {.name = o.quant}, .cache = o.quant_cache, .threads = threads};
  if (o.quant_group_size > 0) out.scheme.group_size = o.quant_group_size;
  if (!o.quant_symmetric.empty()) out.scheme.symmetric = o.quant_symmetric == "on";
  for (const auto& rule : o.quant_rules) out.rules.push_back(read_rule(rule));
  return out;
}

}  // namespace strata::host
