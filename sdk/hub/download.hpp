// A model's files from a hub into the cache.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "hub/environment.hpp"

namespace strata::hub {

// Reports the bytes of a file that have arrived, and its size.
using Progress =
    std::function<void(const std::string& file, std::uint64_t done, std::uint64_t all)>;

// Fetches the files that running the model needs and the cache lacks: its configuration, its
// tokenizer, and its weights as safetensors, else as pytorch_model.bin, else as the repository's
// only GGUF model. An id "org/name:Q4_K_M" asks for the GGUF of this quantization. A partial
// download is resumed. A file gets its place once its hash equals the hub's and it is on the disk.
// Returns the snapshot's folder, or the GGUF file. Offline nothing is fetched: the result is the
// cache's snapshot, or an Error.
std::filesystem::path download(const Hub& hub, const std::string& id, const std::string& revision,
                               const Progress& progress);

// The repository's configuration and tokenizer files.
std::vector<std::string> small_files(const std::vector<std::string>& names);
// The repository's weights: a whole file, or the index of the shards; empty if it has none of a
// known name.
std::string weights_file(const std::vector<std::string>& names);

}  // namespace strata::hub
