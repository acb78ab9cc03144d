#include "host/cli/command.hpp"

#include <algorithm>

namespace strata::cli {
namespace {

template <class Has>
std::unique_ptr<Call> first_call(const Has& has) {
  for (const auto* command : commands())
    if (auto call = command->call(); has(call->table())) return call;
  return nullptr;
}

}  // namespace

const Command* find_command(std::string_view words) {
  const auto all = commands();
  const auto at = std::ranges::find(all, words, &Command::words);
  return at == all.end() ? nullptr : *at;
}

std::vector<std::string> known_commands() {
  std::vector<std::string> out;
  for (const auto* command : commands()) out.emplace_back(command->words);
  return out;
}

std::unique_ptr<Call> call_with_name(std::string_view name) {
  return first_call([&](const Table& table) { return find_by_name(table, name) != nullptr; });
}

std::unique_ptr<Call> call_with_key(std::string_view key) {
  return first_call([&](const Table& table) { return find_by_key(table, key) != nullptr; });
}

std::vector<std::string> known_keys() {
  std::vector<std::string> keys;
  for (const auto* command : commands()) {
    const auto call = command->call();
    for (const auto& option : call->table())
      if (!option.key.empty() && std::ranges::find(keys, option.key) == keys.end())
        keys.emplace_back(option.key);
  }
  return keys;
}

}  // namespace strata::cli
