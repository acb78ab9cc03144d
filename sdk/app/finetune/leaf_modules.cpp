#include "app/finetune/leaf_modules.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/error.hpp"
#include "core/source/source_map.hpp"

namespace strata::app {
namespace {

using Words = std::vector<std::string>;

Words words_of(std::string_view name) {
  Words out(1);
  for (const char c : name)
    if (c == '.')
      out.emplace_back();
    else
      out.back() += c;
  return out;
}

// Whether the word is the module's, or the number of one of its experts.
bool same_word(const std::string& word, const std::string& own, std::uint32_t experts) {
  if (own != "{}") return word == own;
  const bool number = !word.empty() && word.size() < 10 &&
                      std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
  return number && std::stoul(word) < experts;
}

// Whether `wanted` is the end of the name of a module that the parameter lies in.
bool holds(const Words& wanted, const Words& parameter, std::uint32_t experts) {
  for (auto end = wanted.size(); end < parameter.size(); ++end) {
    const auto tail = std::span(parameter).subspan(end - wanted.size(), wanted.size());
    if (std::ranges::equal(wanted, tail, [&](const auto& word, const auto& own) {
          return same_word(word, own, experts);
        }))
      return true;
  }
  return false;
}

bool is_module(const std::string& name, const run::Model& model) {
  for (const auto& spelling : source::spellings(name)) {
    const auto wanted = words_of(spelling);
    for (const auto& unit : model.family->units())
      for (const auto& weight : unit.weights)
        if (holds(wanted, words_of(weight.name), weight.experts) ||
            (!weight.also.empty() && holds(wanted, words_of(weight.also), weight.experts)))
          return true;
  }
  return false;
}

bool is_class(const std::string& name, const run::Model& model, const Plugins& plugins) {
  const std::string type(model.config->text("model_type"));
  for (const auto* one : plugins.registry().of_kind("model")) {
    if (one->manifest.name != model.family->name()) continue;
    const auto classes = one->manifest.classes.find(type);
    return classes != one->manifest.classes.end() && classes->is_array() &&
           std::ranges::any_of(*classes, [&](const auto& own) { return own == name; });
  }
  return false;
}

}  // namespace

void check_leaf_modules(const std::vector<std::string>& names, const run::Model& model,
                        const Plugins& plugins, const FinetuneEvents& events) {
  for (const auto& name : names)
    if (name.empty() || (!is_class(name, model, plugins) && !is_module(name, model)))
      throw UsageError("--leaf-module",
                       "'" + printable(name) + "' is no class and no module of " + model.path,
                       "give a class of its modules in transformers, or a module's name");
  if (!names.empty() && events.say)
    events.say(
        "--leaf-module: layers are fetched whole, and experts when they are chosen; the results "
        "are "
        "the same");
}

}  // namespace strata::app
