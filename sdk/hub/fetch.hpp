// Single transfers from a hub: retried after transient faults, resumed, and checked.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "hub/environment.hpp"
#include "hub/http.hpp"

namespace strata::hub {

// The properties of a file that the hub reports before the download.
struct About {
  std::string url;   // of the file on the hub
  std::string hash;  // 64 hex digits: SHA-256; 40: git's SHA-1 of a blob
  std::uint64_t bytes = 0;
};

// A status of 408, 429 or 5xx, a missing reply and a broken transfer are retried with growing
// pauses. Any other failure, and one that persists, throws an Error with the address and the
// server's words.
class Fetch {
 public:
  Fetch(Http& http, const Hub& hub) : http_(http), hub_(hub) {}

  // A small document, at most 16 MiB.
  std::string text(const std::string& url);
  About about(const std::string& url);
  // Completes BLOB.incomplete, which may hold a part already, and renames it to `blob`. A second
  // process that wants the same file is refused.
  void file(const About& about, const std::filesystem::path& blob,
            const std::function<void(std::uint64_t done)>& progress);

 private:
  // Follows redirects; with `away` also to servers other than the endpoint, which do not get the
  // token.
  Reply send(Request request, const Body& body, bool away);
  // Calls `attempt` until its reply is not worth another try.
  Reply retried(const std::function<Reply()>& attempt);

  Http& http_;
  const Hub& hub_;
};

// Encodes one segment of a URL's path.
std::string percent_encoded(std::string_view text);

}  // namespace strata::hub
