#include "data/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>

#include "core/error.hpp"

namespace strata::data {
namespace {

void need(bool good) {
  if (!good) throw Error("data", "a SHA-256 cannot be computed", "check the machine's memory");
}

}  // namespace

Digest::Digest() : context_(nullptr, EVP_MD_CTX_free) {
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);  // loads no engines from /etc/ssl
  context_.reset(EVP_MD_CTX_new());
  need(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void Digest::add(std::string_view bytes) {
  need(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

void Digest::add(std::uint64_t number) {
  std::array<char, 8> bytes;
  for (auto& byte : bytes) byte = static_cast<char>(number & 255), number >>= 8;
  add(std::string_view(bytes.data(), bytes.size()));
}

void Digest::add_text(std::string_view text) {
  add(static_cast<std::uint64_t>(text.size()));
  add(text);
}

std::string Digest::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  need(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1);
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < size; ++i) out.append({digits[digest[i] >> 4], digits[digest[i] & 15]});
  return out;
}

}  // namespace strata::data
