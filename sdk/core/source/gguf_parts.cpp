#include "core/source/gguf_parts.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <map>
#include <utility>

#include "core/error.hpp"

namespace strata::source {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view tail = "-00001-of-00001.gguf";
constexpr auto fetch_all = "fetch all parts of one model into one folder";
constexpr std::int64_t most_parts = 65535;  // the format counts them in 16 bits

std::uint32_t number_in(std::string_view digits) {
  std::uint32_t out = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return error == std::errc() && end == digits.data() + digits.size() ? out : 0;
}

std::string file_name(const std::string& path) { return fs::path(path).filename().string(); }

std::string of_so_many(std::int64_t number, std::int64_t count) {
  return "part " + std::to_string(number) + " of " + std::to_string(count);
}

// The name of a part whose metadata says that it is number `no`, from 0, of `count`.
PartName checked_name(const std::string& path, std::int64_t no, std::int64_t count) {
  const auto name = part_name(path);
  if (!name)
    throw Error(
        path,
        "is " + of_so_many(no + 1, count) + ", and its name does not say where the others are",
        "name the parts NAME-00001-of-0000N.gguf");
  if (name->number != no + 1 || name->count != count)
    throw Error(path, "is " + of_so_many(no + 1, count) + " by its metadata, but not by its name",
                "give the parts the names that they were made with");
  return *name;
}

void check_all_there(const PartName& name, const std::string& path) {
  std::string missing;
  std::uint32_t count = 0;
  for (std::uint32_t n = 1; n <= name.count; ++n) {
    std::error_code ignored;
    if (fs::exists(name.path(n), ignored) || ++count > 2) continue;
    missing += (count > 1 ? ", " : "") + file_name(name.path(n));
  }
  if (count > 2) missing += " and " + std::to_string(count - 2) + " more";
  if (count > 0)
    throw Error(path, "of " + std::to_string(name.count) + " parts are missing: " + missing,
                "fetch them into the same folder");
}

void check_belongs(const Gguf& first, const Gguf& part, std::uint32_t number, std::int64_t count) {
  const auto no = part.integer("split.no").value_or(-1) + 1,
             all = part.integer("split.count").value_or(1);
  if (all != count || no != number)
    throw Error(part.path,
                "is not " + of_so_many(number, count) + " of this model, but " +
                    (all > 1 ? of_so_many(no, all) : std::string("a whole model")),
                fetch_all);
  const auto architecture = part.text("general.architecture");
  if (architecture && architecture != first.text("general.architecture"))
    throw Error(part.path, "is of another architecture than " + file_name(first.path), fetch_all);
}

void add_tensors(GgufParts& out, Gguf part, std::map<std::string, std::uint32_t>& seen) {
  for (auto& tensor : part.tensors) {
    const auto [at, is_new] = seen.emplace(tensor.name, tensor.stored.file().file);
    if (!is_new)
      throw Error(part.path,
                  "tensor '" + printable(tensor.name) + "' is also in " +
                      file_name(out.files[at->second]->path()),
                  fetch_all);
    out.whole.tensors.push_back(std::move(tensor));
  }
}

}  // namespace

std::string PartName::path(std::uint32_t other) const {
  char digits[32];
  std::snprintf(digits, sizeof digits, "-%05u-of-%05u.gguf", other, count);
  return prefix + digits;
}

std::optional<PartName> part_name(std::string_view path) {
  if (path.size() <= tail.size()) return std::nullopt;
  const auto end = path.substr(path.size() - tail.size());
  if (end[0] != '-' || end.substr(6, 4) != "-of-" || !end.ends_with(".gguf")) return std::nullopt;
  const PartName out{std::string(path.substr(0, path.size() - tail.size())),
                     number_in(end.substr(1, 5)), number_in(end.substr(10, 5))};
  if (out.number < 1 || out.number > out.count) return std::nullopt;
  return out;
}

GgufParts read_gguf_parts(const std::string& path) {
  GgufParts out;
  out.files.push_back(File::open(path));
  out.whole = read_gguf(*out.files.front(), 0);
  out.files.front()->forget();
  const auto count = out.whole.integer("split.count").value_or(1);
  if (count <= 1) return out;
  const auto no = out.whole.integer("split.no").value_or(-1);
  if (count > most_parts || no < 0 || no >= count)
    throw Error(path,
                "split.no and split.count are " + std::to_string(no) + " and " +
                    std::to_string(count) + ", no part of a model",
                fetch_all);
  const auto name = checked_name(path, no, count);
  check_all_there(name, path);
  out.files.clear();
  std::map<std::string, std::uint32_t> seen;
  for (std::uint32_t n = 1; n <= name.count; ++n) {
    out.files.push_back(File::open(name.path(n)));
    auto part = read_gguf(*out.files.back(), n - 1);
    out.files.back()->forget();
    check_belongs(n == 1 ? part : out.whole, part, n, count);
    if (n == 1) {
      out.whole = part;
      out.whole.tensors.clear();
    }
    add_tensors(out, std::move(part), seen);
  }
  const auto promised = out.whole.integer("split.tensors.count");
  const auto found = static_cast<std::int64_t>(out.whole.tensors.size());
  if (promised && *promised != found)
    throw Error(path,
                "the parts hold " + std::to_string(found) + " tensors together, not " +
                    std::to_string(*promised),
                fetch_all);
  return out;
}

}  // namespace strata::source
