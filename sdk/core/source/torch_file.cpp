#include "core/source/torch_file.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "core/error.hpp"
#include "core/source/dtype.hpp"
#include "core/source/pickle.hpp"
#include "core/source/zip.hpp"

namespace strata::source {
namespace {

constexpr std::uint64_t max_pickle = 32ull << 20;
constexpr auto damaged = "the file is damaged; fetch it again";
constexpr auto cut_short = "the file is cut short; fetch it again";
constexpr auto big_endian = "save the model on a little-endian machine";

using Kind = PickleKind;
// The place of each storage's bytes, by its key.
using Storages = std::map<std::string, ZipEntry, std::less<>>;

std::string bytes_at(const ReadAt& read, std::uint64_t offset, std::uint64_t count) {
  std::string out(static_cast<std::size_t>(count), '\0');
  read(offset, std::as_writable_bytes(std::span(out)));
  return out;
}

// Turns a pickle's tensors into places in the file.
class StateDict {
 public:
  StateDict(const Pickle& pickle, const Storages& storages, std::string_view path,
            std::uint32_t file)
      : pickle_(pickle), storages_(storages), path_(path), file_(file) {}

  std::vector<Tensor> tensors() const {
    std::vector<Tensor> out;
    std::set<std::string_view> names;
    std::set<std::uint32_t> others;  // each is searched once, however often it occurs
    const auto& dict = state_dict();
    for (std::size_t i = 0; i < dict.items.size(); i += 2) {
      const auto& key = pickle_.at(dict.items[i]);
      const auto& value = pickle_.at(dict.items[i + 1]);
      if (value.kind != Kind::tensor) {
        if (others.insert(dict.items[i + 1]).second && holds_tensors(value))
          throw Error(path_, "holds tensors both in a dict and in one inside of it",
                      "save one plain state dict");
        continue;
      }
      if (key.kind != Kind::text) throw Error(path_, "a tensor's name is not text", damaged);
      if (!names.insert(key.text).second) refuse(key.text, "occurs twice");
      out.push_back(tensor(key.text, value));
    }
    std::sort(out.begin(), out.end(), [](const Tensor& a, const Tensor& b) {
      const auto &one = a.stored.file(), &other = b.stored.file();
      return std::pair(one.offset, one.bytes) < std::pair(other.offset, other.bytes);
    });
    return out;
  }

 private:
  [[noreturn]] void refuse(std::string_view name, const std::string& what,
                           std::string_view remedy = damaged) const {
    throw Error(path_, "tensor '" + printable(name) + "' " + what, remedy);
  }

  bool holds_tensors(const PickleValue& value) const {
    if (value.kind != Kind::dict) return false;
    for (std::size_t i = 1; i < value.items.size(); i += 2)
      if (pickle_.at(value.items[i]).kind == Kind::tensor) return true;
    return false;
  }

  // The file's dict, or the one in either of its two usual places that holds tensors.
  const PickleValue& state_dict() const {
    const auto& root = pickle_.at(pickle_.root);
    if (holds_tensors(root)) return root;
    const PickleValue* out = nullptr;
    if (root.kind == Kind::dict)
      for (const auto key : {"state_dict", "model"})
        if (const auto* inner = pickle_.find(root, key); inner && holds_tensors(*inner)) {
          if (out) throw Error(path_, "holds two state dicts", "save one plain state dict");
          out = inner;
        }
    if (!out) throw Error(path_, "holds no state dict of tensors", "save the model's state_dict()");
    return *out;
  }

  std::vector<std::int64_t> numbers(std::uint32_t tuple) const {
    std::vector<std::int64_t> out;
    for (const auto one : pickle_.at(tuple).items) out.push_back(pickle_.at(one).number);
    return out;
  }

  // The elements of the shape; refuses one whose bytes 64 bits do not hold.
  std::uint64_t elements_of(std::string_view name, const Tensor& tensor) const {
    std::uint64_t count = 1;
    for (const auto dim : tensor.shape)
      if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(dim), &count) ||
          count > INT64_MAX / 8)
        refuse(name, "has a shape " + shape_text(tensor.shape) + " too large to hold");
    return count;
  }

