// Checkpoints that several ranks write, and that any number of ranks reads.
#include "app/finetune/shared_checkpoint.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "tests/file_text.hpp"
#include "tests/folder.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;
using test::put, test::text_of;

const Json common{{"--lr", 0.1}};
const RunState some_run{.step = 7, .updates = 6, .scaler = {}};

// The arrays of a tensor of one unit, or a rank's part of them.
struct Values {
  std::vector<float> weight, moment;
  bool operator==(const Values&) const = default;
};

// Unit 0 has a matrix [3,5] and a vector [4], unit 1 a vector [2].
const std::vector<std::vector<std::int64_t>> shapes{{3, 5}, {4}, {2}};

std::vector<Values> whole_values() {
  std::vector<Values> out;
  float next = 0.5F;
  for (const auto& shape : shapes) {
    auto& values = out.emplace_back();
    for (std::uint64_t i = 0; i < element_count(shape); ++i) {
      values.weight.push_back(next);
      values.moment.push_back(-next * 3);
      next += 1;
    }
  }
  return out;
}

// A rank of a run: its values, and their files. Elements of unit 0 are numbered through both of its
// tensors, and each rank has those in [first, first + count).
struct Rank {
  PartNumber part;
  std::optional<Elements> share;  // none: it has all of unit 0
  std::vector<Values> values;

  std::optional<Elements> here(std::size_t tensor) const {
    if (!share || tensor == 2) return {};
    const std::uint64_t from = tensor == 0 ? 0 : 15, count = element_count(shapes[tensor]);
    const auto first = std::max(from, share->first);
    const auto end = std::min(from + count, share->first + share->count);
    if (first >= end) return Elements{};
    return Elements{.first = first - from, .count = end - first};
  }
  // Values of this rank: the true ones, or numbers that are none of them.
  void fill(bool true_ones) {
    values = whole_values();
    for (std::size_t t = 0; t < values.size(); ++t) {
      const auto own = here(t).value_or(Elements{.first = 0, .count = values[t].weight.size()});
      for (auto* array : {&values[t].weight, &values[t].moment}) {
        const auto from = array->begin() + static_cast<std::ptrdiff_t>(own.first);
        *array = std::vector<float>(from, from + static_cast<std::ptrdiff_t>(own.count));
        if (!true_ones) std::ranges::fill(*array, 99.0F);
      }
    }
  }
  std::vector<StateFile> files() {
    std::vector<StateFile> out(2);
    out[0] = {.name = "unit-0.safetensors", .tensors = {}, .unit = 0};
    if (share) out[0].part = part;
    out[1] = {.name = "unit-1.safetensors", .tensors = {}, .unit = 1};
    for (const auto* kind : {"weight/", "moment1/"})
      for (std::size_t t = 0; t < shapes.size(); ++t) {
        auto& values_of = kind[0] == 'w' ? values[t].weight : values[t].moment;
        out[t == 2 ? 1 : 0].tensors.push_back(
            {.name = kind + std::string(1, static_cast<char>('a' + t)),
             .shape = shapes[t],
             .values = std::as_writable_bytes(std::span(values_of)),
             .here = here(t)});
      }
    return out;
  }
};

// The ranks of a run, which have cut unit 0 at these elements, or not at all.
std::vector<Rank> ranks_of(const std::vector<std::uint64_t>& cuts, std::uint32_t whole = 1) {
  std::vector<Rank> out;
  if (cuts.empty())
    for (std::uint32_t rank = 0; rank < whole; ++rank)
      out.push_back({.part = {.rank = rank, .ranks = whole}, .share = {}, .values = {}});
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i)
    out.push_back({.part = {.rank = static_cast<std::uint32_t>(i),
                            .ranks = static_cast<std::uint32_t>(cuts.size() - 1)},
                   .share = Elements{.first = cuts[i], .count = cuts[i + 1] - cuts[i]},
                   .values = {}});
  return out;
}

std::vector<Rank> two() { return ranks_of({0, 8, 19}); }

using Change = std::function<void(std::uint32_t rank, std::vector<StateFile>& files)>;

// Writes a checkpoint by these ranks, the last one first.
void write(const std::string& path, std::vector<Rank> ranks, const Change& change = {}) {
  SharedCheckpoint shared(path, static_cast<std::uint32_t>(ranks.size()));
  const auto folder = (fs::path(path).parent_path() / shared.name()).string();
  need_shared(folder);
  std::ranges::reverse(ranks);
  for (auto& rank : ranks) {
    rank.fill(true);
    auto files = rank.files();
    if (change) change(rank.part.rank, files);
    write_part(folder, rank.part, files);
    CHECK_FALSE(fs::exists(path));
  }
  shared.commit(some_run, common);
}

void read(const std::string& path, std::vector<Rank> ranks) {
  for (auto& rank : ranks) {
    rank.fill(false);
    read_checkpoint(path, read_state(path), rank.files());
    auto want = rank;
    want.fill(true);
    CAPTURE(rank.part.rank, rank.part.ranks);
    CHECK((rank.values == want.values));
  }
}

