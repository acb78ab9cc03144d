#include "host/cli/toml.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "host/commands/generate.hpp"

using namespace strata::cli;

namespace {

std::string refusal(std::string_view text) {
  const auto call = find_command("plan")->call();
  try {
    apply_toml(*call, parse_toml(text, "run.toml"), "run.toml");
  } catch (const strata::UsageError& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("every type of value is read from TOML", "[host][toml]") {
  const auto call = find_command("generate")->call();
  apply_toml(*call,
             parse_toml(R"(
[run]
model = "m"
threads = 4
device_memory = "1.5GiB"
host_memory = 1e9
offload_dir = ["/a", "/b"]
json = true
[generate]
temperature = 1
[offload.disk]
depth = 8
)",
                        "run.toml"),
             "run.toml");
  const auto& s = call->as<strata::host::GenerateOptions>();
  CHECK(s.model == "m");
  CHECK(s.threads == 4);
  CHECK(s.device_memory == 1610612736U);
  CHECK(s.host_memory == 1000000000U);
  CHECK(s.offload_dirs == std::vector<std::string>{"/a", "/b"});
  CHECK(s.json);
  CHECK(s.temperature == 1.0);
  CHECK(s.plugin_tables.at("offload.disk") == nlohmann::json{{"depth", 8}});
}

TEST_CASE("an unknown key or section is refused with the nearest known one", "[host][toml]") {
  CHECK(refusal("[run]\ndtpye = 'auto'") ==
        "run.toml: unknown key 'run.dtpye': did you mean 'run.dtype'?");
  CHECK(refusal("[rum]\n") == "run.toml: unknown section 'rum': did you mean 'run'?");
  CHECK(refusal("[offload]\ndisk = 1") ==
        "run.toml: unknown key 'offload.disk': `strata COMMAND --help` names the keys");
  CHECK(refusal("run = 1") == "run.toml: 'run' is no section: write [run]");
}

TEST_CASE("a value of another type or out of range is refused by key", "[host][toml]") {
  CHECK(refusal("[run]\nthreads = 'four'") ==
        "run.toml: run.threads: 'four' is no integer: give a whole number");
  CHECK(refusal("[run]\nthreads = 0") ==
        "run.toml: run.threads: 0 is out of range: give at least 1");
  CHECK(refusal("[run]\nmodel = 1") ==
        "run.toml: run.model: '1' is no text: put it between quotes");
  CHECK(refusal("[run]\njson = 'yes'") ==
        "run.toml: run.json: 'yes' is no flag: give true or false");
  CHECK(refusal("[run]\ndevice_memory = -1") ==
        "run.toml: run.device_memory: '-1' is no size: write it as 512MiB, 24GiB, 24GB or 1e9");
  CHECK(refusal("[run]\noffload_dir = '/a'") ==
        "run.toml: run.offload_dir: '/a' is no list: write it as [\"...\", \"...\"]");
  CHECK(refusal("[generate]\ntemperature = nan") ==
        "run.toml: generate.temperature: 'nan' is no number: give a decimal number");
  CHECK(refusal("[run]\nmodel = 2020-01-01") ==
        "run.toml: line 2: a date is no value: put it between quotes");
}

TEST_CASE("text that breaks an assumption of the parser is refused", "[host][toml]") {
  CHECK_THAT(refusal("[:run]\n"), Catch::StartsWith("run.toml: line 1: "));
  CHECK_THAT(refusal("a=[\"i\"\xc2\xba]\n"), Catch::StartsWith("run.toml: line 1: "));
}

TEST_CASE("a syntax error names its line", "[host][toml]") {
  CHECK_THAT(refusal("[run]\nmodel = \"m\n"), Catch::StartsWith("run.toml: line 2: "));
  CHECK_THAT(refusal("[run"), Catch::StartsWith("run.toml: line 1: "));
  CHECK_THAT(refusal(std::string(100000, '[')), Catch::StartsWith("run.toml: line 1: "));
  CHECK_THAT(refusal("[run]\nmodel = 1\nmodel = 2"), Catch::StartsWith("run.toml: line 3: "));
}
