// The cache that Hugging Face's programs share: models--ORG--NAME/refs/REVISION names a commit,
// snapshots/COMMIT/ has its files, links into blobs/.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace strata::hub {

// "org/name" or "name", as the hub allows them.
bool is_model_id(std::string_view text);
// A branch, a tag or a commit, fit for a path under refs/.
bool is_revision(std::string_view text);
// 40 lower-case hex digits.
bool is_commit(std::string_view text);

// The folder of a model in the cache.
std::filesystem::path model_folder(std::string_view id);

// The folder of a revision's files; nothing if the cache has none.
std::optional<std::filesystem::path> find_snapshot(std::string_view id,
                                                   const std::string& revision);

// The path of MODEL as the user named it: the text itself if it exists or is no model id, else the
// snapshot's folder; for "org/name:Q4_K_M" the GGUF file of this quantization. An "org/name" that
// is neither throws an Error with the folder that was searched and the commands that fill it.
std::string located(const std::string& model, const std::string& revision);

}  // namespace strata::hub
