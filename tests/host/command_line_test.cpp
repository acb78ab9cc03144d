#include "host/cli/command_line.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "host/commands/generate.hpp"
#include "tests/folder.hpp"

using namespace strata::cli;
using Strings = std::vector<std::string>;

namespace {

strata::host::GenerateOptions options_of(const Strings& arguments) {
  return parse_command_line(arguments).call->as<strata::host::GenerateOptions>();
}

strata::host::GenerateOptions generate(Strings more) {
  Strings arguments{"generate", "--model", "m", "--prompt", "hello"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return options_of(arguments);
}

}  // namespace

TEST_CASE("options fill their fields with their types", "[host][cli]") {
  const auto s = generate({"--device-memory", "2GiB", "--threads=3", "--temperature", "0.5",
                           "--ignore-eos", "--plugin", "a.so", "--plugin", "b.so", "-v"});
  CHECK(s.model == "m");
  CHECK(s.prompt == "hello");
  CHECK(s.device_memory == std::uint64_t{2} << 30);
  CHECK(s.threads == 3);
  CHECK(s.temperature == 0.5);
  CHECK(s.ignore_eos);
  CHECK(s.verbose);
  CHECK(s.plugin_paths == Strings{"a.so", "b.so"});
  CHECK_FALSE(s.host_memory.has_value());
}

TEST_CASE("token ids are read, one list for each option", "[host][cli]") {
  const auto s =
      options_of({"generate", "--model", "m", "--input-ids", "1, 2,3", "--input-ids", "4"});
  CHECK(s.input_ids == std::vector<Ids>{{1, 2, 3}, {4}});
}

TEST_CASE("what is no list of token ids is refused", "[host][cli]") {
  const auto* ids = GENERATE("", "1,", ",1", "1,,2", "a", "-1", "2147483648", "1;2", "1.5");
  CAPTURE(ids);
  CHECK_THROWS_WITH(
      parse_command_line({"generate", "--model", "m", std::string("--input-ids=") + ids}),
      Catch::StartsWith("--input-ids: "));
}

TEST_CASE("the command line wins over --set, which wins over the file", "[host][cli]") {
  const strata::test::Folder folder;
  const auto file = folder.write("run.toml",
                                 "[run]\nthreads = 1\ndtype = 'float32'\ndevice = 'cpu'\n"
                                 "[plugins]\nallow = ['x', 'y']\n");
  const auto s = generate({"--config", file.string(), "--set", "run.threads=2", "--set",
                           "run.dtype=bfloat16", "--threads", "3"});
  CHECK(s.threads == 3);
  CHECK(s.dtype == "bfloat16");
  CHECK(s.device == "cpu");
  CHECK(s.plugins_allow == Strings{"x", "y"});
}

TEST_CASE("settings by --set reach lists, flags and the tables of plugins", "[host][cli]") {
  const auto s = generate({"--set", R"(plugins.allow=["a", "b"])", "--set", "run.json=true",
                           "--set", "offload.disk.depth=8", "--set", "offload.disk.dir=/x"});
  CHECK(s.plugins_allow == Strings{"a", "b"});
  CHECK(s.json);
  CHECK(s.plugin_tables.at("offload.disk") == nlohmann::json{{"depth", 8}, {"dir", "/x"}});
}

TEST_CASE("each command says what it cannot do without", "[host][cli]") {
  const auto message = [](const Strings& arguments) {
    try {
      parse_command_line(arguments);
    } catch (const strata::Error& e) {
      CHECK(e.status() == strata::Exit::usage);
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK_THAT(message({"generate"}), Catch::StartsWith("--model: missing"));
  CHECK_THAT(message({"generate", "--model", "m"}), Catch::StartsWith("--prompt: missing"));
  CHECK_THAT(message({"generate", "--model", "m", "--prompt", "a", "--input-ids", "1"}),
             Catch::StartsWith("--prompt: not alone"));
  CHECK_THAT(message({"logits", "--model", "m", "--input-ids", "1"}),
             Catch::StartsWith("--output: missing"));
  CHECK_THAT(message({"perplexity", "--model", "m"}), Catch::StartsWith("--text-file: missing"));
  CHECK_THAT(message({"tokenize", "--model", "m"}), Catch::StartsWith("--text: missing"));
  CHECK_THAT(message({"import", "m"}), Catch::StartsWith("--output: missing"));
  CHECK_THAT(message({"bench", "--model", "m"}), Catch::StartsWith("--dummy: missing"));
  CHECK_THAT(message({"plugins", "check"}), Catch::StartsWith("PATH: missing"));
  CHECK(message({"plugins", "list"}).empty());
  CHECK(message({"import", "m", "--output", "d"}).empty());
}
