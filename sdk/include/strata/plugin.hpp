// The base of every plugin, over abi/core.h: failures, the host, options, the exported constant.
//
// A plugin wraps its functions in guarded(), which turns any exception into host->fail(code, words)
// and a status, so that none crosses the ABI. The wrappers for each kind do that for their tables.
#pragma once
#include <strata/abi/core.h>
#include <strata/abi/ops.h>

#include <charconv>
#include <limits>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

// strata_add_plugin() takes this from the manifest.
#ifndef STRATA_VENDOR
#define STRATA_VENDOR "Strata"
#endif

namespace strata {

// A plugin's failure: a STRATA_* code, and words for people: "what it concerns: fact: remedy".
// The words are empty where the host keeps them already (a function of the host failed).
class Failure : public std::runtime_error {
 public:
  Failure(strata_status code, const std::string& words) : std::runtime_error(words), code_(code) {}
  strata_status code() const { return code_; }

 private:
  strata_status code_;
};

inline std::string_view text_of(strata_str s) {
  return {s.p, s.p ? static_cast<std::size_t>(s.n) : 0};
}
inline strata_str abi_str(std::string_view s) { return {s.data(), s.size()}; }

// The header of the struct as this plugin knows it.
template <class T>
constexpr strata_hdr header(std::uint32_t flags = 0) {
  return {static_cast<std::uint32_t>(sizeof(T)), flags};
}

namespace abi {

// Hidden visibility: otherwise two plugins would share it.
[[gnu::visibility("hidden")]] inline const strata_host* kept_host = nullptr;

struct Interface {
  std::string_view id;
  const void* table;
};

}  // namespace abi

// The host that opened this plugin; never null between open and close. [any-thread]
inline const strata_host* host() { return abi::kept_host; }

// Writes a line to the host's log, at a level from STRATA_DEBUG to STRATA_ERROR. [any-thread]
inline void log_line(std::int32_t level, std::string_view words) {
  if (host() && STRATA_HAS(strata_host, host(), log)) host()->log(host(), level, abi_str(words));
}

// Throws on a status that a function of the host returned; the host keeps the words.
inline void check(strata_status status) {
  if (status != STRATA_OK) throw Failure(status, "");
}

// Returns a table of the host; throws if the host does not have it. [any-thread]
template <class Table>
const Table* host_table(std::string_view id) {
  const void* table = host() ? host()->get(host(), abi_str(id)) : nullptr;
  if (!table)
    throw Failure(STRATA_UNIMPLEMENTED,
                  std::string(id) + ": this host does not have it: use a newer Strata");
  return static_cast<const Table*>(table);
}

// Returns the status of the exception being handled and gives its words to the host. Call it in a
// catch block.
inline strata_status report(const strata_host* to = host()) noexcept {
  const auto keep = [&](strata_status code, std::string_view words) {
    if (to && !words.empty()) to->fail(to, code, abi_str(words));
    return code;
  };
  try {
    throw;
  } catch (const Failure& e) {
    return keep(e.code(), e.what());
  } catch (const std::bad_alloc&) {
    return keep(STRATA_EXHAUSTED, "out of host memory");
  } catch (const std::exception& e) {
    return keep(STRATA_INTERNAL, e.what());
  } catch (...) {
    return keep(STRATA_INTERNAL, "an exception of an unknown type");
  }
}

// Calls f() and lets no exception out; returns STRATA_OK, or the status of the failure.
template <class F>
strata_status guarded(F&& f) noexcept {
  try {
    f();
    return STRATA_OK;
  } catch (...) {
    return report();
  }
}

// Calls f() and lets no exception out, for functions without a status; returns `otherwise` if f
// threw.
template <class T, class F>
T guarded_value(T otherwise, F&& f) noexcept {
  try {
    return f();
  } catch (...) {
    report();
    return otherwise;
  }
}

// config.json, or the plugin's own options. A path is "a.b.2"; "new|old" is the first of the two
// that exists. Without a fallback a missing key throws, and the host's words name it. The
// configuration and the values that it returns are valid until the instance is destroyed.
// [any-thread]
class Config {
 public:
  explicit Config(const strata_config* config)
      : config_(config), table_(host_table<strata_host_config>("strata.host.config/1")) {}

  std::string_view raw() const { return text_of(table_->raw(config_)); }
  // The length of a list; 1 for another value, 0 if missing or null.
  std::uint64_t count(std::string_view path) const { return table_->count(config_, abi_str(path)); }
  bool has(std::string_view path) const { return count(path) > 0; }

