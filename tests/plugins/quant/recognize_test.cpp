#include <awq/format.hpp>
#include <catch2/catch.hpp>
#include <deque>
#include <gptq/format.hpp>
#include <numeric>

#include "core/ops/op_table.hpp"
#include "core/plugin/config_table.hpp"
#include "core/plugin/host.hpp"

using namespace strata;

namespace {

// A checkpoint's tensors with the host that reads its quantization_config.
class Given {
 public:
  // "" is a checkpoint without a configuration.
  explicit Given(const std::string& json) {
    REQUIRE(abi::open_plugin(host_.table()) == STRATA_OK);
    if (json.empty()) return;
    values_.emplace(json, "config.json");
    handle_ = {&*values_};
    options_.emplace(&handle_);
  }
  ~Given() { abi::close_plugin(); }
  Given(const Given&) = delete;
  Given& operator=(const Given&) = delete;

  Given& with(std::string_view role, std::string_view type, std::vector<int64_t> shape,
              const void* data = nullptr) {
    std::erase_if(tensors_, [&](const WeightTensor& one) { return one.role == role; });
    tensors_.push_back({role, type, shapes_.emplace_back(std::move(shape)), data});
    return *this;
  }

  std::optional<PackedWeight> gptq() const { return of<gptq::Format>(); }
  std::optional<PackedWeight> awq() const { return of<awq::Format>(); }

 private:
  template <class Format>
  std::optional<PackedWeight> of() const {
    return Format::recognize(options_ ? &*options_ : nullptr, "a.q_proj.weight", tensors_);
  }

  plugin::Host host_{plugin::config_table(), ops::op_table()};
  std::optional<source::Config> values_;
  strata_config handle_{};
  std::optional<Config> options_;
  std::deque<std::vector<int64_t>> shapes_;
  std::vector<WeightTensor> tensors_;
};

// A weight [64,256] of 4 bits in groups of 128.
Given& gptq_tensors(Given& given) {
  return given.with("codes", "I32", {32, 64})
      .with("zeros", "I32", {2, 8})
      .with("scales", "F16", {2, 64});
}
Given& awq_tensors(Given& given) {
  return given.with("codes", "I32", {256, 8})
      .with("zeros", "I32", {2, 8})
      .with("scales", "F16", {2, 64});
}

std::string scheme_of(const std::optional<PackedWeight>& found) {
  REQUIRE(found);
  REQUIRE(found->shape == std::vector<int64_t>{64, 256});
  return found->scheme;
}

std::vector<int32_t> columns_in_order(int32_t group) {
  std::vector<int32_t> out(256);
  for (std::size_t k = 0; k < out.size(); ++k) out[k] = static_cast<int32_t>(k) / group;
  return out;
}

}  // namespace

TEST_CASE("a configuration says what the tensors are", "[recognize]") {
  const auto [options, scheme] = GENERATE(table<const char*, const char*>(
      {{R"({"quant_method": "gptq", "bits": 4, "group_size": 128})", "gptq 4 128 f16 v1"},
       {R"({"quant_method": "gptq", "checkpoint_format": "gptq_v2", "bits": 4, "group_size": 128, "sym": true})",
        "gptq 4 128 f16 v2"},
       {R"({"quant_method": "GPTQ", "format": "gptq", "sym": true, "group_size": 128})",
        "gptq 4 128 f16 v1 symmetric"},
       {R"({"quant_method": "gptq", "bits": 8, "sym": true, "group_size": 64, "dynamic": {"a": {"bits": 4}}})",
        "gptq 4 128 f16 v1"},
       {R"({"quant_method": "auto-round", "packing_format": "auto_round:auto_gptq", "bits": 4})",
        "gptq 4 128 f16 v1"},
       {R"({"bits": 4, "sym": 0, "desc_act": 0})", "gptq 4 128 f16 v1"}}));
  Given given(options);
  REQUIRE(scheme_of(gptq_tensors(given).gptq()) == scheme);
  REQUIRE(given.awq() == std::nullopt);
}

TEST_CASE("a configuration of AWQ says what the tensors are", "[recognize]") {
  const auto* options = GENERATE(
      R"({"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm", "zero_point": true})",
      R"({"quant_method": "awq", "w_bit": 4, "q_group_size": 128, "version": "GEMM"})",
      R"({"quant_method": "auto-round", "packing_format": "auto_round:auto_awq", "bits": 4})", "");
  Given given(options);
  REQUIRE(scheme_of(awq_tensors(given).awq()) == "awq 4 128 f16");
  REQUIRE(given.gptq() == std::nullopt);
}

