// The child's side of `strata plugins check`: one check after the other, a line for each.
#pragma once
#include <strata/abi/core.h>

#include <filesystem>

namespace strata::check {

// Checks the plugin of this manifest with `host` and writes JSON lines to `fd`: {"name"} when a
// check begins, {"name", "ok", "words"} when it is done. Stops at the first that makes the next
// ones pointless.
void probe(const std::filesystem::path& manifest_file, const strata_host* host, int fd);

}  // namespace strata::check