  // Whether the elements are contiguous in row-major order.
  static bool in_rows(const Tensor& tensor, const std::vector<std::int64_t>& strides) {
    std::int64_t next = 1;
    for (auto i = strides.size(); i-- > 0; next *= tensor.shape[i])
      if (tensor.shape[i] != 1 && strides[i] != next) return false;
    return true;
  }

  // A matrix may also be in column-major order, as a transposed view is saved.
  bool is_transposed(std::string_view name, const Tensor& tensor,
                     const std::vector<std::int64_t>& strides) const {
    if (in_rows(tensor, strides)) return false;
    if (strides.size() == 2 && strides[0] == 1 && strides[1] == tensor.shape[0]) return true;
    refuse(name,
           "of " + shape_text(tensor.shape) + " has strides " + shape_text(strides) +
               ": its elements do not lie together",
           "save it with .contiguous()");
  }

  Tensor tensor(std::string_view name, const PickleValue& value) const {
    const auto& storage = pickle_.at(value.items[0]);
    Tensor out;
    out.name = name;
    out.shape = numbers(value.items[2]);
    const auto count = elements_of(name, out);
    auto shape = out.shape;
    if (count > 0 && is_transposed(name, out, numbers(value.items[3]))) {
      out.steps = {Transpose{}};
      std::ranges::reverse(shape);
    }
    const auto held = static_cast<std::uint64_t>(storage.number),
               from = static_cast<std::uint64_t>(value.number);
    if (count > 0 && (from > held || count > held - from))
      refuse(name, "lies beyond its storage of " + std::to_string(held) + " elements");
    const auto at = storages_.find(storage.text);
    if (at == storages_.end())
      refuse(name, "has storage '" + printable(storage.text) + "', which is not there");
    const auto width = std::uint64_t{element_bytes(storage.dtype)};
    if (held > at->second.bytes / width || held * width != at->second.bytes)
      refuse(name, "has a storage of " + std::to_string(held) + " elements in " +
                       std::to_string(at->second.bytes) + " bytes");
    out.stored =
        dense_form(storage.dtype, std::move(shape),
                   {file_, at->second.offset + (count > 0 ? from * width : 0), count * width});
    return out;
  }

  const Pickle& pickle_;
  const Storages& storages_;
  std::string_view path_;
  std::uint32_t file_;
};

// NAME/data.pkl, NAME/byteorder and NAME/data/KEY for each storage.
std::vector<Tensor> parse_zipped(const ReadAt& read, std::uint64_t size, std::string_view path,
                                 std::uint32_t file) {
  const auto entries = parse_zip(read, size, path);
  const auto is_pickle = [](const auto& entry) {
    return entry.first == "data.pkl" || entry.first.ends_with("/data.pkl");
  };
  const auto main = std::find_if(entries.begin(), entries.end(), is_pickle);
  if (main == entries.end() || std::count_if(entries.begin(), entries.end(), is_pickle) != 1)
    throw Error(path, "is a zip file without one data.pkl", "save the model with torch.save");
  const auto folder = main->first.substr(0, main->first.size() - 8);
  if (main->second.bytes > max_pickle)
    throw Error(path, "data.pkl of " + std::to_string(main->second.bytes) + " bytes is too long",
                "save a plain state dict of tensors");
  if (const auto order = entries.find(folder + "byteorder");
      order != entries.end() &&
      (order->second.bytes != 6 || bytes_at(read, order->second.offset, 6) != "little"))
    throw Error(path, "its bytes are not little-endian", big_endian);
  Storages storages;
  const auto data = folder + "data/";
  for (auto at = entries.lower_bound(data); at != entries.end() && at->first.starts_with(data);
       ++at)
    storages.emplace(at->first.substr(data.size()), at->second);
  const auto text = bytes_at(read, main->second.offset, main->second.bytes);
  const auto pickle = parse_pickle(text, path);
  return StateDict(pickle, storages, path, file).tensors();
}

