// A chat template, and behind a form feed a tokenizer_config.json: rendered, or refused with an
// error. covers: sdk/text/jinja/arguments.cpp sdk/text/jinja/arithmetic.cpp covers:
// sdk/text/jinja/calls.cpp sdk/text/jinja/choosing_filters.cpp covers:
// sdk/text/jinja/compare.cpp sdk/text/jinja/evaluate.cpp covers:
// sdk/text/jinja/expression_parser.cpp sdk/text/jinja/filters.cpp covers:
// sdk/text/jinja/functions.cpp sdk/text/jinja/json_text.cpp covers:
// sdk/text/jinja/lexer.cpp sdk/text/jinja/list_filters.cpp covers:
// sdk/text/jinja/literal.cpp sdk/text/jinja/lookup.cpp covers:
// sdk/text/jinja/methods.cpp sdk/text/jinja/number_filters.cpp covers:
// sdk/text/jinja/parser.cpp sdk/text/jinja/primary_parser.cpp covers:
// sdk/text/jinja/python_text.cpp sdk/text/jinja/rendering.cpp covers:
// sdk/text/jinja/spelling.cpp sdk/text/jinja/tests.cpp covers:
// sdk/text/jinja/text_filters.cpp sdk/text/chat_template.cpp
#include "text/chat_template.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.hpp"
#include "text/jinja/template.hpp"

using namespace strata::text;

namespace {

template <class Call>
void tolerate(Call call) {
  try {
    call();
  } catch (const strata::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto variables = nlohmann::ordered_json::parse(R"({
    "s": "Hello World", "u": "Gr\u00fc\u00dfe \ud83d\ude42", "n": 7, "f": 2.5, "no": false, "nothing": null,
    "l": [3, 1, 2], "words": ["pear", "Apple"], "d": {"b": 1, "a": "x", "c": [1, {"k": "v"}]},
    "msgs": [{"role": "user", "content": "hi", "n": 2}, {"role": "assistant", "content": null}]})");
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto end = input.find('\f');
  const std::string source(input.substr(0, end));
  tolerate([&] { jinja::Template(source, "fuzz").render(variables, {}); });
  if (end == input.npos) return 0;
  static const Conversation talk{
      .messages = nlohmann::ordered_json::parse(R"([{"role": "user", "content": "hi"}])"),
      .tools = {},
      .documents = {}};
  const TextFile config{"tokenizer_config.json", std::string(input.substr(end + 1))};
  tolerate([&] { ChatTemplate::from_files(config, {}, "fuzz", {}).render(talk, {}); });
  tolerate([&] {
    ChatTemplate::from_files(config, {{"tool_use", {"fuzz.jinja", source}}}, "fuzz", {});
  });
  return 0;
}