  std::int64_t i64(std::string_view path) const { return get_i64(path, nullptr); }
  std::int64_t i64(std::string_view path, std::int64_t fallback) const {
    return get_i64(path, &fallback);
  }
  double f64(std::string_view path) const { return get_f64(path, nullptr); }
  double f64(std::string_view path, double fallback) const { return get_f64(path, &fallback); }
  bool flag(std::string_view path) const { return i64(path) != 0; }
  bool flag(std::string_view path, bool fallback) const { return i64(path, fallback ? 1 : 0) != 0; }
  std::string text(std::string_view path) const {
    strata_str out{};
    check(table_->text(config_, abi_str(path), nullptr, &out));
    return std::string(text_of(out));
  }
  std::string text(std::string_view path, std::string_view fallback) const {
    const auto otherwise = abi_str(fallback);
    strata_str out{};
    check(table_->text(config_, abi_str(path), &otherwise, &out));
    return std::string(text_of(out));
  }
  // A length: 1 to 2^30, so that a product of two fits; for another number it throws and names the
  // key.
  std::int64_t length(std::string_view path) const { return bounded(path, i64(path)); }
  std::int64_t length(std::string_view path, std::int64_t fallback) const {
    return bounded(path, i64(path, fallback));
  }
  // Bytes: an integer, or text as "8MiB" (K, M, G, T, each with or without iB).
  std::uint64_t size(std::string_view path, std::uint64_t fallback) const;
  // The rope of the object at `path` ("" is the root), or of rope parameters in JSON ("{...}"); an
  // unknown scaling throws. Above 0, `theta` and `positions` are the family's defaults for
  // rope_theta and max_position_embeddings, and `head` is the number of a head's dimensions.
  strata_op_rope rope(std::string_view path = "", double theta = 0, std::uint32_t head = 0,
                      std::uint32_t positions = 0) const {
    strata_op_rope out{};
    out.hdr = header<strata_op_rope>();
    out.theta = theta, out.dim = head, out.max_positions = positions;
    check(table_->rope(config_, abi_str(path), &out));
    return out;
  }

 private:
  static std::int64_t bounded(std::string_view path, std::int64_t value) {
    if (value < 1 || value > (std::int64_t{1} << 30))
      throw Failure(STRATA_INVALID, std::string(path) + " " + std::to_string(value) +
                                        " is not a valid size: fix config.json");
    return value;
  }
  std::int64_t get_i64(std::string_view path, const std::int64_t* fallback) const {
    std::int64_t out = 0;
    check(table_->i64(config_, abi_str(path), fallback, &out));
    return out;
  }
  double get_f64(std::string_view path, const double* fallback) const {
    double out = 0;
    check(table_->f64(config_, abi_str(path), fallback, &out));
    return out;
  }

  const strata_config* config_;
  const strata_host_config* table_;
};

// A key of the plugin's own table in run.toml.
struct OptionKey {
  std::string_view key, type, fallback, help;  // type: "integer", "number", "flag", "text", "size"
};

inline std::uint64_t Config::size(std::string_view path, std::uint64_t fallback) const {
  const auto refuse = [&](const std::string& value) {
    return Failure(STRATA_INVALID,
                   std::string(path) + ": '" + value + "' is no size: write 8MiB or 4GiB");
  };
  if (!has(path)) return fallback;
  strata_str out{};
  if (table_->text(config_, abi_str(path), nullptr, &out) != STRATA_OK) {
    const auto bytes = i64(path);
    if (bytes < 0) throw refuse(std::to_string(bytes));
    return static_cast<std::uint64_t>(bytes);
  }
  const auto text = text_of(out);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  if (unit.ends_with("iB")) unit.remove_suffix(2);
  const auto power = unit.empty() || unit == "B" ? 0 : std::string_view("KMGT").find(unit) + 1;
  if (error != std::errc() || unit.size() > 1 || power > 4 ||
      number > (std::numeric_limits<std::uint64_t>::max() >> (10 * power)))
    throw refuse(std::string(text));
  return number << (10 * power);
}

namespace abi {

inline void emit_options(std::span<const OptionKey> keys, void (*emit)(void*, const strata_option*),
                         void* to) {
  for (const auto& k : keys) {
    const strata_option option{header<strata_option>(), abi_str(k.key), abi_str(k.type),
                               abi_str(k.fallback), abi_str(k.help)};
    emit(to, &option);
  }
}

// Accepts the host if it speaks this major version, with any minor.
inline strata_status open_plugin(const strata_host* host) noexcept {
  if (!host || !STRATA_HAS(strata_host, host, get) || !STRATA_HAS(strata_host, host, fail))
    return STRATA_INVALID;
  if (host->abi_major != STRATA_ABI_MAJOR)
    return host->fail(
        host, STRATA_UNIMPLEMENTED,
        abi_str("this plugin speaks ABI " + std::to_string(STRATA_ABI_MAJOR) + ", the host ABI " +
                std::to_string(host->abi_major) + ": install the plugin made for this Strata"));
  kept_host = host;
  return STRATA_OK;
}

inline void close_plugin() noexcept { kept_host = nullptr; }

inline const void* find(std::span<const Interface> all, strata_str id) noexcept {
  for (const auto& one : all)
    if (one.id == text_of(id)) return one.table;
  return nullptr;
}

}  // namespace abi
}  // namespace strata

// Defines the plugin's constant: STRATA_EXPORT_PLUGIN("offload", "mine", "1.0.0",
// {"strata.offload/1", &table}); the tables are constants with static lifetime.
#define STRATA_EXPORT_PLUGIN(kind_, name_, version_, ...)              \
  constinit const strata_plugin strata_plugin_v1 = {                   \
      strata::header<strata_plugin>(),                                 \
      STRATA_MAGIC,                                                    \
      STRATA_ABI_MAJOR,                                                \
      STRATA_ABI_MINOR,                                                \
      0,                                                               \
      0,                                                               \
      {STRATA_STR(kind_)},                                             \
      {STRATA_STR(name_)},                                             \
      {STRATA_STR(version_)},                                          \
      {STRATA_STR(STRATA_VENDOR)},                                     \
      [](const strata_host* host) noexcept -> strata_status {          \
        return strata::abi::open_plugin(host);                         \
      },                                                               \
      []() noexcept { strata::abi::close_plugin(); },                  \
      [](strata_str id) noexcept -> const void* {                      \
        static constexpr strata::abi::Interface all[] = {__VA_ARGS__}; \
        return strata::abi::find(all, id);                             \
      }}
