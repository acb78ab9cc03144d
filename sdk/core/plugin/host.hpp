// The host as plugins see it: the table that open() gets, and the tables behind its ids.
#pragma once
#include <strata/abi/ops.h>

#include <functional>
#include <string_view>

namespace strata::plugin {

// Serves "strata.host.config/1", "strata.host.tensor/1" and "strata.host.ops/1". Outlives every
// plugin that it opens. Any thread may call its functions.
class Host {
 public:
  using Log = std::function<void(int32_t level, std::string_view words)>;

  // Hands out the tables, which outlive it. `log` gets one printable line at a time, on the
  // caller's thread; an empty one drops the lines.
  Host(const strata_host_config* config, const strata_ops* ops, Log log = {});
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  const strata_host* table() const { return &seen_.table; }

 private:
  struct Seen {
    strata_host table;  // first: plugins hand its address back
    const Host* host;
  };
  static const Host& of(const strata_host* table);
  const void* get(std::string_view id) const;

  Seen seen_;
  const strata_host_config* config_;
  const strata_ops* ops_;
  Log log_;
};

// Gives the calling thread a role (such as STRATA_RANK_THREAD) while it lives, besides others.
class ThreadRole {
 public:
  explicit ThreadRole(int32_t role);
  ThreadRole(const ThreadRole&) = delete;
  ThreadRole& operator=(const ThreadRole&) = delete;
  ~ThreadRole();

 private:
  uint32_t before_;
};

}  // namespace strata::plugin
