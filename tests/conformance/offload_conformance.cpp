// The promises of strata.offload/1, held against any plugin: entry, protocol, regions, transfers.
#include <catch2/catch.hpp>
#include <cstring>
#include <set>

#include "tests/conformance/opened_tier.hpp"
#include "tests/conformance/subject.hpp"

namespace {

const strata_offload* table_of(const strata_plugin& plugin) {
  return static_cast<const strata_offload*>(plugin.query({STRATA_STR("strata.offload/1")}));
}

const Run& each_run() {
  const auto index = GENERATE(range<std::size_t>(0, subject().runs.size()));
  const auto& run = subject().runs[index];
  UNSCOPED_INFO("run: " << run.name);
  return run;
}

std::vector<strata_option> options_of(const strata_offload& table) {
  std::vector<strata_option> out;
  table.options(
      [](void* to, const strata_option* o) {
        static_cast<std::vector<strata_option>*>(to)->push_back(*o);
      },
      &out);
  return out;
}

}  // namespace

TEST_CASE("the entry says what the plugin is", "[entry]") {
  const auto& p = *subject().plugin;
  REQUIRE(p.hdr.size >= sizeof(strata_plugin));
  REQUIRE(p.hdr.flags == 0);
  REQUIRE(p.magic == STRATA_MAGIC);
  REQUIRE(p.abi_major == STRATA_ABI_MAJOR);
  REQUIRE(strata::text_of(p.kind) == "offload");
  REQUIRE_FALSE(strata::text_of(p.name).empty());
  REQUIRE_FALSE(strata::text_of(p.version).empty());
  REQUIRE_FALSE(strata::text_of(p.vendor).empty());
}

TEST_CASE("an unknown interface is null and the known one is always the same", "[entry]") {
  const auto& p = *subject().plugin;
  for (const std::string id : {"", "strata.offload/", "strata.offload/1x", "strata.offload/2",
                               "strata.offload/11", "strata.model/0", "\xff"})
    REQUIRE(p.query(strata::abi_str(id)) == nullptr);
  REQUIRE(table_of(p) != nullptr);
  REQUIRE(table_of(p) == table_of(p));
}

TEST_CASE("every required function is there", "[entry]") {
  const auto& t = *table_of(*subject().plugin);
  REQUIRE(t.hdr.size >= sizeof(strata_offload));
  REQUIRE(t.score);
  REQUIRE(t.options);
  REQUIRE(t.open);
  REQUIRE(t.close);
  REQUIRE(t.limits);
  REQUIRE((t.region_new || t.region_bind));
  REQUIRE(t.region_free);
  REQUIRE(t.submit);
  REQUIRE(t.poll);
}

TEST_CASE("a host of another major, or without words, is refused", "[entry]") {
  const auto& p = *subject().plugin;
  MiniHost host;
  host.abi_major = STRATA_ABI_MAJOR + 1;
  REQUIRE(p.open(&host) != STRATA_OK);
  REQUIRE_FALSE(MiniHost::take_words().empty());
  for (const auto size :
       {sizeof(strata_hdr), offsetof(strata_host, get), offsetof(strata_host, fail)}) {
    MiniHost older;
    older.truncate(static_cast<std::uint32_t>(size));
    REQUIRE(p.open(&older) != STRATA_OK);
  }
}

TEST_CASE("an older and a newer host will do", "[entry]") {
  const auto& run = each_run();
  const auto& p = *subject().plugin;
  MiniHost host;
  SECTION("that cannot log") {
    host.truncate(offsetof(strata_host, log));
    host.log = nullptr;
  }
  SECTION("that does not know its threads") { host.truncate(offsetof(strata_host, on_thread)); }
  SECTION("of a later minor") { host.abi_minor += 9; }
  REQUIRE(p.open(&host) == STRATA_OK);
  strata_self* self = nullptr;
  REQUIRE(table_of(p)->open(&host, &run.options, &self) == STRATA_OK);
  table_of(p)->close(self);
  p.close();
  REQUIRE_FALSE(host.overstepped());
}

TEST_CASE("a plugin opens again after it was closed, and opens two tiers at once", "[entry]") {
  const auto& run = each_run();
  for (int i = 0; i < 2; ++i) OpenedTier(*subject().plugin, run.options);
  OpenedTier tier(*subject().plugin, run.options);
  strata_self* second = nullptr;
  REQUIRE(tier.table().open(&tier.host(), &run.options, &second) == STRATA_OK);
  REQUIRE(second != tier.self());
  tier.table().close(second);
}

