// The promises of strata.model/1, held against any family over ops that record shapes.
#include <strata/abi/model.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>

#include "core/dry_run/recorder.hpp"
#include "core/error.hpp"
#include "core/ops/op_table.hpp"
#include "core/plugin/config_table.hpp"
#include "core/plugin/host.hpp"
#include "core/plugin/words.hpp"
#include "tests/conformance/computes.hpp"

using namespace strata;

namespace {

const strata_model* table_of(const strata_plugin& plugin) {
  return static_cast<const strata_model*>(plugin.query({STRATA_STR("strata.model/1")}));
}

// The plugin, open under a host.
struct Opened {
  plugin::Host host{plugin::config_table(), ops::op_table()};
  Opened() { REQUIRE(computes().plugin->open(host.table()) == STRATA_OK); }
  ~Opened() { computes().plugin->close(); }
};

// A configuration as the ABI hands it.
struct Given {
  explicit Given(const Configuration& from) : values(from.json, from.name) {
    seen.values = &values;
  }
  source::Config values;
  strata_config seen;
};

struct Made {
  explicit Made(const strata_host* host, const Configuration& from)
      : given(from), family(table_of(*computes().plugin), plugin_name(), host, &given.seen) {}
  Given given;
  plugin::Family family;
};

const Configuration& each(const std::vector<Configuration>& all) {
  const auto& one = all[GENERATE_COPY(range<std::size_t>(0, all.size()))];
  UNSCOPED_INFO("configuration: " << one.name);
  return one;
}

bool same(const plugin::DeclaredWeight& a, const plugin::DeclaredWeight& b) {
  return a.name == b.name && a.shape == b.shape && a.role == b.role && a.group == b.group &&
         a.experts == b.experts && a.in_out == b.in_out && a.by_turns == b.by_turns;
}

strata_status forward(const Made& made, const strata_host* host, uint32_t unit,
                      dry_run::Recorder& ops, strata_tensor& x, strata_tensor** out) {
  plugin::Call call{{{sizeof(strata_call), 0}, host, nullptr, {STRATA_CPU, 0}}, &ops};
  strata_self* self = nullptr;
  const auto& table = *table_of(*computes().plugin);
  REQUIRE(table.create(host, &made.given.seen, &self) == STRATA_OK);
  const auto status = table.forward(self, &call.seen, unit, &x, out);
  table.destroy(self);
  return status;
}

// A host whose op table is an older or a smaller one's.
struct OldHost : strata_host {
  strata_ops ops = *ops::op_table();
  const strata_host* real;
  explicit OldHost(const strata_host* over) : strata_host(*over), real(over) {
    get = [](const strata_host* self, strata_str id) -> const void* {
      const auto* old = static_cast<const OldHost*>(self);
      if (text_of(id) == "strata.host.ops/1") return &old->ops;
      return old->real->get(old->real, id);
    };
    log = [](const strata_host*, int32_t, strata_str) {};
  }
};

}  // namespace

TEST_CASE("the entry says what the plugin is", "[entry]") {
  const auto& p = *computes().plugin;
  REQUIRE(p.hdr.size >= sizeof(strata_plugin));
  REQUIRE(p.magic == STRATA_MAGIC);
  REQUIRE(p.abi_major == STRATA_ABI_MAJOR);
  REQUIRE(text_of(p.kind) == "model");
  REQUIRE_FALSE(text_of(p.name).empty());
}

TEST_CASE("an unknown interface is null and the known one is always the same", "[entry]") {
  const auto& p = *computes().plugin;
  for (const std::string id : {"", "strata.model/", "strata.model/1x", "strata.model/2", "\xff"})
    REQUIRE(p.query(abi_str(id)) == nullptr);
  REQUIRE(table_of(p) != nullptr);
  REQUIRE(table_of(p) == table_of(p));
}

TEST_CASE("a score of garbage is 0", "[score]") {
  const Opened opened;
  const Given given({"garbage", R"({"model_type": 7, "x": [null]})", ""});
  const auto& table = *table_of(*computes().plugin);
  for (const auto& type : {std::string(), std::string("\0\xff", 2), std::string(100000, 'l'),
                           std::string("no such family")})
    REQUIRE(table.score(abi_str(type), &given.seen) <= 0);
}

TEST_CASE("a family opens again after close", "[lifetime]") {
  const auto& from = each(computes().taken);
  for (int i = 0; i < 2; ++i) {
    const Opened opened;
    const Made first(opened.host.table(), from), second(opened.host.table(), from);
    REQUIRE(first.family.units().size() == second.family.units().size());
  }
}

TEST_CASE("a host of another major is refused", "[lifetime]") {
  const plugin::Host host(plugin::config_table(), ops::op_table());
  auto other = *host.table();
  other.abi_major = STRATA_ABI_MAJOR + 1;
  REQUIRE(computes().plugin->open(&other) != STRATA_OK);
  REQUIRE_FALSE(plugin::take_words().empty());
  REQUIRE(computes().plugin->open(host.table()) == STRATA_OK);
  computes().plugin->close();
}

