#include "core/source/zip.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/error.hpp"

namespace strata::source {
namespace {

constexpr std::uint64_t max_directory = 64ull << 20;
constexpr std::size_t end_bytes = 22, end64_bytes = 56, locator_bytes = 20, central_bytes = 46,
                      local_bytes = 30;
constexpr std::uint32_t end_magic = 0x06054b50, end64_magic = 0x06064b50,
                        locator_magic = 0x07064b50, central_magic = 0x02014b50,
                        local_magic = 0x04034b50;
constexpr std::uint32_t in_zip64 = 0xffffffff;  // the number is in the zip64 extra field
constexpr auto damaged = "the file is damaged; fetch it again";

template <class T>
T number(std::string_view bytes, std::size_t at) {
  T out;
  std::memcpy(&out, bytes.data() + at, sizeof out);
  return out;
}

struct Directory {
  std::uint64_t entries, bytes, offset;
};

// One entry as the directory describes it.
struct Central {
  std::string name;
  std::uint64_t local, bytes;
};

class Zip {
 public:
  Zip(const ReadAt& read, std::uint64_t size, std::string_view path)
      : read_(read), size_(size), path_(path) {}

  std::map<std::string, ZipEntry, std::less<>> entries() {
    const auto where = directory();
    const auto text = bytes(where.offset, where.bytes);
    std::map<std::string, ZipEntry, std::less<>> out;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> taken;  // [local header, end of data)
    std::size_t at = 0;
    for (std::uint64_t i = 0; i < where.entries; ++i) {
      const auto entry = central(text, at);
      const ZipEntry found{data_of(entry, where.offset), entry.bytes};
      taken.emplace_back(entry.local, found.offset + found.bytes);
      if (!out.emplace(entry.name, found).second) refuse(entry.name, "occurs twice");
    }
    std::sort(taken.begin(), taken.end());
    for (std::size_t i = 1; i < taken.size(); ++i)
      if (taken[i].first < taken[i - 1].second)
        throw Error(path_, "two entries lie on top of each other", damaged);
    return out;
  }

 private:
  [[noreturn]] void refuse(std::string_view entry, const std::string& what,
                           std::string_view remedy = damaged) const {
    throw Error(path_, "entry '" + printable(entry) + "' " + what, remedy);
  }

  std::string bytes(std::uint64_t offset, std::uint64_t count) const {
    if (offset > size_ || count > size_ - offset)
      throw Error(path_, "a zip file's part lies beyond its end",
                  "the file is cut short; fetch it again");
    std::string out(static_cast<std::size_t>(count), '\0');
    read_(offset, std::as_writable_bytes(std::span(out)));
    return out;
  }

  // The end record comes last in the file, but for its own comment.
  Directory directory() const {
    const auto tail_bytes = std::min<std::uint64_t>(size_, end_bytes + 0xffff);
    const auto begin = size_ - tail_bytes;
    const auto tail = bytes(begin, tail_bytes);
    for (auto at = static_cast<std::int64_t>(tail_bytes) - static_cast<std::int64_t>(end_bytes);
         at >= 0; --at) {
      const auto from = static_cast<std::size_t>(at);
      if (number<std::uint32_t>(tail, from) != end_magic ||
          number<std::uint16_t>(tail, from + 20) != tail_bytes - from - end_bytes)
        continue;
      const auto out = directory64(begin + from, {number<std::uint16_t>(tail, from + 10),
                                                  number<std::uint32_t>(tail, from + 12),
                                                  number<std::uint32_t>(tail, from + 16)});
      if (out.bytes > max_directory || out.entries > out.bytes / central_bytes)
        throw Error(path_, "its zip directory does not fit", damaged);
      return out;
    }
    throw Error(path_, "has no zip directory", "the file is cut short; fetch it again");
  }

