#include <catch2/catch.hpp>
#include <set>

#include "host/cli/description.hpp"
#include "host/cli/options.hpp"

using namespace strata::cli;

TEST_CASE("names and keys of options are unique, and each has one", "[host][cli]") {
  std::set<std::string_view> names, keys;
  for (const auto& option : options()) {
    CAPTURE(option.name, option.key);
    CHECK((!option.name.empty() || !option.key.empty()));
    if (!option.name.empty()) CHECK(names.insert(option.name).second);
    if (!option.key.empty()) CHECK(keys.insert(option.key).second);
    CHECK_FALSE(option.help.empty());
    CHECK(option.commands != 0);
  }
}

TEST_CASE("help of a command names each option that it takes and no other", "[host][cli]") {
  for (const auto& command : commands()) {
    const auto text = help(command.id);
    for (const auto& option : options()) {
      if (option.name.empty() || option.name == "path") continue;
      CAPTURE(command.words, option.name);
      const auto shown = text.find("--" + std::string(option.name) + " ") != std::string::npos ||
                         text.find("--" + std::string(option.name) + "\n") != std::string::npos;
      const bool takes = (option.commands & bit(command.id)) != 0;
      if (takes || command.synopsis.find(option.name) == std::string_view::npos)
        CHECK(shown == takes);
      if (takes && !option.key.empty())
        CHECK(text.find("[" + std::string(option.key) + "]") != std::string::npos);
    }
  }
}

TEST_CASE("what does not exist yet is in no help", "[host][cli]") {
  auto text = help() + markdown();
  for (const auto& command : commands()) text += help(command.id);
  for (const auto& one : later()) {
    CAPTURE(one.name);
    const auto name = std::string(one.name) + " ";
    CHECK(text.find(one.name.starts_with("--") ? name : "\n  " + name) == std::string::npos);
    CHECK(text.find("strata " + name) == std::string::npos);
  }
}