// The words of the error; empty if there is none.
template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

std::string read_refusal(const std::string& path, std::vector<Rank> ranks = ranks_of({})) {
  return refusal([&] {
    for (auto& rank : ranks) {
      rank.fill(false);
      read_checkpoint(path, read_state(path), rank.files());
    }
  });
}

bool has(const std::string& words, const std::string& part) {
  return words.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a checkpoint of any number of ranks is read by any number") {
  const test::Folder folder;
  const auto path = (folder.path() / "checkpoint-7").string();
  const std::vector<std::vector<Rank>> runs{ranks_of({}),
                                            ranks_of({}, 3),
                                            two(),
                                            ranks_of({0, 3, 15, 19}),
                                            ranks_of({0, 19, 19}),
                                            ranks_of({0, 1, 2, 5, 14, 16, 18, 19})};
  for (std::size_t from = 0; from < runs.size(); ++from) {
    write(path, runs[from]);
    CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
    const auto state = read_state(path);
    CHECK(state.run.step == 7);
    CHECK(state.common == common);
    CHECK(state.files.size() + 1 ==
          static_cast<std::size_t>(std::distance(fs::directory_iterator(path), {})));
    for (std::size_t to = 0; to < runs.size(); ++to) {
      CAPTURE(from, to);
      read(path, runs[to]);
    }
    fs::remove_all(path);
  }
}

TEST_CASE("ranks that cut nothing write the files of one rank") {
  const test::Folder folder;
  const auto one = (folder.path() / "one").string(), three = (folder.path() / "three").string();
  auto rank = ranks_of({}).front();
  rank.fill(true);
  write_checkpoint(one, some_run, common, rank.files());
  write(three, ranks_of({}, 3));
  for (const auto* name : {"state.json", "unit-0.safetensors", "unit-1.safetensors"})
    CHECK((text_of(fs::path(one) / name) == text_of(fs::path(three) / name)));
  CHECK(std::distance(fs::directory_iterator(three), {}) == 3);
}

TEST_CASE("a rank gives up at once the units that it does not write") {
  const test::Folder folder;
  auto ranks = two();
  ranks[1].fill(true);
  std::vector<std::pair<std::string, std::uint32_t>> calls;
  write_part(folder.path().string(), ranks[1].part, ranks[1].files(),
             {.begin = [&](std::uint32_t unit) { calls.emplace_back("begin", unit); },
              .end = [&](std::uint32_t unit) { calls.emplace_back("end", unit); }});
  CHECK(calls ==
        std::vector<std::pair<std::string, std::uint32_t>>{{"end", 1}, {"begin", 0}, {"end", 0}});
  CHECK(fs::exists(folder.path() / "unit-0.part-2-of-2.safetensors"));
  CHECK_FALSE(fs::exists(folder.path() / "unit-1.safetensors"));
}

TEST_CASE("a part that is cut, damaged or missing is refused") {
  const test::Folder folder;
  const auto path = folder.path() / "checkpoint-7";
  write(path.string(), two());
  REQUIRE(read_refusal(path.string()).empty());
  for (const auto* name : {"unit-0.part-1-of-2.safetensors", "unit-0.part-2-of-2.safetensors"}) {
    const auto whole = text_of(path / name);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      CAPTURE(name, at);
      put(path / name, whole.substr(0, at));
      CHECK(has(read_refusal(path.string()), name));
      auto flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
      put(path / name, flipped);
      CHECK_FALSE(read_refusal(path.string()).empty());
    }
    put(path / name, whole + "x");
    CHECK(has(read_refusal(path.string()), name));
    fs::remove(path / name);
    CHECK(has(read_refusal(path.string()), name));
    put(path / name, whole);
  }
  CHECK(read_refusal(path.string()).empty());
}

TEST_CASE("parts that are not the unit's, or not all of it, are refused") {
  const test::Folder folder;
  const auto refused = [&](const Change& change) {
    const auto path = (folder.path() / "checkpoint-7").string();
    write(path, two(), change);
    const auto words = read_refusal(path);
    CHECK_FALSE(read_refusal(path, ranks_of({0, 3, 15, 19})).empty());
    fs::remove_all(path);
    return words;
  };
  // Rank 0 has elements 0 to 7 of "weight/a", rank 1 the others.
  const auto first = [](const auto& to) {
    return [to](std::uint32_t rank, std::vector<StateFile>& files) {
      if (rank == 0) to(files[0].tensors[0]);
    };
  };
  CHECK(has(refused(first([](StateTensor& tensor) { tensor.name = "weight/z"; })),
            "'weight/z [3,5] from 0' is not the model's"));
  CHECK(has(refused(first([](StateTensor& tensor) {
              tensor.shape = {5, 3};
            })),
            "'weight/a [5,3] from 0' is not the model's"));
  CHECK(has(refused(first([](StateTensor& tensor) {
              tensor.dtype = {STRATA_INT, 32, 1};
            })),
            "is not the model's"));
  CHECK(has(refused(first([](StateTensor& tensor) { tensor.here->first = 7; })),
            "'weight/a' from 0 on not at all"));
  CHECK(has(refused(first([](StateTensor& tensor) { tensor.here->first = 14; })),
            "'weight/a [3,5] from 14' is not the model's"));
  CHECK(has(refused(first([](StateTensor& tensor) {
              tensor.here->count = 7;
              tensor.values = tensor.values.first(7 * sizeof(float));
            })),
            "'weight/a' from 7 on not at all"));
  CHECK(has(refused([](std::uint32_t rank, std::vector<StateFile>& files) {
              if (rank == 1) files[0].tensors[0].here->first = 7;
            }),
            "'weight/a' twice"));
  CHECK(has(refused([](std::uint32_t rank, std::vector<StateFile>& files) {
              if (rank == 1) files[0].tensors.clear();
            }),
            "not at all"));
}

