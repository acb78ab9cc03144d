// The promises of strata.attention/1, held against any backend over the host's own ops: protocol,
// and numbers against attention written out in float64.
#include <strata/abi/draft/attention.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "core/ops/list.hpp"
#include "core/ops/op_table.hpp"
#include "core/plugin/config_table.hpp"
#include "core/plugin/host.hpp"
#include "core/source/config.hpp"
#include "tests/conformance/computes.hpp"
#include "torch/attention_backend.hpp"
#include "torch/compute/torch_ops.hpp"
#include "torch/form.hpp"
#include "torch/mode.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata {

namespace {

constexpr strata_dtype f32{STRATA_FLOAT, 32, 1};

const strata_attention* table_of(const strata_plugin& plugin) {
  return static_cast<const strata_attention*>(plugin.query({STRATA_STR("strata.attention/1")}));
}

// The plugin, opened, and what its conformance.toml says of it.
struct Subject {
  Subject() : values(computes().taken.front().json, computes().taken.front().name) {
    REQUIRE(computes().plugin->open(host.table()) == STRATA_OK);
    table = table_of(*computes().plugin);
  }
  ~Subject() { computes().plugin->close(); }
  // Whether the file declares this capability; one that is not declared counts as absent.
  bool can(const char* what) const {
    const std::int64_t no = 0;
    return values.i64(what, &no) != 0;
  }

  plugin::Host host{plugin::config_table(), ops::op_table()};
  source::Config values;
  const strata_attention* table = nullptr;
};

strata_attention_request plain_request(int32_t device) {
  strata_attention_request r{};
  r.hdr.size = sizeof r;
  r.device = {device, 0};
  r.dtype = r.kv_dtype = f32;
  r.heads = 4, r.kv_heads = 2;
  r.dim_qk = r.dim_v = 8;
  r.mask = STRATA_MASK_CAUSAL;
  r.max_query = 16;
  r.q_strides[0] = 32, r.q_strides[1] = 8;
  r.kv_strides[1] = 16, r.kv_strides[2] = 8;
  r.scale = 0.5;
  return r;
}

// The devices that there are and that the backend serves, by strata_device's types.
std::vector<int32_t> served(const Subject& subject) {
  std::vector<int32_t> out;
  for (const int32_t device : {STRATA_CPU, STRATA_CUDA}) {
    if (device == STRATA_CUDA && !at::hasCUDA()) continue;
    const auto request = plain_request(device);
    if (subject.table->score(&request) > 0) out.push_back(device);
  }
  return out;
}

// Everything here is computed on the CPU.
bool attends(const Subject& subject) {
  const auto devices = served(subject);
  return subject.can("attends") && std::ranges::find(devices, STRATA_CPU) != devices.end();
}

// The request of one comparison.
struct Case {
  int64_t heads, kv_heads, dim_qk, dim_v;
  strata_op_attention op;
  bool cached;
};

// The queries, keys and values of one sequence so far, [n][heads][dim].
struct History {
  std::vector<double> q, k, v;
};

// Attention of token `at` and head `h`, by its definition.
std::vector<double> defined(const Case& c, const History& s, int64_t at, int64_t h,
                            const std::vector<double>& slopes, const std::vector<double>& sinks) {
  const auto width = [](int64_t heads, int64_t dim) { return heads * dim; };
  const auto kv = h / (c.heads / c.kv_heads);
  const auto keys = static_cast<int64_t>(s.k.size()) / width(c.kv_heads, c.dim_qk);
  const auto scale = c.op.scale != 0 ? c.op.scale : 1 / std::sqrt(static_cast<double>(c.dim_qk));
  std::vector<double> scores(static_cast<std::size_t>(keys));
  double most =
      sinks.empty() ? -std::numeric_limits<double>::infinity() : sinks[static_cast<std::size_t>(h)];
  for (int64_t j = 0; j < keys; ++j) {
    double sum = 0;
    for (int64_t e = 0; e < c.dim_qk; ++e)
      sum += s.q[static_cast<std::size_t>(at * width(c.heads, c.dim_qk) + h * c.dim_qk + e)] *
             s.k[static_cast<std::size_t>(j * width(c.kv_heads, c.dim_qk) + kv * c.dim_qk + e)];
    sum *= scale;
    if (c.op.soft_cap != 0) sum = c.op.soft_cap * std::tanh(sum / c.op.soft_cap);
    if (!slopes.empty()) sum += slopes[static_cast<std::size_t>(h)] * static_cast<double>(j - at);
    const bool hidden = ((c.op.mask & STRATA_MASK_CAUSAL) && j > at) ||
                        (c.op.window != 0 && j <= at - static_cast<int64_t>(c.op.window));
    scores[static_cast<std::size_t>(j)] = hidden ? -std::numeric_limits<double>::infinity() : sum;
    most = std::max(most, scores[static_cast<std::size_t>(j)]);
  }
  double all = sinks.empty() ? 0 : std::exp(sinks[static_cast<std::size_t>(h)] - most);
  for (auto& score : scores) all += score = std::exp(score - most);
  std::vector<double> out(static_cast<std::size_t>(c.dim_v));
  for (int64_t j = 0; j < keys; ++j)
    for (int64_t e = 0; e < c.dim_v; ++e)
      out[static_cast<std::size_t>(e)] +=
          scores[static_cast<std::size_t>(j)] / all *
          s.v[static_cast<std::size_t>(j * width(c.kv_heads, c.dim_v) + kv * c.dim_v + e)];
  return out;
}

std::vector<double> doubles(const at::Tensor& x) {
  const auto wide = x.to(at::kDouble).contiguous();
  const auto* data = wide.const_data_ptr<double>();
  return {data, data + wide.numel()};
}

// Passes of one case through the host's op, each compared with the definition.
class Passes {
 public:
  Passes(const Subject& subject, const Case& c)
      : case_(c), host_(subject.host.table()), shared_(options(subject, c)), histories_(3) {
    if (c.op.mask & STRATA_MASK_ALIBI)
      slopes_ = doubles(torch::alibi_slopes(static_cast<uint32_t>(c.heads), at::kCPU));
    if (c.op.sinks == STRATA_NONE) return;
    sinks_ = {0.5f, -1, 2, 0, 1, -2};
    sinks_.resize(static_cast<std::size_t>(c.heads));
    declared_.weights.push_back({.name = "sinks", .shape = {c.heads}});
    unit_.weights.push_back({});
    unit_.weights[0].name = "sinks";
    unit_.weights[0].shape = {c.heads};
    unit_.weights[0].run = source::dense_form({STRATA_FLOAT, 32, 1}, {c.heads});
  }

