// Single transfers from a hub: asked again after faults that pass, resumed, checked.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "host/hub/environment.hpp"
#include "host/hub/http.hpp"

namespace strata::hub {

// What a hub says of a file before it is fetched.
struct About {
  std::string url;   // of the file on the hub
  std::string hash;  // 64 hex digits: SHA-256; 40: git's SHA-1 of a blob
  std::uint64_t bytes = 0;
};

// An answer of 408, 429 or 5xx, no answer and a torn transfer are tried again, with growing pauses.
// The rest, and what does not pass, is an Error with the address and what the server said.
class Fetch {
 public:
  Fetch(Http& http, const Hub& hub) : http_(http), hub_(hub) {}

  // A small document, at most 16 MiB.
  std::string text(const std::string& url);
  About about(const std::string& url);
  // `blob`, out of what BLOB.incomplete holds already and what is missing of it. A
  // second process that wants the same is refused.
  void file(const About& about, const std::filesystem::path& blob,
            const std::function<void(std::uint64_t done)>& progress);

 private:
  // Follows redirects: `away`: also to others than the endpoint, which do not get the token.
  Reply send(Request request, const Body& body, bool away);
  // Calls `attempt` until it gives a reply that is not worth another try.
  Reply retried(const std::function<Reply()>& attempt);

  Http& http_;
  const Hub& hub_;
};

// For one segment of a URL's path.
std::string percent_encoded(std::string_view text);

}  // namespace strata::hub
