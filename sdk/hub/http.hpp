// The HTTP client that downloading needs. Its implementation is a library of its own, opened on
// demand: the program starts without it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

namespace strata::hub {

struct Request {
  std::string url;
  std::string token{};     // sent as a bearer token; empty: none
  bool head = false;       // ask for the headers alone
  std::uint64_t from = 0;  // the first byte wanted
  long patience = 10;      // seconds without an answer or a byte
};

struct Reply {
  int status = 0;                              // 0: there was no reply, and `words` says why
  std::map<std::string, std::string> headers;  // by their names in lower case
  std::string redirect;                        // where a 3xx leads, absolute; not followed
  std::string words;
};

// Takes a piece of a successful reply's body; the reply has status and headers so far. Returning
// false ends the transfer. It may throw.
using Body = std::function<bool(const Reply&, std::span<const std::byte>)>;

class Http {
 public:
  virtual ~Http() = default;
  virtual Reply send(const Request& request, const Body& body) = 0;
};

}  // namespace strata::hub