TEST_CASE("weights of other methods are nobody's", "[recognize]") {
  const auto* options =
      GENERATE(R"({"quant_method": "hqq"})", R"({"quant_method": "compressed-tensors"})");
  Given given(options);
  REQUIRE(gptq_tensors(given).gptq() == std::nullopt);
  REQUIRE(given.awq() == std::nullopt);
  Given part(R"({"quant_method": "gptq"})");
  part.with("codes", "I32", {32, 64}).with("scales", "F16", {2, 64});
  REQUIRE(part.gptq() == std::nullopt);
}

TEST_CASE("an order is read where its bytes are there", "[recognize]") {
  Given given(R"({"quant_method": "gptq", "group_size": 128, "desc_act": false})");
  auto order = columns_in_order(128);
  gptq_tensors(given);
  REQUIRE(scheme_of(given.with("order", "I32", {256}).gptq()) == "gptq 4 128 f16 v1 order");
  given.with("order", "I32", {256}, order.data());
  REQUIRE(scheme_of(given.gptq()) == "gptq 4 128 f16 v1 in-order");
  std::swap(order.front(), order.back());
  REQUIRE(scheme_of(given.gptq()) == "gptq 4 128 f16 v1 order");
  order[7] = GENERATE(-1, 2);
  REQUIRE_THROWS_WITH(given.gptq(),
                      Catch::Contains("column 7 in group " + std::to_string(order[7])));
}

TEST_CASE("an order that the configuration promises may not be missing", "[recognize]") {
  Given given(R"({"quant_method": "gptq", "group_size": 128, "desc_act": true})");
  gptq_tensors(given);
  REQUIRE_THROWS_WITH(given.gptq(), Catch::Contains("a.q_proj.weight: its g_idx is missing") &&
                                        Catch::Contains("config.json's desc_act"));
  const auto order = columns_in_order(128);
  given.with("order", "I32", {256}, order.data());
  REQUIRE(scheme_of(given.gptq()) == "gptq 4 128 f16 v1 in-order");
  Given row(R"({"quant_method": "gptq", "group_size": -1, "desc_act": true})");
  gptq_tensors(row).with("zeros", "I32", {1, 8}).with("scales", "F16", {1, 64});
  REQUIRE(scheme_of(row.gptq()) == "gptq 4 row f16 v1");
}

TEST_CASE("zeros of a version that nothing names are refused", "[recognize]") {
  Given given("");
  REQUIRE_THROWS_WITH(
      gptq_tensors(given).gptq(),
      Catch::Contains("has no object quantization_config") && Catch::Contains("checkpoint_format"));
}

TEST_CASE("a flag is true or false", "[recognize]") {
  const std::string key = GENERATE("sym", "desc_act", "is_marlin_format");
  const std::string value = GENERATE("\"yes\"", "\"true\"", "2", "-1", "[]", "{}", "0.5");
  Given given(R"({"quant_method": "gptq", ")" + key + "\": " + value + "}");
  REQUIRE_THROWS_WITH(
      gptq_tensors(given).gptq(),
      Catch::Equals("quantization_config: " + key + " is neither true nor false: fix config.json"));
}

TEST_CASE("a row may be one group, and groups of equal length need no name", "[recognize]") {
  Given given(GENERATE(R"({"quant_method": "gptq", "group_size": -1})",
                       R"({"quant_method": "gptq"})",
                       R"({"quant_method": "gptq", "group_size": 1024})"));
  gptq_tensors(given).with("zeros", "I32", {1, 8}).with("scales", "BF16", {1, 64});
  const auto found = given.gptq();
  REQUIRE(scheme_of(found) == "gptq 4 row bf16 v1");
  REQUIRE(found->dtype.code == STRATA_BFLOAT);
}

TEST_CASE("the shapes tell the bits", "[recognize]") {
  Given given(R"({"quant_method": "gptq", "group_size": 64})");
  const int64_t bits = GENERATE(2, 3, 8);
  given.with("codes", "I32", {256 * bits / 32, 64}).with("zeros", "I32", {4, 64 * bits / 32});
  REQUIRE(scheme_of(given.with("scales", "F32", {4, 64}).gptq()) ==
          "gptq " + std::to_string(bits) + " 64 f32 v1");
}

