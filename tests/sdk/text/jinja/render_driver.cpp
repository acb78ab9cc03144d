// Renders for the comparison with the reference: a JSON line {"template", "variables"} in, a JSON
// line {"text"} or {"error"} out.
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "text/jinja/template.hpp"

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto query = nlohmann::ordered_json::parse(line);
    nlohmann::json answer;
    try {
      const auto now = std::time(nullptr);
      const strata::text::jinja::Template made(query.at("template").get<std::string>(), "template");
      answer["text"] = made.render(query.at("variables"), *std::localtime(&now));
    } catch (const strata::Error& error) {
      answer["error"] = error.what();
    }
    std::cout << answer.dump() << '\n';
  }
}