  // One pass with this many new tokens of each sequence (0: it takes no part); returns the largest
  // error.
  double run(const std::vector<uint32_t>& counts) {
    const torch::Unrecorded mode(false);
    std::vector<run::Sequence> sequences;
    uint32_t tokens = 0;
    for (uint32_t slot = 0; slot < counts.size(); ++slot) {
      if (counts[slot] == 0) continue;
      auto& seen = seen_[slot];
      sequences.push_back({slot, seen, counts[slot], seen + counts[slot]});
      seen += counts[slot];
      tokens += counts[slot];
    }
    const std::vector<int32_t> ids(tokens, 1);
    shared_.pass.begin({ids, sequences, {}});
    torch::TorchTensor q(normal({int64_t{tokens}, case_.heads, case_.dim_qk})),
        k(normal({int64_t{tokens}, case_.kv_heads, case_.dim_qk})),
        v(normal({int64_t{tokens}, case_.kv_heads, case_.dim_v}));
    const auto made = attend(static_cast<int64_t>(tokens), q, k, v);
    REQUIRE(made.sizes() == at::IntArrayRef{int64_t{tokens}, case_.heads * case_.dim_v});
    double worst = 0;
    int64_t row = 0;
    for (const auto& s : sequences) {
      auto& history = histories_[s.slot];
      for (auto [to, from] : {std::pair{&history.q, &q}, {&history.k, &k}, {&history.v, &v}}) {
        const auto part = doubles(from->value.narrow(0, row, s.count));
        to->insert(to->end(), part.begin(), part.end());
      }
      worst = std::max(worst, apart(made.narrow(0, row, s.count), history, s.first));
      row += s.count;
    }
    return worst;
  }

