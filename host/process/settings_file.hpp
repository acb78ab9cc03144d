// Files in which a user writes settings: TOML and ds_config.
#pragma once
#include <string>

namespace strata::host {

// The text of a file of at most 1 MiB; throws UsageError otherwise.
std::string read_settings_file(const std::string& file);

}  // namespace strata::host