// Five pickles (a magic number, the version, the machine, the object, its storages' keys), then for
// each key the count of its elements and their bytes.
class Legacy {
 public:
  Legacy(const ReadAt& read, std::uint64_t size, std::string_view path, std::uint32_t file)
      : read_(read), size_(size), path_(path), file_(file),
        head_(bytes_at(read, 0, std::min(size, max_pickle))) {}

  std::vector<Tensor> tensors() {
    const auto magic = next(), version = next(), machine = next(), object = next(), keys = next();
    constexpr std::string_view torch("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
    if (magic.at(magic.root).kind != Kind::integer || magic.at(magic.root).text != torch ||
        version.at(version.root).number != 1001)
      throw Error(path_, "is not a file of torch.save", "check the path");
    const auto* little = machine.find(machine.at(machine.root), "little_endian");
    if (!little || little->kind != Kind::flag || little->number != 1)
      throw Error(path_, "its bytes are not little-endian", big_endian);
    const auto storages = place(object, keys);
    return StateDict(object, storages, path_, file_).tensors();
  }

 private:
  Pickle next() {
    auto out = parse_pickle(std::string_view(head_).substr(at_), path_);
    at_ += out.bytes;
    return out;
  }

  [[noreturn]] void refuse(std::string_view key, const std::string& what,
                           std::string_view remedy = damaged) const {
    throw Error(path_, "storage '" + printable(key) + "' " + what, remedy);
  }

  // The storages come in the order of the keys; the object has the types of their elements.
  Storages place(const Pickle& object, const Pickle& keys) const {
    std::map<std::string_view, const PickleValue*> known;
    for (const auto& value : object.values)
      if (value.kind == Kind::storage)
        if (const auto* other = known.try_emplace(value.text, &value).first->second;
            !same(other->dtype, value.dtype) || other->number != value.number)
          refuse(value.text, "has two types or sizes");
    Storages out;
    std::uint64_t at = at_;
    for (const auto item : keys.at(keys.root).items) {
      const auto& key = keys.at(item);
      const auto storage = known.find(key.text);
      if (key.kind != Kind::text || storage == known.end())
        refuse(key.text, "belongs to no tensor");
      std::uint64_t count = 0;
      if (size_ - at < sizeof count) refuse(key.text, "is not there", cut_short);
      read_(at, std::as_writable_bytes(std::span(&count, 1)));
      at += sizeof count;
      if (count != static_cast<std::uint64_t>(storage->second->number))
        refuse(key.text, "has two sizes");
      const auto width = element_bytes(storage->second->dtype);
      if (count > (size_ - at) / width) refuse(key.text, "ends beyond the file", cut_short);
      if (!out.emplace(key.text, ZipEntry{at, count * width}).second)
        refuse(key.text, "occurs twice");
      at += count * width;
    }
    return out;
  }

  const ReadAt& read_;
  std::uint64_t size_;
  std::string_view path_;
  std::uint32_t file_;
  std::string head_;
  std::size_t at_ = 0;  // of the next pickle
};

}  // namespace

std::vector<Tensor> parse_torch_file(const ReadAt& read, std::uint64_t size, std::string_view path,
                                     std::uint32_t file) {
  const auto head = bytes_at(read, 0, std::min<std::uint64_t>(size, 4));
  if (head.starts_with("PK\x03\x04")) return parse_zipped(read, size, path, file);
  if (head.starts_with('\x80')) return Legacy(read, size, path, file).tensors();
  throw Error(path, "is not a file of torch.save", "check the path");
}

std::vector<Tensor> read_torch_file(const File& opened, std::uint32_t file) {
  const ReadAt read = [&](std::uint64_t offset, std::span<std::byte> into) {
    opened.read(offset, into);
  };
  return parse_torch_file(read, opened.size(), opened.path(), file);
}

}  // namespace strata::source
