// The child process of `strata plugins check`: it runs one check after the other and writes a line
// for each.
#pragma once
#include <strata/abi/core.h>

#include <filesystem>

namespace strata::check {

// Checks the plugin of this manifest with `host` and writes JSON lines to `fd`: {"name"} when a
// check begins, {"name", "ok", "words"} when it is done. Stops at the first failure that makes the
// next checks pointless.
void probe(const std::filesystem::path& manifest_file, const strata_host* host, int fd);

}  // namespace strata::check
