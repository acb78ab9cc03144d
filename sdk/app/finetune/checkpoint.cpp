#include "app/finetune/checkpoint.hpp"

#include <algorithm>
#include <deque>
#include <vector>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/source/file.hpp"
#include "core/source/output.hpp"
#include "core/source/safetensors.hpp"
#include "data/digest.hpp"

namespace strata::app {
namespace {

constexpr std::uint64_t longest_state = 64ull << 20;  // bytes of state.json
constexpr std::uint64_t block_bytes = 4 << 20;        // read and hashed at a time
constexpr std::size_t most_open = 64;                 // files that are not yet on the disk
constexpr auto state_name = "state.json";
constexpr auto remedy = "resume from another checkpoint";

std::uint64_t size_of(const StateTensor& tensor) {
  return element_count(tensor.shape) * element_bytes(tensor.dtype);
}

// Bytes [first, first + count) of a tensor, in `room` if they lie elsewhere.
std::span<std::byte> part_of(const StateTensor& tensor, std::uint64_t first, std::uint64_t count,
                             std::vector<std::byte>& room) {
  if (!tensor.read) return tensor.values.subspan(first, count);
  room.resize(count);
  return room;
}

// The bytes in front of the values, which are those of all tensors without gaps.
std::string header_of(const StateFile& file) {
  std::vector<source::Tensor> tensors;
  for (const auto& tensor : file.tensors) {
    source::Tensor one{.name = tensor.name, .shape = tensor.shape};
    one.stored = source::dense_form(tensor.dtype, tensor.shape);
    if (!tensor.read && one.stored.bytes != tensor.values.size())
      throw Error(tensor.name, "its values are not as many as its shape has",
                  "this is a mistake in Strata");
    tensors.push_back(std::move(one));
  }
  return source::safetensors_header(tensors);
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Writes a file and returns its name, size and digest. The caller finishes `out`.
SavedState::File write_file(source::OutputFile& out, const StateFile& file) {
  data::Digest digest;
  std::uint64_t at = 0;
  const auto write = [&](std::span<const std::byte> bytes) {
    digest.add(text_of(bytes));
    out.write(at, bytes);
    at += bytes.size();
  };
  const auto header = header_of(file);
  write(std::as_bytes(std::span(header)));
  std::vector<std::byte> room;
  for (const auto& tensor : file.tensors) {
    const auto bytes = size_of(tensor);
    for (std::uint64_t first = 0; first < bytes; first += block_bytes) {
      const auto part = part_of(tensor, first, std::min(block_bytes, bytes - first), room);
      if (tensor.read) tensor.read(first, part);
      write(part);
    }
  }
  return {.name = file.name, .sha256 = digest.hex(), .bytes = at};
}

void read_file(const std::string& path, const SavedState::File& saved, const StateFile& file) {
  const auto in = source::File::open(path);
  if (in->size() != saved.bytes)
    throw Error(path,
                "it has " + std::to_string(in->size()) + " bytes, and was written with " +
                    std::to_string(saved.bytes),
                remedy);
  const auto header = header_of(file);
  std::uint64_t all = header.size();
  for (const auto& tensor : file.tensors) all += size_of(tensor);
  std::string own(header.size(), '\0');
  if (in->size() == all) in->read(0, std::as_writable_bytes(std::span(own)));
  if (own != header) throw Error(path, "its tensors are not those of the model", remedy);
  data::Digest digest;
  digest.add(own);
  std::uint64_t at = header.size();
  std::vector<std::byte> room;
  for (const auto& tensor : file.tensors) {
    const auto bytes = size_of(tensor);
    for (std::uint64_t first = 0; first < bytes; first += block_bytes) {
      const auto part = part_of(tensor, first, std::min(block_bytes, bytes - first), room);
      in->read(at, part);
      if (tensor.write) tensor.write(first, part);
      digest.add(text_of(part));
      at += part.size();
    }
  }
  in->forget();
  if (digest.hex() != saved.sha256)
    throw Error(path, "its bytes are not those that were written", remedy);
}

}  // namespace

void write_checkpoint(const std::string& path, const RunState& run, const Json& common,
                      std::span<const StateFile> files, const UnitReads& reads) {
  source::OutputFolder folder(path);
  SavedState state{.run = run, .common = common, .files = {}};
  // Nobody who waits for a unit waits for the disk too: files are synced behind the reading.
  std::deque<source::OutputFile> unsynced;
  for (const auto& file : files) {
    if (reads.begin) reads.begin(file.unit);
    state.files.push_back(write_file(unsynced.emplace_back(folder.file(file.name)), file));
    if (reads.end) reads.end(file.unit);
    if (unsynced.size() <= most_open) continue;
    unsynced.front().finish();
    unsynced.pop_front();
  }
  for (auto& file : unsynced) file.finish();
  source::OutputFile out(folder.file(state_name));
  out.write(0, state_text(state));
  out.finish();
  folder.appear();
}

SavedState read_state(const std::string& path) {
  const auto file = path + "/" + state_name;
  return parse_state(source::File::open(file)->text(longest_state), file);
}

void read_checkpoint(const std::string& path, const SavedState& state,
                     std::span<const StateFile> files) {
  // The order of a run's updates, in which it wrote them, may be another one.
  std::vector<const SavedState::File*> saved;
  for (const auto& file : files) {
    const auto found = std::ranges::find(state.files, file.name, &SavedState::File::name);
    if (found != state.files.end()) saved.push_back(&*found);
  }
  if (saved.size() != files.size() || state.files.size() != files.size())
    throw Error(path, "its files are not those of the model", remedy);
  for (std::size_t i = 0; i < files.size(); ++i)
    read_file(path + "/" + files[i].name, *saved[i], files[i]);
}

}  // namespace strata::app
