// Units whose weights lie anywhere in several files, and the bytes that must arrive.
#pragma once
#include <random>
#include <string>
#include <vector>

#include "core/source/dtype.hpp"
#include "core/tier/client.hpp"
#include "core/zero/unit.hpp"
#include "tests/sdk/core/source/made.hpp"

namespace made {

struct Scattered {
  Folder folder;
  std::vector<std::string> paths, files;  // paths, and the files' bytes
  std::vector<strata::zero::Unit> units;

  // `files` of random bytes; weights at any offset, some one behind the other, some overlapping.
  Scattered(std::uint32_t seed, std::uint32_t file_count, std::uint32_t unit_count) {
    std::mt19937 random(seed);
    const auto up_to = [&](std::uint64_t n) { return random() % (n + 1); };
    for (std::uint32_t f = 0; f < file_count; ++f) {
      std::string bytes(20'000 + up_to(150'000), '\0');
      for (auto& byte : bytes) byte = static_cast<char>(random());
      paths.push_back(folder.write("file" + std::to_string(f), bytes));
      files.push_back(std::move(bytes));
    }
    std::uint64_t next = 0;
    for (std::uint32_t u = 0; u < unit_count; ++u) {
      strata::zero::Unit unit;
      unit.name = "unit " + std::to_string(u);
      for (std::uint64_t w = 0, count = 1 + up_to(4); w < count; ++w) {
        strata::zero::Weight weight;
        strata::source::Extent at;
        at.file = static_cast<std::uint32_t>(up_to(file_count - 1));
        const auto room = files[at.file].size();
        at.offset = up_to(2) == 0 ? up_to(room - 1) : std::min<std::uint64_t>(next, room - 1);
        at.bytes = 1 + up_to(std::min<std::uint64_t>(room - at.offset - 1, 60'000));
        next = at.offset + at.bytes;
        auto& form = weight.source.stored;
        form = strata::source::dense_form(strata::source::u8, {static_cast<std::int64_t>(at.bytes)},
                                          at);
        form.at = unit.stored_bytes;
        weight.run.at = strata::zero::not_held;
        unit.stored_bytes += (at.bytes + 255) / 256 * 256;
        unit.weights.push_back(weight);
      }
      units.push_back(unit);
    }
  }

  std::vector<strata::tier::Region> bind(strata::tier::Tier& tier) const {
    std::vector<strata::tier::Region> out;
    for (std::size_t f = 0; f < files.size(); ++f)
      out.push_back(tier.bind(paths[f], 0, files[f].size()));
    return out;
  }

  // The stored form of a unit, with '#' for bytes that do not arrive: gaps, and bytes outside
  // [from, to).
  std::string form(const strata::zero::Unit& unit, std::uint64_t from, std::uint64_t to) const {
    std::string out(unit.stored_bytes, '#');
    for (const auto& weight : unit.weights) {
      const auto& form = weight.source.stored;
      for (std::uint64_t b = 0; b < form.bytes; ++b)
        if (const auto at = form.at + b; at >= from && at < to)
          out[at] = files[form.file().file][form.file().offset + b];
    }
    return out;
  }
};

}  // namespace made
