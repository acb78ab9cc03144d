#include "app/finetune/state_file.hpp"

#include <algorithm>
#include <charconv>
#include <deque>
#include <utility>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/source/output.hpp"
#include "core/source/safetensors.hpp"
#include "data/digest.hpp"

namespace strata::app {
namespace {

constexpr std::uint64_t block_bytes = 4 << 20;  // read and hashed at a time
constexpr std::size_t most_open = 64;           // files that are not yet on the disk
constexpr std::string_view mark = ".part-", between = "-of-", ending = ".safetensors";

std::uint64_t bytes_of(const StateTensor& tensor) {
  return here_of(tensor).count * element_bytes(tensor.dtype);
}

// Returns bytes [first, first + count) of what is here of a tensor, or `room` for them if they lie
// elsewhere.
std::span<std::byte> part_of(const StateTensor& tensor, std::uint64_t first, std::uint64_t count,
                             std::vector<std::byte>& room) {
  if (!tensor.read) return tensor.values.subspan(first, count);
  room.resize(count);
  return room;
}

source::Tensor described(std::string name, std::vector<std::int64_t> shape, strata_dtype dtype) {
  source::Tensor out{.name = std::move(name), .shape = std::move(shape)};
  out.stored = source::dense_form(dtype, out.shape);
  return out;
}

// Makes the first bytes of a part's file.
std::string part_header(const StateFile& file) {
  std::vector<source::Tensor> tensors;
  for (const auto& tensor : file.tensors)
    if (const auto here = here_of(tensor); here.count > 0)
      tensors.push_back(described(part_prefix(tensor) + std::to_string(here.first),
                                  {static_cast<std::int64_t>(here.count)}, tensor.dtype));
  return source::safetensors_header(tensors);
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Writes a file and returns its name, size and digest. The caller finishes `out`.
SavedState::File write_file(source::OutputFile& out, std::string name, const StateFile& file) {
  need_values(file);
  data::Digest digest;
  std::uint64_t at = 0;
  const auto write = [&](std::span<const std::byte> bytes) {
    digest.add(text_of(bytes));
    out.write(at, bytes);
    at += bytes.size();
  };
  const auto header = file.part ? part_header(file) : whole_header(file);
  write(std::as_bytes(std::span(header)));
  std::vector<std::byte> room;
  for (const auto& tensor : file.tensors) {
    const auto bytes = bytes_of(tensor);
    for (std::uint64_t first = 0; first < bytes; first += block_bytes) {
      const auto part = part_of(tensor, first, std::min(block_bytes, bytes - first), room);
      if (tensor.read) tensor.read(first, part);
      write(part);
    }
  }
  return {.name = std::move(name), .sha256 = digest.hex(), .bytes = at};
}

// Takes a number of at least 1 from the front of the text; returns 0 if there is none.
std::uint32_t take_number(std::string_view& text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return 0;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

}  // namespace

Elements here_of(const StateTensor& tensor) {
  return tensor.here.value_or(Elements{.first = 0, .count = element_count(tensor.shape)});
}

void need_values(const StateFile& file) {
  for (const auto& tensor : file.tensors)
    if (!tensor.read && bytes_of(tensor) != tensor.values.size())
      throw Error(tensor.name, "its values are not as many as its shape has",
                  "this is a mistake in Strata");
}

bool has_values(const StateFile& file) {
  return std::ranges::any_of(file.tensors,
                             [](const StateTensor& tensor) { return here_of(tensor).count > 0; });
}

std::string part_name(const std::string& whole, const PartNumber& part) {
  auto stem = whole;
  if (stem.ends_with(ending)) stem.resize(stem.size() - ending.size());
  return stem + std::string(mark) + std::to_string(part.rank + 1) + std::string(between) +
         std::to_string(part.ranks) + std::string(ending);
}

std::string whole_name(const std::string& name) {
  const auto at = name.rfind(mark);
  if (at == std::string::npos) return {};
  auto rest = std::string_view(name).substr(at + mark.size());
  const auto number = take_number(rest);
  if (number == 0 || !rest.starts_with(between)) return {};
  rest.remove_prefix(between.size());
  const auto ranks = take_number(rest);
  auto whole = name.substr(0, at) + std::string(ending);
  const bool own = number <= ranks && part_name(whole, {number - 1, ranks}) == name;
  return own ? whole : std::string();
}

std::string part_prefix(const StateTensor& tensor) {
  return tensor.name + " " + source::shape_text(tensor.shape) + " from ";
}

std::string whole_header(const StateFile& file) {
  std::vector<source::Tensor> tensors;
  for (const auto& tensor : file.tensors)
    tensors.push_back(described(tensor.name, tensor.shape, tensor.dtype));
  return source::safetensors_header(tensors);
}

std::vector<SavedState::File> write_files(
    const std::function<std::string(std::string_view name)>& path_of,
    std::span<const StateFile> files, const UnitReads& reads) {
  std::vector<SavedState::File> out;
  // Nobody who waits for a unit waits for the disk too: files are synced behind the reading.
  std::deque<source::OutputFile> unsynced;
  for (const auto& file : files) {
    auto name = file.part ? part_name(file.name, *file.part) : file.name;
    if (reads.begin) reads.begin(file.unit);
    auto& to = unsynced.emplace_back(path_of(name));
    out.push_back(write_file(to, std::move(name), file));
    if (reads.end) reads.end(file.unit);
    if (unsynced.size() <= most_open) continue;
    unsynced.front().finish();
    unsynced.pop_front();
  }
  for (auto& file : unsynced) file.finish();
  return out;
}

}  // namespace strata::app
