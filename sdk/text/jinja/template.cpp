#include "text/jinja/template.hpp"

#include "core/error.hpp"
#include "core/utf8.hpp"
#include "text/jinja/parser.hpp"
#include "text/jinja/rendering.hpp"

namespace strata::text::jinja {
namespace {

constexpr std::size_t longest = 1 << 20;

using Json = nlohmann::ordered_json;

Value value_of(const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return Value(json.get<bool>());
    case Json::value_t::number_unsigned:
      if (json.get<std::uint64_t>() > INT64_MAX) throw Refused("an integer of more than 64 bits");
      [[fallthrough]];
    case Json::value_t::number_integer:
      return Value(json.get<std::int64_t>());
    case Json::value_t::number_float:
      return Value(json.get<double>());
    case Json::value_t::string:
      if (invalid_utf8(json.get_ref<const std::string&>())) throw Refused("a text is not UTF-8");
      return Value(json.get<std::string>());
    case Json::value_t::array: {
      Values items;
      for (const auto& one : json) items.push_back(value_of(one));
      return list(std::move(items));
    }
    case Json::value_t::object: {
      Dict out;
      for (const auto& [key, value] : json.items())
        out.entries.emplace_back(Value(key), value_of(value));
      return Value(std::move(out));
    }
    default:
      return nullptr;
  }
}

}  // namespace

Template::Template(std::string_view source, std::string name) : name_(std::move(name)) {
  if (invalid_utf8(source)) throw TemplateError(name_, "it is not UTF-8");
  if (source.size() > longest) throw TemplateError(name_, "it is longer than 1 MiB");
  try {
    statements_ = parse(source);
  } catch (const SyntaxError& error) {
    fail(error.line, error.what);
  } catch (const Refused& error) {
    fail(1, error.what());
  }
}

Marked Template::render_marked(const Json& variables, const std::tm& now) const {
  Dict held;
  try {
    held = *value_of(variables).dict();
  } catch (const Refused& error) {
    throw Error("conversation", error.what(), "give a conversation that a template can take");
  }
  Rendering rendering(std::move(held), now);
  try {
    auto text = rendering.run(statements_);
    return {std::move(text), std::move(rendering.generated)};
  } catch (const Refused& error) {
    fail(rendering.line, error.what());
  }
}

void Template::fail(int line, const std::string& what) const {
  throw TemplateError(name_, "line " + std::to_string(line) + ": " + what);
}

}  // namespace strata::text::jinja
