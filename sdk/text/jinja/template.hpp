// A chat template: the part of Jinja that models' templates use, with the meaning that jinja2 gives
// it in the sandbox of transformers. Anything beyond it is refused by name and line.
#pragma once
#include <ctime>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "text/jinja/tree.hpp"

namespace strata::text::jinja {

// Any number of threads may render one template at a time.
class Template {
 public:
  // `name` names the template in errors. Throws strata::Error with the line.
  Template(std::string_view source, std::string name);

  // `variables` is an object, `now` the time for the template. Throws strata::Error with the line,
  // also where the template refuses the conversation or does not end soon.
  std::string render(const nlohmann::ordered_json& variables, const std::tm& now) const;

 private:
  [[noreturn]] void fail(int line, const std::string& what) const;

  std::string name_;
  Statements statements_;
};

}  // namespace strata::text::jinja
