// A chat template: the part of Jinja that models' templates use, with the meaning that jinja2 gives
// it in the sandbox of transformers. Anything beyond it is refused by name and line.
#pragma once
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "text/jinja/tree.hpp"

namespace strata::text::jinja {

// An error of a template, or of a conversation that it refuses: its line advises to do without the
// template. `where` and `fact` serve other advice.
class TemplateError : public Error {
 public:
  TemplateError(std::string where, std::string fact)
      : Error(where, fact, "leave --chat out and write the prompt in the model's format"),
        where_(std::move(where)), fact_(std::move(fact)) {}
  const std::string& where() const { return where_; }
  const std::string& fact() const { return fact_; }

 private:
  std::string where_, fact_;
};

// A text, and what of it stands between `generation` and `endgeneration`.
struct Marked {
  std::string text;
  // The bytes of each such block in turn; without a value where a block is inside a macro, a filter
  // or another block whose text is not yet placed.
  std::optional<std::vector<std::pair<std::size_t, std::size_t>>> blocks;
};

// Any number of threads may render one template at a time.
class Template {
 public:
  // `name` names the template in errors. Throws TemplateError with the line.
  Template(std::string_view source, std::string name);

  // `variables` is an object, `now` the time for the template. Throws TemplateError with the line,
  // also where the template refuses the conversation or does not end soon.
  std::string render(const nlohmann::ordered_json& variables, const std::tm& now) const {
    return render_marked(variables, now).text;
  }
  Marked render_marked(const nlohmann::ordered_json& variables, const std::tm& now) const;

 private:
  [[noreturn]] void fail(int line, const std::string& what) const;

  std::string name_;
  Statements statements_;
};

}  // namespace strata::text::jinja
