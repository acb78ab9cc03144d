#include "app/training_log/jsonl_log.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <limits>

#include "app/training_log/record_json.hpp"
#include "tests/file_text.hpp"
#include "tests/folder.hpp"

namespace {

using namespace strata;
using namespace strata::training_log;
using test::text_of;
namespace fs = std::filesystem;

std::string line_of(int64_t step) {
  return R"({"kind":"step","step":)" + std::to_string(step) + R"(,"loss":1.5})" + "\n";
}

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator{}));
}

}  // namespace

TEST_CASE("each record is a line of the file before the next one is made", "[app][training_log]") {
  const test::Folder folder;
  const auto path = folder.path() / "run.jsonl";
  JsonlLog log(path);
  const StepRecord step{.step = 1,
                        .total = 9,
                        .epoch = 0.25,
                        .loss = 0.1,
                        .router_loss = 0.01,
                        .lr = 1e-5,
                        .grad_norm = 3,
                        .loss_scale = 65536,
                        .tokens = 1ULL << 40,
                        .scored = 5,
                        .seconds = 0.125,
                        .eta_seconds = 7,
                        .flops = 1e15,
                        .moved_to_device = 11,
                        .moved_to_host = 12,
                        .read_from_disk = 13,
                        .written_to_disk = 14,
                        .skipped = true,
                        .updated_units = 7};
  log.add(step);
  const auto first = text_of(path);
  REQUIRE(std::ranges::count(first, '\n') == 1);
  const auto object = parse_json(first, "log");
  CHECK(object["kind"] == "step");
  CHECK(!object.contains("nan"));
  CHECK(step_of(object, "log") == step);
  const ValidationRecord validation{.step = 1, .loss = 2.5, .tokens = 8, .seconds = 0.5};
  log.add(validation);
  const auto both = text_of(path);
  REQUIRE(both.starts_with(first));
  CHECK(validation_of(parse_json(both.substr(first.size()), "log"), "log") == validation);
}

TEST_CASE("an infinite number is null in JSON, and marked", "[app][training_log]") {
  const double bad = GENERATE(std::numeric_limits<double>::infinity(),
                              -std::numeric_limits<double>::infinity(), std::nan(""));
  const auto object = json_of(StepRecord{.step = 3, .loss = 1, .grad_norm = bad});
  CHECK(object["grad_norm"].is_null());
  CHECK(object["nan"] == true);
  CHECK(object["loss"] == 1.0);
  CHECK(std::isnan(step_of(parse_json(object.dump(), "log"), "log").grad_norm));
}

TEST_CASE("a continued log has no line behind the step that it continues", "[app][training_log]") {
  const test::Folder folder;
  const std::string validation = R"({"kind":"validation","step":2,"loss":4})"
                                 "\n";
  const auto later = R"({"kind":"validation","step":3,"loss":4})"
                     "\n" +
                     line_of(3) + line_of(4);
  const auto torn = GENERATE(as<std::string>{}, "", R"({"kind":"step","st)", "\0\0\0");
  const auto path = folder.write("run.jsonl", line_of(1) + line_of(2) + validation + later + torn);
  JsonlLog log(path, 2);
  CHECK(text_of(path) == line_of(1) + line_of(2) + validation);
  REQUIRE(log.kept().steps.size() == 2);
  CHECK(log.kept().steps[1].loss == 1.5);
  CHECK(log.kept().validations.size() == 1);
  CHECK(files_in(folder.path()) == 1);
  log.add(StepRecord{.step = 3});
  CHECK(std::ranges::count(text_of(path), '\n') == 4);
}

TEST_CASE("a last line without its newline is kept when it is whole", "[app][training_log]") {
  const test::Folder folder;
  const auto all = line_of(1) + line_of(2);
  const auto path = folder.write("run.jsonl", all.substr(0, all.size() - 1));
  const JsonlLog log(path, 5);
  CHECK(text_of(path) == all);
}

TEST_CASE("a log to which nothing is to be done stays the same file", "[app][training_log]") {
  const test::Folder folder;
  const auto path = folder.write("run.jsonl", line_of(1) + R"({"step":1,"kind":"later"})"
                                                           "\n");
  const auto before = fs::last_write_time(path);
  fs::create_hard_link(path, folder.path() / "same");
  const JsonlLog log(path, 1);
  CHECK(fs::equivalent(path, folder.path() / "same"));
  CHECK(fs::last_write_time(path) == before);
}

TEST_CASE("a continued log behind a link leaves the link", "[app][training_log]") {
  const test::Folder folder;
  const auto path = folder.write("run.jsonl", line_of(1) + line_of(2));
  const auto link = folder.path() / "link";
  fs::create_symlink("run.jsonl", link);
  const JsonlLog log(link, 1);
  CHECK(fs::is_symlink(link));
  CHECK(text_of(path) == line_of(1));
}

TEST_CASE("a new run does not write over the log of another", "[app][training_log]") {
  const test::Folder folder;
  const auto path = folder.write("run.jsonl", line_of(1));
  CHECK_THROWS_AS(JsonlLog(path), UsageError);
  CHECK(text_of(path) == line_of(1));
  CHECK_NOTHROW(JsonlLog(folder.write("empty.jsonl", "")));
  CHECK_NOTHROW(JsonlLog(folder.path() / "none.jsonl", 3));
}

TEST_CASE("a file that is no log is left alone, and its line is named", "[app][training_log]") {
  const test::Folder folder;
  const auto bad = GENERATE(as<std::string>{}, "some words\n", "[1]\n", "{}\n",
                            R"({"step":-1})"
                            "\n",
                            R"({"step":18446744073709551615})"
                            "\n",
                            R"({"kind":"step","step":1,"loss":"low"})"
                            "\n",
                            R"({"kind":"step","step":1,"tokens":-5})"
                            "\n",
                            "\n", std::string(3 << 20, 'x') + "\n");
  const auto path = folder.write("run.jsonl", line_of(1) + bad + line_of(1));
  CHECK_THROWS_WITH(JsonlLog(path, 1), Catch::Contains("line 2"));
  CHECK(text_of(path) == line_of(1) + bad + line_of(1));
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("a full disk is an error that names the file", "[app][training_log]") {
  JsonlLog log("/dev/full");
  CHECK_THROWS_WITH(log.add(StepRecord{.step = 1}),
                    Catch::Contains("/dev/full") && Catch::Contains("make room"));
}