 private:
  static run::ComputeOptions options(const Subject& subject, const Case& c) {
    run::ComputeOptions out;
    out.host = subject.host.table();
    out.attention = subject.table;
    out.attention_name = plugin_name();
    if (c.cached)
      out.kv = {.sequences = 3, .tokens = 24, .block = 4};
    else
      out.kv = {.sequences = 3, .tokens = 0};
    return out;
  }

  at::Tensor attend(int64_t tokens, strata_tensor& q, strata_tensor& k, strata_tensor& v) {
    plugin::Call call{};
    call.seen.hdr.size = sizeof call.seen;
    call.seen.host = host_;
    const torch::UnitWeights weights(unit_, reinterpret_cast<const std::byte*>(sinks_.data()),
                                     at::kCPU, false);
    torch::TorchOps ops(shared_, weights, 0, &declared_, tokens, at::kCPU, call);
    call.ops = &ops;
    plugin::Handle out;
    plugin::run(ops, ops::rows::attention, {&out, 1}, &case_.op, &q, &k, &v);
    return torch::value_of(*out.get());
  }

  at::Tensor normal(at::IntArrayRef shape) {
    std::normal_distribution<float> draw;
    auto made = at::empty(shape, at::kFloat);
    for (int64_t i = 0; i < made.numel(); ++i) made.data_ptr<float>()[i] = draw(random_);
    return made;
  }

  double apart(const at::Tensor& made, const History& history, int64_t first) const {
    const auto got = doubles(made);
    const std::vector<double> sinks(sinks_.begin(), sinks_.end());
    double worst = 0;
    for (int64_t t = 0, i = 0; t < made.size(0); ++t)
      for (int64_t h = 0; h < case_.heads; ++h)
        for (const auto wanted : defined(case_, history, first + t, h, slopes_, sinks))
          worst = std::max(worst, std::fabs(got[static_cast<std::size_t>(i++)] - wanted));
    return worst;
  }

  Case case_;
  const strata_host* host_;
  torch::Shared shared_;
  plugin::DeclaredUnit declared_;
  zero::Unit unit_;
  std::vector<float> sinks_;
  std::vector<double> slopes_;
  std::vector<History> histories_;
  int64_t seen_[3] = {0, 0, 0};
  std::mt19937 random_{7};
};

strata_op_attention causal() {
  strata_op_attention op{};
  op.hdr.size = sizeof op;
  op.mask = STRATA_MASK_CAUSAL;
  op.sinks = STRATA_NONE;
  return op;
}

// The variants that the folder's conformance.toml promises beside the plain ones.
std::vector<std::pair<std::string, strata_op_attention>> variants(const Subject& subject) {
  std::vector<std::pair<std::string, strata_op_attention>> out;
  const auto add = [&](const char* name, auto change) {
    out.emplace_back(name, causal());
    change(out.back().second);
  };
  add("causal", [](auto&) {});
  add("scale", [](auto& op) { op.scale = 0.7; });
  add("window", [](auto& op) { op.window = 3; });
  if (subject.can("alibi")) add("alibi", [](auto& op) { op.mask |= STRATA_MASK_ALIBI; });
  if (subject.can("soft_cap")) add("soft cap", [](auto& op) { op.soft_cap = 1.5; });
  if (subject.can("sinks")) add("sinks", [](auto& op) { op.sinks = 0; });
  return out;
}

const std::vector<std::array<int64_t, 4>> shapes{
    {4, 4, 8, 8}, {6, 2, 16, 16}, {4, 1, 8, 12}, {3, 3, 12, 8}};

}  // namespace

TEST_CASE("the entry says what the plugin is", "[entry]") {
  const auto& p = *computes().plugin;
  REQUIRE(p.magic == STRATA_MAGIC);
  REQUIRE(text_of(p.kind) == "attention");
  for (const std::string id : {"", "strata.attention/", "strata.attention/2", "strata.model/1"})
    REQUIRE(p.query(abi_str(id)) == nullptr);
  REQUIRE(table_of(p) != nullptr);
}

