// A model's files from a hub into the cache.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "host/hub/http.hpp"

namespace strata::hub {

struct Hub {
  std::string endpoint = "https://huggingface.co";
  std::string token;   // sent to the endpoint alone, never where it redirects to
  long patience = 10;  // seconds without an answer or a byte
};
// HF_ENDPOINT, HF_TOKEN and HF_HUB_DOWNLOAD_TIMEOUT.
Hub hub_of_environment();

// Bytes of a file that are there, and all of it.
using Progress =
    std::function<void(const std::string& file, std::uint64_t done, std::uint64_t all)>;

// Fetches what running the model needs and the cache lacks: its configuration, its tokenizer, and
// its weights as safetensors, else as pytorch_model.bin. What was fetched in part goes on from
// there. A file gets its place when its hash is the hub's and it is on the disk. The snapshot's
// folder.
std::filesystem::path download(Http& http, const Hub& hub, const std::string& id,
                               const std::string& revision, const Progress& progress);

// Of a repository's files those that say what the model is and how it reads text.
std::vector<std::string> small_files(const std::vector<std::string>& names);
// Its weights: whole files, or the index whose shards are wanted; empty: it has none that are
// known.
std::string weights_file(const std::vector<std::string>& names);

}  // namespace strata::hub