TEST_CASE("a checkpoint appears only when all ranks have written their parts") {
  const test::Folder folder;
  const auto path = (folder.path() / "checkpoint-7").string();
  auto ranks = two();
  for (auto& rank : ranks) rank.fill(true);
  // Calls `change` with the folder of both parts, and commits.
  const auto refused = [&](const std::function<void(const fs::path&)>& change) {
    std::string words;
    {
      SharedCheckpoint shared(path, 2);
      const auto parts = folder.path() / shared.name();
      for (auto& rank : ranks) write_part(parts.string(), rank.part, rank.files());
      change(parts);
      words = refusal([&] { shared.commit(some_run, common); });
    }
    CHECK(fs::is_empty(folder.path()));
    return words;
  };
  CHECK(has(refused([](const fs::path& parts) { fs::remove(parts / "part-2-of-2.json"); }),
            "part-2-of-2.json"));
  CHECK(has(refused([](const fs::path& parts) { put(parts / "part-1-of-2.json", "{}"); }),
            "part-1-of-2.json"));
  CHECK(has(refused([](const fs::path& parts) {
              const auto text = text_of(parts / "part-2-of-2.json");
              put(parts / "part-2-of-2.json", "x" + text);
            }),
            "part-2-of-2.json"));
  CHECK(has(refused([](const fs::path& parts) {
              put(parts / "unit-0.part-2-of-2.safetensors", "short");
            }),
            "'unit-0.part-2-of-2.safetensors' is not here as this rank wrote it"));
  // One rank's list in the other's place.
  CHECK(has(refused([](const fs::path& parts) {
              fs::copy_file(parts / "part-1-of-2.json", parts / "part-2-of-2.json",
                            fs::copy_options::overwrite_existing);
            }),
            "is not here as this rank wrote it"));
}

TEST_CASE("a rank that does not see the folder of rank 0 says so") {
  const test::Folder folder;
  const auto words =
      refusal([&] { need_shared((folder.path() / "checkpoint-7.part-1").string()); });
  CHECK(has(words, "this rank does not see it"));
  CHECK(has(words, "all ranks share"));
}

TEST_CASE("the name of a part's file tells the unit's") {
  CHECK(part_name("unit-3.safetensors", {.rank = 0, .ranks = 2}) ==
        "unit-3.part-1-of-2.safetensors");
  CHECK(whole_name("unit-3.part-1-of-2.safetensors") == "unit-3.safetensors");
  CHECK(whole_name("unit-3.part-12-of-16.safetensors") == "unit-3.safetensors");
  for (const auto* name :
       {"unit-3.safetensors", "unit-3.part-0-of-2.safetensors", "unit-3.part-3-of-2.safetensors",
        "unit-3.part-01-of-2.safetensors", "unit-3.part-1-of-2", "unit-3.part-1.safetensors",
        "unit-3.part-1-of-99999999999.safetensors", "unit-3.part-1-of-2.safetensorsx", ".part-",
        ""}) {
    CAPTURE(name);
    CHECK(whole_name(name).empty());
  }
}

TEST_CASE("a list of files is read as it was written, and nothing else is") {
  const std::vector<SavedState::File> files{{.name = "a", .sha256 = "0f", .bytes = 3},
                                            {.name = "b", .sha256 = "", .bytes = 0}};
  const auto text = files_text(files);
  const auto again = parse_files(text, "f");
  REQUIRE(again.size() == 2);
  CHECK(again[0].name == "a");
  CHECK(again[0].sha256 == "0f");
  CHECK(again[0].bytes == 3);
  CHECK(files_text(again) == text);
  for (std::size_t at = 0; at + 1 < text.size(); ++at) {
    CAPTURE(at);
    CHECK_FALSE(refusal([&] { parse_files(text.substr(0, at), "f"); }).empty());
    auto flipped = text;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    CHECK_FALSE(refusal([&] { parse_files(flipped, "f"); }).empty());
  }
}

}  // namespace strata::app