TEST_CASE("options are declared with a type and a help", "[options]") {
  std::set<std::string_view> seen;
  for (const auto& o : options_of(*table_of(*subject().plugin))) {
    const auto key = strata::text_of(o.key), type = strata::text_of(o.type);
    CAPTURE(key, type);
    REQUIRE_FALSE(key.empty());
    REQUIRE(seen.insert(key).second);
    REQUIRE(std::set<std::string_view>{"integer", "number", "flag", "text", "size"}.count(type) ==
            1);
    REQUIRE_FALSE(strata::text_of(o.help).empty());
  }
}

TEST_CASE("garbage in an option scores 0 and is refused with words", "[options]") {
  const auto& p = *subject().plugin;
  MiniHost host;
  REQUIRE(p.open(&host) == STRATA_OK);
  for (const auto& o : options_of(*table_of(p))) {
    const auto key = std::string(strata::text_of(o.key));
    CAPTURE(key);
    // Any number is a flag, and any text may be a path.
    const auto type = strata::text_of(o.type);
    if (type == "flag" || (type == "text" && strata::text_of(o.fallback).empty())) continue;
    for (const strata_config::Value& value :
         {strata_config::Value("\xff%s\n"), strata_config::Value(std::int64_t{-1})}) {
      strata_config options;
      options.values[key] = value;
      strata_self* self = nullptr;
      REQUIRE(table_of(p)->score(&options) == 0);
      REQUIRE(table_of(p)->open(&host, &options, &self) != STRATA_OK);
      REQUIRE(self == nullptr);
    }
  }
  p.close();
}

TEST_CASE("limits make sense and respect the reader's size", "[limits]") {
  OpenedTier tier(*subject().plugin, each_run().options);
  const auto limits = tier.limits();
  REQUIRE(limits.align > 0);
  REQUIRE((limits.align & (limits.align - 1)) == 0);
  REQUIRE(limits.max_io >= limits.align);
  REQUIRE(limits.max_io % limits.align == 0);
  REQUIRE(limits.queue_depth >= 1);
  REQUIRE((limits.hdr.flags & ~std::uint32_t{STRATA_TIER_DEVICE | STRATA_TIER_ORDERED}) == 0);

  strata_limits shorter;
  std::memset(static_cast<void*>(&shorter), 0x5a, sizeof(shorter));
  shorter.hdr = {offsetof(strata_limits, max_io), 0};
  REQUIRE(tier.table().limits(tier.self(), &shorter) == STRATA_OK);
  REQUIRE(shorter.align == limits.align);
  REQUIRE(shorter.max_io == 0x5a5a5a5a5a5a5a5a);

  struct {
    strata_limits known;
    std::uint64_t later = 0x5a;
  } longer{};
  longer.known.hdr.size = sizeof(longer);
  REQUIRE(tier.table().limits(tier.self(), &longer.known) == STRATA_OK);
  REQUIRE(longer.later == 0x5a);
}

TEST_CASE("what is written is read again, whatever the size", "[region]") {
  const auto& run = each_run();
  OpenedTier tier(*subject().plugin, run.options);
  if (!tier.table().region_new) return;
  const auto align = tier.limits().align;
  const auto size = GENERATE_COPY(values<std::uint64_t>(
      {1, align, align + 1, 3 * align + 7, 65536, 3 * 65536 + 1, (3u << 20) + 5}));
  const auto most = tier.limits().max_io;
  const auto piece = GENERATE_COPY(values<std::uint64_t>({65536, most}));
  CAPTURE(size, piece);
  const auto region = tier.region_new(size);
  const auto other = tier.region_new(size);  // writes to one region do not reach the other
  Guarded out(tier.rounded(size), align), noise(tier.rounded(size), align);
  std::memcpy(out.data(), pattern(size, 1).data(), size);
  std::memcpy(noise.data(), pattern(size, 2).data(), size);
  tier.move(STRATA_WRITE, region, out.bytes(), piece);
  tier.move(STRATA_WRITE, other, noise.bytes(), piece);
  Guarded in(tier.rounded(size), align);
  tier.move(STRATA_READ, region, in.bytes(), piece);
  REQUIRE(in.intact());
  if (!run.stores) return;
  REQUIRE(std::memcmp(in.data(), out.data(), size) == 0);
  const auto middle = size / 2 / align * align;
  const auto done = tier.carry_out(tier.io(STRATA_READ, region, middle, align, in.data(), 7));
  REQUIRE(done.status == STRATA_OK);
  REQUIRE(done.cookie == 7);
  REQUIRE(done.bytes == std::min(align, size - middle));
  REQUIRE(std::memcmp(in.data(), out.data() + middle, done.bytes) == 0);
  if (tier.table().map) {
    void* mapped = nullptr;
    REQUIRE(tier.table().map(tier.self(), region, &mapped) == STRATA_OK);
    REQUIRE(std::memcmp(mapped, out.data(), size) == 0);
  }
}