TEST_CASE("tensors that do not fit are refused with the facts of both", "[recognize]") {
  struct Case {
    const char *role, *type;
    std::vector<int64_t> shape;
    const char *one, *other;
  };
  const auto wrong = GENERATE(values<Case>({
      {"codes", "I32", {32, 56}, "codes I32 [32, 56]", "scales F16 [2, 64]"},
      {"codes", "I64", {32, 64}, "codes I64 [32, 64]", "int32"},
      {"codes", "I32", {32}, "codes I32 [32]", "int32"},
      {"codes", "I32", {0, 64}, "codes I32 [0, 64]", "int32"},
      {"codes", "I32", {int64_t{1} << 40, 64}, "codes I32", "int32"},
      {"codes", "I32", {1 << 30, 64}, "codes I32 [1073741824, 64]", "zeros I32 [2, 8]"},
      {"zeros", "I32", {2, 10}, "zeros I32 [2, 10]", "scales F16 [2, 64]"},
      {"zeros", "I32", {2, 9}, "zeros I32 [2, 9]", "scales F16 [2, 64]"},
      {"zeros", "I32", {1, 8}, "zeros I32 [1, 8]", "scales F16 [2, 64]"},
      {"zeros", "I32", {2, 16}, "codes I32 [32, 64] are of 8 bits", "config.json's bits is 4: "},
      {"scales", "F8_E4M3", {2, 64}, "scales F8_E4M3 [2, 64]", "F16"},
      {"scales", "F16", {64}, "scales F16 [64]", "a.q_proj.weight"},
      {"order", "I32", {255}, "codes I32 [32, 64]", "order I32 [255]"},
      {"order", "I64", {256}, "codes I32 [32, 64]", "order I64 [256]"},
  }));
  CAPTURE(wrong.role, wrong.type, wrong.shape);
  Given given(R"({"quant_method": "gptq", "bits": 4, "group_size": 128})");
  gptq_tensors(given).with(wrong.role, wrong.type, wrong.shape);
  REQUIRE_THROWS_WITH(given.gptq(), Catch::Contains(wrong.one) && Catch::Contains(wrong.other) &&
                                        (Catch::EndsWith(": fetch the checkpoint again") ||
                                         Catch::Contains(": give the c")));
}

TEST_CASE("groups of another number than the configuration's are refused", "[recognize]") {
  const auto [options, words] = GENERATE(table<const char*, const char*>(
      {{R"({"quant_method": "gptq", "group_size": 64})",
        "scales F16 [2, 64] are of 2 groups in a row of 256, and config.json's group_size is 64: "
        "give"},
       {R"({"quant_method": "gptq", "group_size": -1})", "group_size is -1: give"},
       {R"({"quant_method": "gptq", "group_size": 0})", "group_size 0"},
       {R"({"quant_method": "gptq", "group_size": 9999999999})", "group_size 9999999999"}}));
  Given given(options);
  REQUIRE_THROWS_WITH(gptq_tensors(given).gptq(), Catch::Contains(words));
  Given without(R"({"quant_method": "gptq"})");
  gptq_tensors(without).with("zeros", "I32", {3, 8}).with("scales", "F16", {3, 64});
  REQUIRE_THROWS_WITH(without.gptq(), Catch::Contains("no 3 groups of equal length: name the"));
}

TEST_CASE("tensors of AWQ that do not fit are refused with the facts of both", "[recognize]") {
  const auto [role, width, words] = GENERATE(table<const char*, int64_t, const char*>(
      {{"codes", 9, "codes I32 [256, 9]"}, {"zeros", 7, "zeros I32 [2, 7]"}}));
  Given given(R"({"quant_method": "awq", "bits": 4, "group_size": 128})");
  awq_tensors(given).with(role, "I32", {role == std::string("codes") ? 256 : 2, width});
  REQUIRE_THROWS_WITH(given.awq(), Catch::Contains(words) && Catch::Contains("scales F16 [2, 64]"));
  const auto [key, value] = GENERATE(
      table<std::string, std::string>({{"bits", "8"}, {"w_bit", "8"}, {"q_group_size", "64"}}));
  Given other(R"({"quant_method": "awq", ")" + key + "\": " + value + "}");
  REQUIRE_THROWS_WITH(awq_tensors(other).awq(),
                      Catch::Contains("config.json's " + key + " is " + value + ": give"));
}

TEST_CASE("layouts that were made for one kernel are refused by name", "[recognize]") {
  const auto [options, name] = GENERATE(table<const char*, const char*>(
      {{R"({"quant_method": "gptq", "checkpoint_format": "marlin"})", "'marlin'"},
       {R"({"quant_method": "gptq", "is_marlin_format": true})", "'marlin'"},
       {R"({"quant_method": "gptq", "format": "bitblas"})", "'bitblas'"},
       {R"({"quant_method": "auto-round", "packing_format": "auto_round:exllamav2"})", "exllamav2"},
       {R"({"quant_method": "auto-round"})", "'auto_round'"}}));
  Given given(options);
  REQUIRE_THROWS_WITH(gptq_tensors(given).gptq(), Catch::Contains(name) && Catch::Contains("gptq"));
  const auto* version = GENERATE("gemv", "gemv_fast", "marlin");
  Given other(R"({"quant_method": "awq", "version": ")" + std::string(version) + "\"}");
  REQUIRE_THROWS_WITH(awq_tensors(other).awq(),
                      Catch::Contains(version) && Catch::Contains("gemm"));
}
