// A model's files from a hub into the cache.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "host/hub/environment.hpp"

namespace strata::hub {

// Bytes of a file that are there, and all of it.
using Progress =
    std::function<void(const std::string& file, std::uint64_t done, std::uint64_t all)>;

// Fetches what running the model needs and the cache lacks: its configuration, its tokenizer, and
// its weights as safetensors, else as pytorch_model.bin, else as the one GGUF model that there is.
// An id "org/name:Q4_K_M" asks for the GGUF of this quantization. What was fetched in part goes on
// from there. A file gets its place when its hash is the hub's and it is on the disk. The
// snapshot's folder, or the GGUF file. Offline nothing is fetched: the snapshot that the cache has,
// or an Error.
std::filesystem::path download(const Hub& hub, const std::string& id, const std::string& revision,
                               const Progress& progress);

// Of a repository's files those that say what the model is and how it reads text.
std::vector<std::string> small_files(const std::vector<std::string>& names);
// Its weights: whole files, or the index whose shards are wanted; empty: it has none that are
// known.
std::string weights_file(const std::vector<std::string>& names);

}  // namespace strata::hub