TEST_CASE("a request that makes no sense has the score 0", "[score]") {
  const Subject subject;
  const auto devices = served(subject);
  INFO("a request for each device that there is: on one of them its score is above 0");
  REQUIRE(!devices.empty());
  const auto score = [&](auto change) {
    auto r = plain_request(devices.front());
    change(r);
    return subject.table->score(&r);
  };
  CHECK(score([](auto& r) { r.hdr.size = 0; }) == 0);
  CHECK(score([](auto& r) { r.heads = 0; }) == 0);
  CHECK(score([](auto& r) { r.kv_heads = 0; }) == 0);
  CHECK(score([](auto& r) { r.kv_heads = 3; }) == 0);
  CHECK(score([](auto& r) { r.dim_qk = 0; }) == 0);
  CHECK(score([](auto& r) { r.need = ~0u; }) == 0);
  CHECK(score([](auto& r) { r.mask = ~0u; }) == 0);
  if (subject.can("attends")) {
    CHECK(score([](auto& r) { r.kv_codec = {STRATA_STR("no such codec")}; }) == 0);
    CHECK((score([](auto& r) { r.mask |= STRATA_MASK_ALIBI; }) > 0) == subject.can("alibi"));
    CHECK((score([](auto& r) { r.soft_cap = 2; }) > 0) == subject.can("soft_cap"));
    CHECK((score([](auto& r) { r.sinks = 1; }) > 0) == subject.can("sinks"));
  }
}

TEST_CASE("instances are made and freed, and say what a call holds", "[instance]") {
  const Subject subject;
  const auto devices = served(subject);
  if (devices.empty()) return;
  const auto request = plain_request(devices.front());
  strata_self* all[2] = {};
  for (auto& one : all) {
    REQUIRE(subject.table->create(subject.host.table(), &request, &one) == STRATA_OK);
    REQUIRE(one);
  }
  uint64_t few = ~uint64_t{0}, many = ~uint64_t{0};
  REQUIRE(subject.table->workspace(all[0], 1, 1, 1, &few) == STRATA_OK);
  REQUIRE(subject.table->workspace(all[1], 64, 2, 4096, &many) == STRATA_OK);
  REQUIRE(few <= many);
  REQUIRE(many < uint64_t{1} << 40);
  for (auto* one : all) subject.table->destroy(one);
}

TEST_CASE("ragged prompts, their rest and single tokens are what the definition says",
          "[numbers]") {
  const Subject subject;
  if (!attends(subject)) return;
  for (const auto& [h, k, e, ev] : shapes)
    for (const auto& [name, op] : variants(subject)) {
      CAPTURE(name, h, k, e, ev);
      Passes passes(subject, {h, k, e, ev, op, true});
      CHECK(passes.run({5, 0, 9}) < 2e-5);
      CHECK(passes.run({0, 7, 0}) < 2e-5);
      CHECK(passes.run({4, 1, 3}) < 2e-5);
      CHECK(passes.run({1, 1, 1}) < 2e-5);
      CHECK(passes.run({0, 1, 0}) < 2e-5);
    }
}

TEST_CASE("a pass without a cache is what the definition says", "[numbers]") {
  const Subject subject;
  if (!attends(subject)) return;
  for (const auto& [h, k, e, ev] : shapes)
    for (auto [name, op] : variants(subject))
      for (const bool forward_only : {true, false}) {
        if (!forward_only) {
          if (op.window != 0) continue;  // a window looks back
          op.mask &= ~uint32_t{STRATA_MASK_CAUSAL};
        }
        CAPTURE(name, h, k, e, ev, forward_only);
        CHECK(Passes(subject, {h, k, e, ev, op, false}).run({5, 1, 8}) < 2e-5);
        CHECK(Passes(subject, {h, k, e, ev, op, false}).run({6, 0, 0}) < 2e-5);
      }
}

}  // namespace strata
