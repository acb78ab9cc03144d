#include "app/quantize/scheme_text.hpp"

namespace strata::app {

std::string scheme_text(const QuantScheme& scheme) {
  auto options = Json::object();
  if (scheme.group_size) options["group_size"] = *scheme.group_size;
  if (scheme.symmetric) options["symmetric"] = *scheme.symmetric;
  return scheme.name + (options.empty() ? "" : " " + options.dump());
}

ReadScheme read_scheme(const std::string& text) {
  ReadScheme out{.key = text.substr(0, text.find(' ')), .scheme = text, .options = {}};
  const auto at = text.find(" {");
  if (at == std::string::npos) return out;
  out.scheme = text.substr(0, at);
  out.options =
      parse_json(std::string_view(text).substr(at + 1), "scheme " + out.key, {.depth = 4});
  return out;
}

}  // namespace strata::app
