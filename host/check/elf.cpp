#include "host/check/elf.hpp"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "core/error.hpp"

namespace strata::check {
namespace {

// The file's bytes; every access is checked against their end.
class Image {
 public:
  Image(std::span<const std::byte> bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  [[noreturn]] void refuse(const char* what) const {
    throw Error(file_, what, "build the plugin again");
  }
  template <class T>
  T at(std::uint64_t offset) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) refuse("is cut short");
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  // The zero-terminated string at `offset` of a section of strings.
  std::string text(const Elf64_Shdr& strings, std::uint64_t offset) const {
    if (strings.sh_offset > bytes_.size() || strings.sh_size > bytes_.size() - strings.sh_offset ||
        offset >= strings.sh_size)
      refuse("has a name outside its string table");
    const auto* begin = reinterpret_cast<const char*>(bytes_.data()) + strings.sh_offset + offset;
    return {begin, strnlen(begin, strings.sh_size - offset)};
  }
  Elf64_Shdr section(std::uint64_t index) const {
    const auto header = at<Elf64_Ehdr>(0);
    if (index >= header.e_shnum) refuse("names a section that is not there");
    return at<Elf64_Shdr>(add(header.e_shoff, index * sizeof(Elf64_Shdr)));
  }
  std::uint64_t add(std::uint64_t a, std::uint64_t b) const {
    if (__builtin_add_overflow(a, b, &a)) refuse("has an offset past its end");
    return a;
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& file_;
};

template <class Entry, class Visit>
void each(const Image& image, const Elf64_Shdr& section, Visit visit) {
  for (std::uint64_t at = 0; at + sizeof(Entry) <= section.sh_size; at += sizeof(Entry))
    if (!visit(image.at<Entry>(image.add(section.sh_offset, at)))) return;
}

void read_symbols(const Image& image, const Elf64_Shdr& section, Elf& out) {
  const auto strings = image.section(section.sh_link);
  each<Elf64_Sym>(image, section, [&](const Elf64_Sym& symbol) {
    const auto visibility = ELF64_ST_VISIBILITY(symbol.st_other);
    if (symbol.st_shndx != SHN_UNDEF && ELF64_ST_BIND(symbol.st_info) != STB_LOCAL &&
        (visibility == STV_DEFAULT || visibility == STV_PROTECTED))
      out.exported.push_back(image.text(strings, symbol.st_name));
    return true;
  });
}

void read_needed(const Image& image, const Elf64_Shdr& section, Elf& out) {
  const auto strings = image.section(section.sh_link);
  each<Elf64_Dyn>(image, section, [&](const Elf64_Dyn& entry) {
    if (entry.d_tag == DT_NEEDED) out.needed.push_back(image.text(strings, entry.d_un.d_val));
    return entry.d_tag != DT_NULL;
  });
}

void read_versions(const Image& image, const Elf64_Shdr& section, Elf& out) {
  const auto strings = image.section(section.sh_link);
  auto at = section.sh_offset;
  for (std::uint64_t i = 0; i < section.sh_info; ++i) {
    const auto need = image.at<Elf64_Verneed>(at);
    auto one = image.add(at, need.vn_aux);
    for (std::uint64_t j = 0; j < need.vn_cnt; ++j) {
      const auto version = image.at<Elf64_Vernaux>(one);
      out.versions.push_back(image.text(strings, version.vna_name));
      if (version.vna_next == 0) break;
      one = image.add(one, version.vna_next);
    }
    if (need.vn_next == 0) break;
    at = image.add(at, need.vn_next);
  }
}

}  // namespace

Elf read_elf(std::span<const std::byte> bytes, const std::string& file) {
  const Image image(bytes, file);
  const auto header = image.at<Elf64_Ehdr>(0);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_type != ET_DYN ||
      header.e_shentsize != sizeof(Elf64_Shdr))
    image.refuse("is no shared library of this machine");
  Elf out;
  bool symbols = false;
  for (std::uint64_t i = 0; i < header.e_shnum; ++i) {
    const auto section = image.section(i);
    if (section.sh_type == SHT_DYNSYM) read_symbols(image, section, out), symbols = true;
    if (section.sh_type == SHT_DYNAMIC) read_needed(image, section, out);
    if (section.sh_type == SHT_GNU_verneed) read_versions(image, section, out);
  }
  if (!symbols) image.refuse("has no table of dynamic symbols");
  return out;
}

std::string foreign_library(const std::string& needed) {
  // The C and C++ runtimes, the kernel's and the device's interfaces, the sanitizers.
  static constexpr std::array<std::string_view, 18> allowed{
      "libc",        "libm",     "libstdc++", "libgcc_s", "ld-linux-x86-64", "libpthread",
      "libdl",       "librt",    "liburing",  "libcuda",  "libcudart",       "libcublas",
      "libcublasLt", "libnvrtc", "libcufile", "libasan",  "libubsan",        "libtsan"};
  const auto stem = std::string_view(needed).substr(0, needed.find(".so"));
  if (std::find(allowed.begin(), allowed.end(), stem) != allowed.end()) return {};
  return "it needs " + needed + ", which a plugin may not: link it statically";
}

std::string highest(const std::vector<std::string>& versions, const std::string& family) {
  std::string best;
  for (const auto& version : versions)
    if (version.starts_with(family) && strverscmp(version.c_str(), best.c_str()) > 0)
      best = version;
  return best;
}

}  // namespace strata::check
