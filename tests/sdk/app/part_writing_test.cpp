// Two ranks, as threads, write checkpoints beside what they do.
#include "app/finetune/part_writing.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <latch>
#include <thread>
#include <vector>

#include "core/error.hpp"
#include "tests/folder.hpp"
#include "tests/sdk/app/thread_group.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t ranks = 2;
const Json common{{"--lr", 0.1}};

// One rank: a matrix of which it has a half.
struct Rank {
  Rank(test::Meeting& the_meeting, std::uint32_t number, const fs::path& folder)
      : meeting(the_meeting), group(the_meeting, number, ranks),
        path((folder / "checkpoint-7").string()), values(3, static_cast<float>(number)),
        writing(group, [this](std::span<double> numbers) { numbers[0] = sum(numbers[0]); }) {}

  double sum(double number) {
    double out = 0;
    for (const auto& text : meeting.meet(group.ranks().rank, std::to_string(number)))
      out += std::stod(text);
    return out;
  }
  std::vector<StateFile> files() {
    return {{.name = "unit-0.safetensors",
             .tensors = {{.name = "weight/a",
                          .shape = {2, 3},
                          .values = std::as_writable_bytes(std::span(values)),
                          .here = Elements{.first = 3 * group.ranks().rank, .count = 3}}},
             .unit = 0,
             .part = writing.rank()}};
  }
  // `before` is called on the thread that writes.
  void begin(const std::function<void()>& before = {}) {
    writing.begin(
        {.step = 7, .updates = 7, .scaler = {}}, [&] { return path; },
        [&]() -> PartWriting::Write {
          return [this, before](const std::string& folder, const PartNumber& rank) {
            if (before) before();
            write_part(folder, rank, files());
          };
        });
  }
  std::function<void()> count_commits() {
    return [this] { ++commits; };
  }

  test::Meeting& meeting;
  test::ThreadGroup group;
  std::string path;  // of the checkpoint
  std::vector<float> values;
  int commits = 0;
  PartWriting writing;
};

// Runs both ranks on threads of their own, and returns the words of their errors.
template <class Work>
std::array<std::string, ranks> run_both(const fs::path& folder, const Work& work) {
  test::Meeting meeting(ranks);
  std::array<std::string, ranks> words;
  std::vector<std::thread> threads;
  for (std::uint32_t number = 0; number < ranks; ++number)
    threads.emplace_back([&, number] {
      try {
        Rank rank(meeting, number, folder);
        work(rank, number);
      } catch (const Error& error) {
        words[number] = error.what();
        meeting.fail();
      }
    });
  for (auto& thread : threads) thread.join();
  return words;
}

std::vector<float> read(const std::string& path) {
  std::vector<float> out(6, 9);
  const std::vector<StateFile> files{
      {.name = "unit-0.safetensors",
       .tensors = {{.name = "weight/a",
                    .shape = {2, 3},
                    .values = std::as_writable_bytes(std::span(out))}}}};
  read_checkpoint(path, read_state(path), files);
  return out;
}

const std::array<std::string, ranks> no_errors{};

}  // namespace

TEST_CASE("a checkpoint appears behind the step in which all ranks have written it") {
  const test::Folder folder;
  std::latch slow(1);
  std::array<double, ranks> first{};
  std::array<int, ranks> commits{};
  bool early = true;
  const auto words = run_both(folder.path(), [&](Rank& rank, std::uint32_t number) {
    // The second rank's disk is slow.
    rank.begin([&, number] {
      if (number == 1) slow.wait();
    });
    first[number] = rank.sum(rank.writing.written());
    if (number == 0) early = fs::exists(rank.path);
    rank.sum(0);
    if (number == 0) slow.count_down();
    while (rank.sum(rank.writing.written()) < ranks) rank.writing.check();
    rank.writing.commit(common, rank.count_commits());
    rank.writing.finish(common, rank.count_commits());
    commits[number] = rank.commits;
  });
  CHECK(words == no_errors);
  CHECK(first[0] < ranks);
  CHECK(first[0] == first[1]);
  CHECK_FALSE(early);
  CHECK(commits == std::array<int, ranks>{1, 0});
  CHECK(read((folder.path() / "checkpoint-7").string()) == std::vector<float>{0, 0, 0, 1, 1, 1});
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("the end of a run waits for the parts of all ranks") {
  const test::Folder folder;
  const auto words = run_both(folder.path(), [&](Rank& rank, std::uint32_t) {
    rank.begin();
    rank.writing.finish(common, rank.count_commits());
    // Once more, where nothing is under way.
    rank.writing.finish(common, rank.count_commits());
  });
  CHECK(words == no_errors);
  CHECK(read((folder.path() / "checkpoint-7").string()) == std::vector<float>{0, 0, 0, 1, 1, 1});
}

TEST_CASE("a rank that cannot write its part ends all, and nothing of the checkpoint is left") {
  const test::Folder folder;
  const auto words = run_both(folder.path(), [&](Rank& rank, std::uint32_t number) {
    rank.begin([number] {
      if (number == 1) throw Error("disk", "it is full", "");
    });
    rank.writing.finish(common, {});
  });
  CHECK(words[1].starts_with("disk: it is full"));
  CHECK(words[0].starts_with("group: the other rank failed"));
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("a run that ends by an error leaves nothing of a checkpoint that is being written") {
  const test::Folder folder;
  const auto words = run_both(folder.path(), [&](Rank& rank, std::uint32_t number) {
    rank.begin();
    if (number == 1) throw Error("data", "it is gone", "");
    rank.writing.finish(common, {});
  });
  CHECK(words[0].starts_with("group"));
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("no rank writes a checkpoint that is there") {
  const test::Folder folder;
  std::array<double, ranks> written{};
  const auto words = run_both(folder.path(), [&](Rank& rank, std::uint32_t number) {
    rank.path.clear();
    rank.begin();
    written[number] = rank.writing.written();
    rank.writing.commit(common, rank.count_commits());
    rank.writing.finish(common, rank.count_commits());
  });
  CHECK(words == no_errors);
  CHECK(written == std::array<double, ranks>{1, 1});
  CHECK(fs::is_empty(folder.path()));
}

}  // namespace strata::app
