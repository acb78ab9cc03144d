#include "registry/hash.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <memory>
#include <vector>

#include "core/error.hpp"

namespace strata::registry {
namespace {

// The digest of `before` followed by the file's bytes.
std::string digest_of(const std::filesystem::path& file, const EVP_MD* kind,
                      const std::string& before) {
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);  // loads no engines from /etc/ssl
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  std::ifstream in(file, std::ios::binary);
  if (!in) throw Error(file.string(), "cannot be read", "make it readable");
  bool good = context && EVP_DigestInit_ex(context.get(), kind, nullptr) &&
              EVP_DigestUpdate(context.get(), before.data(), before.size());
  std::vector<char> block(1 << 18);
  while (good && in) {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    good = EVP_DigestUpdate(context.get(), block.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) throw Error(file.string(), "cannot be read", "check the disk");
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (!good || !EVP_DigestFinal_ex(context.get(), digest.data(), &size))
    throw Error(file.string(), "its hash cannot be computed", "");
  static constexpr char hex[] = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < size; ++i) out.append({hex[digest[i] >> 4], hex[digest[i] & 15]});
  return out;
}

}  // namespace

std::string sha256_of(const std::filesystem::path& file) {
  return digest_of(file, EVP_sha256(), "");
}

std::string git_sha1_of(const std::filesystem::path& file) {
  const auto header = "blob " + std::to_string(std::filesystem::file_size(file));
  return digest_of(file, EVP_sha1(), header + std::string(1, '\0'));
}

}  // namespace strata::registry
