#include "app/open_tokenizer.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/error.hpp"
#include "core/source/file_kind.hpp"
#include "core/source/gguf_config.hpp"
#include "core/source/gguf_parts.hpp"
#include "core/source/model_folder.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t longest = 256u << 20;

// The file's contents; empty only if the file does not exist.
std::string read_if_there(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return {};
  const auto size = fs::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file)
    throw Error(path.string(), "it cannot be read", "make it readable, or remove it");
  if (size == 0) throw Error(path.string(), "it is empty", "complete it, or remove it");
  if (size > longest)
    throw Error(path.string(), std::to_string(size) + " bytes are too many",
                "give the model's own file");
  std::ostringstream text;
  text << file.rdbuf();
  source::refuse_stand_in(text.view().substr(0, source::longest_beginning), path.string());
  return text.str();
}

// Reads the folder's tokenizer files. With a tokenizer.json the other vocabularies are not read.
text::TokenizerFiles read_files(const fs::path& folder) {
  text::TokenizerFiles files{.folder = folder.string(),
                             .json = read_if_there(folder / "tokenizer.json"),
                             .config = read_if_there(folder / "tokenizer_config.json"),
                             .special = read_if_there(folder / "special_tokens_map.json"),
                             .added = read_if_there(folder / "added_tokens.json"),
                             .shape = read_if_there(folder / "config.json")};
  if (!files.json.empty()) return files;
  files.model = read_if_there(folder / "tokenizer.model");
  files.vocab = read_if_there(folder / "vocab.json");
  files.merges = read_if_there(folder / "merges.txt");
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".tiktoken") files.tiktoken = read_if_there(entry.path());
  return files;
}

text::Tokenizer said(text::Tokenizer tokenizer, const Log& log) {
  for (const auto& warning : tokenizer.warnings()) log.line(STRATA_WARN, warning);
  return tokenizer;
}

text::Tokenizer of_folder(const fs::path& folder, const Log& log, bool takes_ids = false) {
  auto files = read_files(folder);
  files.takes_ids = takes_ids;
  return said(text::Tokenizer::from_files(files), log);
}

// The GGUF model of a folder that has neither weights of another kind nor a tokenizer.json.
std::string gguf_in(const std::string& folder) {
  std::error_code error;
  const bool other =
      !source::weights_of(folder).empty() || fs::exists(fs::path(folder) / "tokenizer.json", error);
  return other ? "" : source::gguf_of(folder);
}

// The part of a split GGUF model that has the metadata, if that file exists; else `path`.
std::string first_part(const std::string& path) {
  std::error_code error;
  const auto part = source::part_name(path);
  return part && fs::exists(part->path(1), error) ? part->path(1) : path;
}

}  // namespace

text::Tokenizer open_tokenizer(const source::Checkpoint& checkpoint, const Log& log,
                               bool takes_ids) {
  if (checkpoint.vocabulary())
    return text::Tokenizer::from_gguf(*checkpoint.vocabulary(), checkpoint.path());
  return of_folder(checkpoint.folder(), log, takes_ids);
}

text::Tokenizer open_tokenizer(const std::string& path, const Log& log) {
  std::error_code error;
  if (!fs::exists(path, error))
    throw Error(path, "no such model", "give a folder, a .safetensors, .bin or .gguf file");
  const bool is_folder = fs::is_directory(path, error);
  if (!is_folder && !path.ends_with(".gguf")) {
    const auto folder = fs::path(path).parent_path();
    return of_folder(folder.empty() ? "." : folder, log);
  }
  const auto gguf = is_folder ? gguf_in(path) : path;
  if (gguf.empty()) return of_folder(path, log);
  const auto file = source::File::open(first_part(gguf));
  return text::Tokenizer::from_gguf(source::gguf_vocabulary(source::read_gguf(*file, 0)), path);
}

}  // namespace strata::app
