#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "host/cli/description.hpp"
#include "host/cli/later.hpp"

using namespace strata::cli;

TEST_CASE("names and keys of a command's options are unique, and each has one", "[host][cli]") {
  for (const auto* command : commands()) {
    std::set<std::string_view> names, keys;
    const auto call = command->call();
    for (const auto& option : call->table()) {
      CAPTURE(command->words, option.name, option.key);
      CHECK((!option.name.empty() || !option.key.empty()));
      if (!option.name.empty()) CHECK(names.insert(option.name).second);
      if (!option.key.empty()) CHECK(keys.insert(option.key).second);
      CHECK_FALSE(option.help.empty());
    }
  }
}

TEST_CASE("commands that share a key share its option", "[host][cli]") {
  std::map<std::string_view, Option> seen;
  std::vector<std::unique_ptr<Call>> calls;
  for (const auto* command : commands()) {
    calls.push_back(command->call());
    for (const auto& option : calls.back()->table()) {
      if (option.key.empty()) continue;
      CAPTURE(command->words, option.key);
      const auto& first = seen.emplace(option.key, option).first->second;
      CHECK(option.name == first.name);
      CHECK(option.help == first.help);
      CHECK(option.field.index() == first.field.index());
      CHECK(default_text(option) == default_text(first));
    }
  }
}

TEST_CASE("help of a command names each option that it takes and no other", "[host][cli]") {
  std::set<std::string_view> names;
  for (const auto* command : commands()) {
    const auto call = command->call();
    for (const auto& option : call->table()) names.insert(option.name);
  }
  for (const auto* command : commands()) {
    const auto text = help(*command);
    const auto call = command->call();
    for (const auto name : names) {
      if (name.empty() || name == "path" || name == "what" || name == "shell") continue;
      CAPTURE(command->words, name);
      const auto shown = text.find("--" + std::string(name) + " ") != std::string::npos ||
                         text.find("--" + std::string(name) + "\n") != std::string::npos;
      const auto* option = find_by_name(call->table(), name);
      if (option && option->later) option = nullptr;
      if (option || command->synopsis.find(name) == std::string_view::npos)
        CHECK(shown == (option != nullptr));
      if (option && !option->key.empty())
        CHECK(text.find("[" + std::string(option->key) + "]") != std::string::npos);
    }
  }
}

TEST_CASE("what does not exist yet is in no help", "[host][cli]") {
  auto text = help() + markdown();
  std::set<std::string> taken;  // by some commands, whose help the case above looks at
  for (const auto* command : commands()) {
    text += help(*command);
    const auto call = command->call();
    for (const auto& option : call->table()) taken.insert("--" + std::string(option.name));
  }
  for (const auto& one : later()) {
    CAPTURE(one.name);
    if (taken.contains(std::string(one.name))) continue;
    const auto name = std::string(one.name) + " ";
    CHECK(text.find(one.name.starts_with("--") ? name : "\n  " + name) == std::string::npos);
    CHECK(text.find("strata " + name) == std::string::npos);
  }
}
