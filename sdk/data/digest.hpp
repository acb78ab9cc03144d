// SHA-256 over bytes that come in parts.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace strata::data {

class Digest {
 public:
  Digest();
  void add(std::string_view bytes);
  // Adds the eight bytes of a number, the lowest first.
  void add(std::uint64_t number);
  // Adds a text with its length, so that two texts differ from one that joins them.
  void add_text(std::string_view text);
  // The digest as 64 lower-case hex digits; call it once, at the end.
  std::string hex();

 private:
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

}  // namespace strata::data
