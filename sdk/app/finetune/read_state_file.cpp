#include "app/finetune/read_state_file.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "app/finetune/found_parts.hpp"
#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/source/file.hpp"
#include "core/source/safetensors.hpp"
#include "data/digest.hpp"

namespace strata::app {
namespace {

constexpr std::uint64_t block_bytes = 4 << 20;  // read and hashed at a time, whole elements
constexpr auto remedy = "resume from another checkpoint";

// Opens a file of a checkpoint, which must have the size with which it was written.
std::shared_ptr<const source::File> open_saved(const std::string& path,
                                               const SavedState::File& saved) {
  auto in = source::File::open(path);
  if (in->size() != saved.bytes)
    throw Error(path,
                "it has " + std::to_string(in->size()) + " bytes, and was written with " +
                    std::to_string(saved.bytes),
                remedy);
  return in;
}

// Reads a file from its beginning to its end, and makes its digest.
class Reading {
 public:
  Reading(const source::File& file, std::uint64_t header) : file_(file) {
    pass(header, [](std::uint64_t, std::span<const std::byte>) {});
  }
  // Calls `use` with the next bytes, block by block.
  template <class Use>
  void pass(std::uint64_t bytes, const Use& use) {
    for (std::uint64_t done = 0; done < bytes;) {
      room_.resize(static_cast<std::size_t>(std::min(block_bytes, bytes - done)));
      file_.read(at_, room_);
      digest_.add({reinterpret_cast<const char*>(room_.data()), room_.size()});
      use(done, std::span<const std::byte>(room_));
      done += room_.size();
      at_ += room_.size();
    }
  }
  void need(const SavedState::File& saved) {
    file_.forget();
    if (digest_.hex() != saved.sha256)
      throw Error(file_.path(), "its bytes are not those that were written", remedy);
  }

 private:
  const source::File& file_;
  data::Digest digest_;
  std::uint64_t at_ = 0;
  std::vector<std::byte> room_;
};

// Sets what is here of a tensor's bytes from `at` on.
void set(const StateTensor& tensor, std::uint64_t at, std::span<const std::byte> bytes) {
  const auto here = here_of(tensor);
  const std::uint64_t width = element_bytes(tensor.dtype), begin = here.first * width;
  const auto first = std::max(at, begin);
  const auto last = std::min(at + bytes.size(), begin + here.count * width);
  if (first >= last) return;
  const auto part = bytes.subspan(first - at, last - first);
  if (tensor.write)
    tensor.write(first - begin, part);
  else
    std::memcpy(tensor.values.subspan(first - begin, part.size()).data(), part.data(), part.size());
}

// Returns whether a part has an element that is here.
bool is_wanted(const FoundPart& part, const StateFile& file) {
  const auto here = here_of(file.tensors[part.tensor]);
  return here.count > 0 && part.elements.first < here.first + here.count &&
         here.first < part.elements.first + part.elements.count;
}

}  // namespace

void read_whole(const std::string& folder, const SavedState::File& saved, const StateFile& file) {
  need_values(file);
  const auto path = folder + "/" + saved.name;
  const auto in = open_saved(path, saved);
  const auto header = whole_header(file);
  std::uint64_t all = header.size();
  for (const auto& tensor : file.tensors)
    all += element_count(tensor.shape) * element_bytes(tensor.dtype);
  std::string own(header.size(), '\0');
  if (in->size() == all) in->read(0, std::as_writable_bytes(std::span(own)));
  if (own != header) throw Error(path, "its tensors are not those of the model", remedy);
  Reading reading(*in, header.size());
  for (const auto& tensor : file.tensors)
    reading.pass(
        element_count(tensor.shape) * element_bytes(tensor.dtype),
        [&](std::uint64_t at, std::span<const std::byte> bytes) { set(tensor, at, bytes); });
  reading.need(saved);
}

void read_parts(const std::string& folder, std::span<const SavedState::File* const> saved,
                const StateFile& file) {
  need_values(file);
  std::vector<std::vector<FoundPart>> found;
  std::vector<FoundPart> all;
  for (const auto* one : saved) {
    const auto path = folder + "/" + one->name;
    const auto in = open_saved(path, *one);
    found.push_back(parts_in(source::read_safetensors(*in, 0), file, path));
    all.insert(all.end(), found.back().begin(), found.back().end());
  }
  check_complete(std::move(all), file, folder + "/" + file.name);
  for (std::size_t i = 0; i < saved.size(); ++i) {
    const auto& parts = found[i];
    if (std::ranges::none_of(parts, [&](const FoundPart& part) { return is_wanted(part, file); }))
      continue;
    const auto in = open_saved(folder + "/" + saved[i]->name, *saved[i]);
    // The tensors' bytes fill the file behind its header.
    Reading reading(*in, parts.front().offset);
    for (const auto& part : parts) {
      const auto& tensor = file.tensors[part.tensor];
      const std::uint64_t width = element_bytes(tensor.dtype);
      reading.pass(part.elements.count * width,
                   [&](std::uint64_t at, std::span<const std::byte> bytes) {
                     set(tensor, part.elements.first * width + at, bytes);
                   });
    }
    reading.need(*saved[i]);
  }
}

}  // namespace strata::app
