#include "hub/gguf_files.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include "core/error.hpp"
#include "core/source/gguf_parts.hpp"
#include "core/source/names_text.hpp"
#include "hub/cache.hpp"

namespace strata::hub {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

bool is_letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Whether `text` contains `word` as a whole word: between characters other than letters, digits and
// '_'.
bool has_word(std::string_view text, std::string_view word) {
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    const auto end = at + word.size();
    if ((at == 0 || !is_letter(text[at - 1])) && (end == text.size() || !is_letter(text[end])))
      return true;
  }
  return false;
}

// Whether the name stays inside the folder that it is put into.
bool is_safe(std::string_view name) {
  while (!name.empty()) {
    const auto part = name.substr(0, name.find('/'));
    if (part.empty() || part == "." || part == "..") return false;
    name.remove_prefix(std::min(part.size() + 1, name.size()));
  }
  return true;
}

}  // namespace

std::optional<QuantizedId> quantized_id(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  const auto id = text.substr(0, colon), quantization = text.substr(colon + 1);
  const bool word = std::ranges::all_of(
      quantization, [](char c) { return is_letter(c) || c == '-' || c == '.'; });
  if (quantization.empty() || !word || id.find('/') == id.npos || !is_model_id(id))
    return std::nullopt;
  return QuantizedId{std::string(id), std::string(quantization)};
}

std::vector<std::string> gguf_files(const std::vector<std::string>& names,
                                    const std::string& quantization, const std::string& who) {
  std::map<std::string, std::vector<std::string>> models, fitting;  // by the parts' shared name
  for (const auto& name : names) {
    const auto words = upper(name);
    if (!words.ends_with(".GGUF") || !is_safe(name) || name.find('\0') != name.npos ||
        words.find("MMPROJ") != words.npos || words.find("IMATRIX") != words.npos)
      continue;
    const auto part = source::part_name(name);
    const auto key = part ? part->prefix : name;
    models[key].push_back(name);
    if (quantization.empty() || has_word(words, upper(quantization))) fitting[key].push_back(name);
  }
  if (models.empty()) return {};
  if (fitting.size() == 1) {
    auto out = fitting.begin()->second;
    std::ranges::sort(out);
    return out;
  }
  std::vector<std::string> there;
  for (const auto& [key, files] : fitting.empty() ? models : fitting)
    there.push_back(files.front());
  if (fitting.empty())
    throw Error(who, "no GGUF file is of " + printable(quantization, 40),
                "there are " + source::first_of(there, 110));
  throw Error(who, "several GGUF models are there: " + source::first_of(there),
              "say which, as ORG/NAME:Q4_K_M");
}

}  // namespace strata::hub