TEST_CASE("regions can be many, and are given back", "[region]") {
  OpenedTier tier(*subject().plugin, each_run().options);
  if (!tier.table().region_new) return;
  std::set<std::uint64_t> regions;
  for (int i = 0; i < 2000; ++i) REQUIRE(regions.insert(tier.region_new(5000)).second);
  for (const auto region : regions) tier.table().region_free(tier.self(), region);
  Guarded memory(tier.rounded(1), tier.limits().align);
  std::uint32_t accepted = 99;
  const auto io = tier.io(STRATA_READ, *regions.begin(), 0, tier.limits().align, memory.data());
  REQUIRE(tier.submit(io, &accepted) != STRATA_OK);
  REQUIRE(accepted == 99);
}

TEST_CASE("rooms of no bytes or of more than there is are refused", "[region]") {
  OpenedTier tier(*subject().plugin, each_run().options);
  if (!tier.table().region_new) return;
  for (const auto bytes : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    std::uint64_t region = 99;
    REQUIRE(tier.table().region_new(tier.self(), bytes, &region) != STRATA_OK);
    REQUIRE(region == 99);
    REQUIRE_FALSE(MiniHost::take_words().empty());
  }
}

TEST_CASE("a transfer that breaks a rule is refused, and nothing else happens", "[transfer]") {
  OpenedTier tier(*subject().plugin, each_run().options);
  if (!tier.table().region_new) return;
  const auto align = tier.limits().align;
  const auto region = tier.region_new(2 * align + 1);
  Guarded memory(4 * align, std::max<std::uint64_t>(align, 2));
  auto io = tier.io(STRATA_READ, region, 0, align, memory.data());
  SECTION("offset not aligned") { io.offset = align > 1 ? 1 : 3; }
  SECTION("bytes not aligned") { io.bytes = align > 1 ? align + 1 : 0; }
  SECTION("memory not aligned") { io.mem = align > 1 ? memory.data() + 1 : nullptr; }
  SECTION("no bytes") { io.bytes = 0; }
  SECTION("no memory") { io.mem = nullptr; }
  SECTION("past the last block") { io.offset = tier.rounded(2 * align + 1); }
  SECTION("longer than what is left") { io.bytes = tier.rounded(2 * align + 1) + align; }
  SECTION("an offset that overflows") { io.offset = 0 - align; }
  SECTION("bytes that overflow") { io.bytes = 0 - align, io.offset = align; }
  SECTION("more than one transfer may be") { io.bytes = tier.limits().max_io + align; }
  SECTION("neither read nor write") { io.op = 3; }
  SECTION("unknown flags") { io.hdr.flags = 1u << 31; }
  SECTION("shorter than a strata_io") { io.hdr.size = offsetof(strata_io, mem); }
  SECTION("no such region") { io.region = region + 1000; }
  SECTION("on a device that it does not reach") {
    if ((tier.limits().hdr.flags & STRATA_TIER_DEVICE) == 0)
      io.device = {STRATA_CUDA, 0};
    else
      io.region = region + 1000;
  }
  std::uint32_t accepted = 99, n = 99;
  MiniHost::take_words();
  REQUIRE(tier.submit(io, &accepted) != STRATA_OK);
  REQUIRE(accepted == 99);
  REQUIRE_FALSE(MiniHost::take_words().empty());
  strata_done done{};
  REQUIRE(tier.table().poll(tier.self(), &done, 1, 0, &n) == STRATA_OK);
  REQUIRE(n == 0);
}

