// Where descriptions lie.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace generic {

// A folder that goes before all others; an empty text is none. Throws where it is no folder.
void use_folder(const std::string& folder);

// The file MODEL_TYPE.toml of that folder, of those in STRATA_DESCRIPTIONS ("a:b"), or beside this
// plugin; empty where there is none, or where the text is no name.
std::filesystem::path find_description(std::string_view model_type);

// The whole file; throws strata::Failure where it cannot be read.
std::string read_description(const std::filesystem::path& file);

}  // namespace generic
