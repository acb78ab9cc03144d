// The folders that hold descriptions.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace generic {

// Sets a folder that is searched first; an empty text sets none. Throws if it is no folder.
void use_folder(const std::string& folder);

// The file MODEL_TYPE.toml of that folder, of those in STRATA_DESCRIPTIONS ("a:b"), or beside this
// plugin; empty if there is none, or if the text is no valid name.
std::filesystem::path find_description(std::string_view model_type);

// The whole file; throws strata::Failure if it cannot be read.
std::string read_description(const std::filesystem::path& file);

}  // namespace generic