TEST_CASE("a full queue takes fewer, and every cookie comes back once", "[transfer]") {
  OpenedTier tier(*subject().plugin, each_run().options);
  if (!tier.table().region_new) return;
  const auto align = tier.limits().align;
  const auto total = static_cast<std::uint32_t>(tier.limits().queue_depth) * 3 + 5;
  const auto bytes = std::max<std::uint64_t>(align, 512);
  const auto region = tier.region_new(bytes);
  Guarded memory(bytes * total, align);
  Guarded zeros(bytes, align);
  tier.move(STRATA_WRITE, region, zeros.bytes(), bytes);
  std::vector<strata_io> all(total);
  std::vector<const strata_io*> pointers(total);
  for (std::uint32_t i = 0; i < total; ++i) {
    all[i] = tier.io(STRATA_READ, region, 0, bytes, memory.data() + i * bytes, 1000 + i);
    all[i].priority = i % 3;
    pointers[i] = &all[i];
  }
  std::set<std::uint64_t> cookies;
  std::uint32_t sent = 0;
  bool was_full = false;
  while (cookies.size() < total) {
    std::uint32_t accepted = 0, n = 0;
    REQUIRE(tier.table().submit(tier.self(), &pointers[sent], total - sent, &accepted) ==
            STRATA_OK);
    was_full = was_full || accepted < total - sent;
    REQUIRE(accepted <= tier.limits().queue_depth);
    sent += accepted;
    strata_done done[7];
    REQUIRE(tier.table().poll(tier.self(), done, 7, -1, &n) == STRATA_OK);
    REQUIRE(n >= 1);
    REQUIRE(n <= 7);
    for (std::uint32_t i = 0; i < n; ++i) {
      REQUIRE(done[i].status == STRATA_OK);
      REQUIRE(done[i].bytes == bytes);
      REQUIRE(cookies.insert(done[i].cookie).second);
    }
  }
  REQUIRE(was_full);
  REQUIRE(*cookies.begin() == 1000);
  REQUIRE(*cookies.rbegin() == 999 + total);
  std::uint32_t n = 99;
  strata_done done{};
  REQUIRE(tier.table().poll(tier.self(), &done, 1, 0, &n) == STRATA_OK);
  REQUIRE(n == 0);
  REQUIRE(tier.table().poll(tier.self(), &done, 0, -1, &n) == STRATA_OK);
  REQUIRE(n == 0);
}

TEST_CASE("behind a good transfer a bad one waits for its own call", "[transfer]") {
  OpenedTier tier(*subject().plugin, each_run().options);
  if (!tier.table().region_new) return;
  const auto align = tier.limits().align;
  const auto region = tier.region_new(align);
  Guarded memory(align, align);
  const auto good = tier.io(STRATA_WRITE, region, 0, align, memory.data(), 1);
  auto bad = good;
  bad.op = 9;
  const strata_io* both[] = {&good, &bad};
  std::uint32_t accepted = 0, n = 0;
  REQUIRE(tier.table().submit(tier.self(), both, 2, &accepted) == STRATA_OK);
  REQUIRE(accepted == 1);
  strata_done done{};
  REQUIRE(tier.table().poll(tier.self(), &done, 1, -1, &n) == STRATA_OK);
  REQUIRE(n == 1);
  REQUIRE(done.cookie == 1);
}

TEST_CASE("closing with transfers in flight waits for them", "[transfer]") {
  const auto& run = each_run();
  OpenedTier tier(*subject().plugin, run.options);
  if (!tier.table().region_new) return;
  const auto align = tier.limits().align;
  const auto bytes = std::min<std::uint64_t>(tier.limits().max_io, tier.rounded(1 << 20));
  const auto region = tier.region_new(bytes);
  const auto depth = std::min<std::uint64_t>(tier.limits().queue_depth, 16);
  auto memory = std::make_unique<Guarded>(bytes * depth, align);
  for (std::uint64_t i = 0; i < depth; ++i) {
    std::uint32_t accepted = 0;
    const auto io =
        tier.io(i % 2 ? STRATA_READ : STRATA_WRITE, region, 0, bytes, memory->data() + i * bytes);
    REQUIRE(tier.submit(io, &accepted) == STRATA_OK);
  }
  tier.close();
  // No transfer may touch the memory any more: bytes written here now stay.
  const auto kept = pattern(memory->bytes().size(), 3);
  std::memcpy(memory->data(), kept.data(), kept.size());
  REQUIRE(memory->intact());
  OpenedTier again(*subject().plugin, run.options);
  REQUIRE(std::memcmp(memory->data(), kept.data(), kept.size()) == 0);
}