  // The numbers of the zip64 end record where there is one, before the end record.
  Directory directory64(std::uint64_t end, Directory small) const {
    if (end < locator_bytes) return small;
    const auto locator = bytes(end - locator_bytes, locator_bytes);
    if (number<std::uint32_t>(locator, 0) != locator_magic) return small;
    const auto record = bytes(number<std::uint64_t>(locator, 8), end64_bytes);
    if (number<std::uint32_t>(record, 0) != end64_magic)
      throw Error(path_, "its zip64 end record is not there", damaged);
    return {number<std::uint64_t>(record, 32), number<std::uint64_t>(record, 40),
            number<std::uint64_t>(record, 48)};
  }

  // The entry at `at`, which moves behind it.
  Central central(std::string_view text, std::size_t& at) const {
    const auto left = text.size() - at;
    if (left < central_bytes || number<std::uint32_t>(text, at) != central_magic)
      throw Error(path_, "its zip directory is cut short", damaged);
    const auto head = text.substr(at, central_bytes);
    const std::size_t name = number<std::uint16_t>(head, 28),
                      extra = number<std::uint16_t>(head, 30),
                      comment = number<std::uint16_t>(head, 32);
    if (left - central_bytes < name + extra + comment)
      throw Error(path_, "its zip directory is cut short", damaged);
    Central out{std::string(text.substr(at + central_bytes, name)), number<std::uint32_t>(head, 42),
                number<std::uint32_t>(head, 24)};
    std::uint64_t packed = number<std::uint32_t>(head, 20);
    wide(text.substr(at + central_bytes + name, extra), out, packed);
    at += central_bytes + name + extra + comment;
    if (number<std::uint16_t>(head, 8) & 1)
      refuse(out.name, "is encrypted", "save the model without a password");
    if (number<std::uint16_t>(head, 10) != 0)
      refuse(out.name, "is compressed", "save the model again with torch.save");
    if (packed != out.bytes) refuse(out.name, "has two sizes");
    return out;
  }

  // Numbers that 32 bits do not hold, in the order that the format fixes.
  void wide(std::string_view extra, Central& entry, std::uint64_t& packed) const {
    while (extra.size() >= 4) {
      const auto id = number<std::uint16_t>(extra, 0);
      const std::size_t bytes = number<std::uint16_t>(extra, 2);
      if (bytes > extra.size() - 4) refuse(entry.name, "has a broken extra field");
      auto field = extra.substr(4, bytes);
      extra.remove_prefix(4 + bytes);
      if (id != 1) continue;
      for (auto* value : {&entry.bytes, &packed, &entry.local}) {
        if (*value != in_zip64) continue;
        if (field.size() < 8) refuse(entry.name, "has a broken extra field");
        *value = number<std::uint64_t>(field, 0);
        field.remove_prefix(8);
      }
    }
  }

  // The offset of the data, all of which is before the directory.
  std::uint64_t data_of(const Central& entry, std::uint64_t directory) const {
    if (entry.local > directory || directory - entry.local < local_bytes)
      refuse(entry.name, "lies beyond the zip directory");
    const auto head = bytes(entry.local, local_bytes);
    const std::uint64_t name = number<std::uint16_t>(head, 26),
                        extra = number<std::uint16_t>(head, 28),
                        room = directory - entry.local - local_bytes;
    if (number<std::uint32_t>(head, 0) != local_magic || name != entry.name.size() ||
        bytes(entry.local + local_bytes, name) != entry.name)
      refuse(entry.name, "is not where the zip directory says");
    if (name + extra > room || entry.bytes > room - name - extra)
      refuse(entry.name, "lies beyond the zip directory");
    return entry.local + local_bytes + name + extra;
  }

  const ReadAt& read_;
  std::uint64_t size_;
  std::string_view path_;
};

}  // namespace

std::map<std::string, ZipEntry, std::less<>> parse_zip(const ReadAt& read, std::uint64_t size,
                                                       std::string_view path) {
  return Zip(read, size, path).entries();
}

}  // namespace strata::source
