#include "hub/cache.hpp"

#include <algorithm>
#include <fstream>

#include "core/error.hpp"
#include "core/source/checkpoint.hpp"
#include "hub/environment.hpp"
#include "hub/gguf_files.hpp"

namespace strata::hub {
namespace {

namespace fs = std::filesystem;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool is_part(char c) { return is_word(c) || c == '-' || c == '.'; }

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 96 && std::ranges::all_of(text, is_part) &&
         is_word(text.front()) && is_word(text.back());
}

std::string first_word(const fs::path& file) {
  std::ifstream in(file);
  std::string word;
  in.width(100);
  in >> word;
  return word;
}

// The snapshot's GGUF file of this quantization.
std::string located_gguf(const QuantizedId& asked, const std::string& revision) {
  const auto who = asked.id + ":" + asked.quantization;
  std::vector<std::string> names;
  std::error_code error;
  const auto snapshot = find_snapshot(asked.id, revision);
  if (snapshot)
    for (const auto& entry : fs::recursive_directory_iterator(*snapshot, error))
      names.push_back(entry.path().lexically_relative(*snapshot).string());
  const auto files = gguf_files(names, asked.quantization, who);
  if (!files.empty()) return (*snapshot / files.front()).string();
  const auto more = revision == "main" ? "" : " --revision " + revision;
  throw Error(who, "revision " + revision + " of it is not in " + model_folder(asked.id).string(),
              "fetch it with `strata download " + who + more + "`");
}

}  // namespace

bool is_model_id(std::string_view text) {
  const auto slash = text.find('/');
  const bool parts = slash == text.npos
                         ? is_name(text)
                         : is_name(text.substr(0, slash)) && is_name(text.substr(slash + 1));
  return parts && text.find("--") == text.npos && text.find("..") == text.npos &&
         !text.ends_with(".git");
}

bool is_revision(std::string_view text) {
  return !text.empty() && text.size() <= 200 && text.front() != '/' && text.back() != '/' &&
         text.find("..") == text.npos && text.find("//") == text.npos &&
         std::ranges::all_of(text, [](char c) { return is_part(c) || c == '/'; });
}

bool is_commit(std::string_view text) {
  return text.size() == 40 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

fs::path model_folder(std::string_view id) {
  std::string name(id);
  if (const auto slash = name.find('/'); slash != name.npos) name.replace(slash, 1, "--");
  return cache_folder() / ("models--" + name);
}

std::optional<fs::path> find_snapshot(std::string_view id, const std::string& revision) {
  const auto model = model_folder(id);
  const auto commit = is_commit(revision) ? revision : first_word(model / "refs" / revision);
  std::error_code error;
  if (!is_commit(commit) || !fs::is_directory(model / "snapshots" / commit, error)) return {};
  return model / "snapshots" / commit;
}

std::string located(const std::string& model, const std::string& revision) {
  std::error_code error;
  if (model.empty())
    throw UsageError("MODEL", "its name is empty",
                     "give a Hugging Face folder, a .gguf, .safetensors or .bin file, or ORG/NAME");
  if (!is_revision(revision))
    throw UsageError("--revision", "'" + printable(revision) + "' is no branch, tag or commit",
                     "give one as the hub names it");
  if (const auto quantized = quantized_id(model); quantized && !fs::exists(model, error))
    return located_gguf(*quantized, revision);
  if (fs::exists(model, error) || !is_model_id(model) || model.ends_with(".json") ||
      source::ends_as_checkpoint(model))
    return model;
  if (const auto snapshot = find_snapshot(model, revision)) return snapshot->string();
  if (model.find('/') == model.npos) return model;
  const auto more = revision == "main" ? "" : " --revision " + revision;
  throw Error(model,
              "no such file or folder, and revision " + revision + " is not in " +
                  model_folder(model).string(),
              std::string(is_offline() ? "unset HF_HUB_OFFLINE and " : "") +
                  "fetch it with `strata download " + model + more + "` or `hf download " + model +
                  more + "`");
}

}  // namespace strata::hub
