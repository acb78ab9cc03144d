#include "host/options/template_variables.hpp"

#include "app/conversations.hpp"
#include "core/error.hpp"

namespace strata::host {

void add_template_variables(cli::Table& table, std::optional<std::string>& variables) {
  table.push_back({"chat-template-kwargs", "generate.chat_template_kwargs", &variables, "JSON",
                   "variables of the chat template, such as {\"enable_thinking\": false}"});
}

nlohmann::ordered_json template_variables(const std::optional<std::string>& text) {
  using Json = nlohmann::ordered_json;
  constexpr auto who = "--chat-template-kwargs";
  constexpr auto example = R"(write {"enable_thinking": false})";
  if (!text) return Json::object();
  auto out = Json::parse(*text, nullptr, false);
  if (!out.is_object())
    throw UsageError(who, "'" + printable(*text, 60) + "' is no JSON object", example);
  if (const auto* key = app::reserved_variable(out))
    throw UsageError(who, std::string("'") + key + "' is no variable of a template", example);
  return out;
}

}  // namespace strata::host