TEST_CASE("what is declared is the same each time", "[declare]") {
  const Opened opened;
  const auto& from = each(computes().taken);
  const Made a(opened.host.table(), from), b(opened.host.table(), from);
  for (std::size_t u = 0; u < a.family.units().size(); ++u) {
    const auto &x = a.family.units()[u], &y = b.family.units()[u];
    REQUIRE(x.name == y.name);
    REQUIRE(
        std::equal(x.weights.begin(), x.weights.end(), y.weights.begin(), y.weights.end(), same));
  }
}

TEST_CASE("an emit that fails ends declare with its status", "[declare]") {
  const Opened opened;
  const Given given(computes().taken.front());
  strata_self* self = nullptr;
  const auto& table = *table_of(*computes().plugin);
  REQUIRE(table.create(opened.host.table(), &given.seen, &self) == STRATA_OK);
  int calls = 0;
  const auto emit = [](void* count, const strata_unit*) -> strata_status {
    ++*static_cast<int*>(count);
    return STRATA_EXHAUSTED;
  };
  REQUIRE(table.declare(self, emit, &calls) == STRATA_EXHAUSTED);
  REQUIRE(calls == 1);
  table.destroy(self);
}

TEST_CASE("every unit gives what the next takes, for any number of tokens", "[forward]") {
  const Opened opened;
  const Made made(opened.host.table(), each(computes().taken));
  const auto& units = made.family.units();
  const auto hidden = dry_run::hidden_size(made.family);
  for (const int64_t tokens : {1, 2, 7, 1000}) {
    const dry_run::Request request{.tokens = tokens, .keys = tokens, .wanted = tokens};
    dry_run::KvLayers layers;  // a cache that two attentions share shows in decode alone
    for (uint32_t u = 0; u < units.size(); ++u) {
      INFO("unit " << units[u].name << ", " << tokens << " tokens");
      const auto m = dry_run::measure(made.family, u, request);
      layers.add(units[u], m);
      REQUIRE(m.rows == tokens);
      if (units[u].kind == STRATA_UNIT_HEAD)
        REQUIRE(m.columns == units[u].weights.back().shape.front());
      else
        REQUIRE(m.columns == hidden);
    }
  }
}

TEST_CASE("a tensor of another width is refused and out stays untouched", "[forward]") {
  const Opened opened;
  const Made made(opened.host.table(), each(computes().taken));
  const auto& units = made.family.units();
  const auto unit = static_cast<uint32_t>(units.size() - 1);
  dry_run::Recorder ops(units[unit], 3, {});
  const auto x = ops.input({{STRATA_FLOAT, 32, 1}, {3, dry_run::hidden_size(made.family) + 1}});
  auto* const mark = reinterpret_cast<strata_tensor*>(&ops);
  auto* out = mark;
  REQUIRE(forward(made, opened.host.table(), unit, ops, *x.get(), &out) != STRATA_OK);
  REQUIRE(out == mark);
  REQUIRE_FALSE(plugin::take_words().empty());
}

TEST_CASE("a unit that there is not is refused", "[forward]") {
  const Opened opened;
  const Made made(opened.host.table(), computes().taken.front());
  const auto& units = made.family.units();
  dry_run::Recorder ops(units[0], 1, {});
  const auto x = ops.input({{STRATA_INT, 64, 1}, {1}});
  strata_tensor* out = nullptr;
  for (const auto unit : {static_cast<uint32_t>(units.size()), STRATA_NONE})
    REQUIRE(forward(made, opened.host.table(), unit, ops, *x.get(), &out) != STRATA_OK);
  REQUIRE(out == nullptr);
}

TEST_CASE("an op that the host does not have is named", "[forward]") {
  const plugin::Host host(plugin::config_table(), ops::op_table());
  OldHost old(host.table());
  SECTION("the function is null") { old.ops.embedding = nullptr; }
  SECTION("the table ends before it") { old.ops.hdr.size = offsetof(strata_ops, embedding); }
  REQUIRE(computes().plugin->open(&old) == STRATA_OK);
  const Given given(computes().taken.front());
  {
    const plugin::Family family(table_of(*computes().plugin), plugin_name(), &old, &given.seen);
    REQUIRE_THROWS_WITH(dry_run::hidden_size(family), Catch::Contains("embedding"));
  }
  computes().plugin->close();
}

TEST_CASE("a host without the op table is refused, not crashed on", "[lifetime]") {
  const plugin::Host host(plugin::config_table(), ops::op_table());
  auto bare = *host.table();
  bare.get = [](const strata_host*, strata_str) -> const void* { return nullptr; };
  bare.hdr.size = offsetof(strata_host, log);
  if (computes().plugin->open(&bare) != STRATA_OK) return;
  const Given given(computes().taken.front());
  strata_self* self = nullptr;
  REQUIRE(table_of(*computes().plugin)->create(&bare, &given.seen, &self) != STRATA_OK);
  REQUIRE(self == nullptr);
  computes().plugin->close();
}

TEST_CASE("a bad configuration is refused with the words that help", "[refused]") {
  if (computes().refused.empty()) return;
  const Opened opened;
  const auto& from = each(computes().refused);
  REQUIRE_THROWS_WITH(Made(opened.host.table(), from), Catch::Contains(from.says));
}
