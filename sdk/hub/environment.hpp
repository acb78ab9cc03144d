// The environment variables about a hub and its cache, under the names that huggingface_hub reads.
#pragma once
#include <filesystem>
#include <string>

namespace strata::hub {

struct Hub {
  std::string endpoint = "https://huggingface.co";
  std::string token;     // sent to the endpoint alone, never to the target of a redirect
  long patience = 10;    // seconds without an answer or a byte
  bool offline = false;  // no requests are made
};

// HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and HF_HUB_DOWNLOAD_TIMEOUT. Without an HF_TOKEN the token
// is the one that `hf auth login` left: in HF_TOKEN_PATH, else HF_HOME/token.
Hub hub_of_environment();

// HF_HUB_OFFLINE, else TRANSFORMERS_OFFLINE.
bool is_offline();

// HF_HUB_CACHE, else HUGGINGFACE_HUB_CACHE, else HF_HOME/hub, where HF_HOME is
// XDG_CACHE_HOME/huggingface or ~/.cache/huggingface unless it is set.
std::filesystem::path cache_folder();

}  // namespace strata::hub
