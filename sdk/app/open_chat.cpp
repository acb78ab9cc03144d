#include "app/open_chat.hpp"

#include <filesystem>
#include <fstream>

#include "core/error.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest = 16 << 20;

fs::path folder_of(const source::Checkpoint& checkpoint) {
  const auto path = fs::path(checkpoint.path());
  return checkpoint.kind() == source::Kind::folder ? path : path.parent_path();
}

std::optional<text::TextFile> beside(const source::Checkpoint& checkpoint,
                                     const std::string& name) {
  const auto path = folder_of(checkpoint) / name;
  std::error_code error;
  if (!fs::exists(fs::symlink_status(path, error))) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  if (!fs::is_regular_file(path, error) || !file)
    throw Error(path.string(), "it cannot be read", "make it a file that you may read");
  std::string bytes(longest + 1, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  if (bytes.size() > longest || file.bad())
    throw Error(path.string(), "it cannot be read, or has more than 16 MiB", "fetch it again");
  return text::TextFile{path.string(), std::move(bytes)};
}

}  // namespace

text::ChatTemplate open_chat(const source::Checkpoint& checkpoint,
                             const text::Tokenizer& tokenizer) {
  if (checkpoint.vocabulary())
    return text::ChatTemplate::from_gguf(*checkpoint.vocabulary(), checkpoint.path());
  std::map<std::string, text::TextFile> templates;
  auto jinja = beside(checkpoint, "chat_template.jinja");
  if (!jinja) jinja = beside(checkpoint, "chat_templates/default.jinja");
  if (jinja) templates["default"] = std::move(*jinja);
  const fs::path more = "additional_chat_templates";
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_of(checkpoint) / more, error))
    if (entry.path().extension() == ".jinja")
      templates[entry.path().stem().string()] =
          *beside(checkpoint, (more / entry.path().filename()).string());
  return text::ChatTemplate::from_files(beside(checkpoint, "tokenizer_config.json"), templates,
                                        folder_of(checkpoint).string(), tokenizer.special_tokens());
}

run::GenerationConfig open_generation_config(const source::Checkpoint& checkpoint) {
  auto file = checkpoint.kind() == source::Kind::gguf
                  ? std::nullopt
                  : beside(checkpoint, "generation_config.json");
  return file ? run::parse_generation_config(std::move(file->bytes), file->path)
              : run::GenerationConfig{};
}

}  // namespace strata::app
