#include "tests/conformance/mini_host.hpp"

#include <utility>

namespace {

using strata::abi_str, strata::text_of;

const strata_config::Value* find(const strata_config* config, strata_str path) {
  const auto at = config->values.find(text_of(path));
  return at == config->values.end() ? nullptr : &at->second;
}

// The value of type T at the path, else the fallback; a missing one without fallback fails, as does
// one of another type.
template <class T, class Out>
strata_status get(const strata_config* config, strata_str path, const Out* fallback, Out* out) {
  const auto* value = find(config, path);
  if (!value && !fallback) return STRATA_NOT_FOUND;
  if (!value) return *out = *fallback, STRATA_OK;
  const auto* typed = std::get_if<T>(value);
  if (!typed) return STRATA_INVALID;
  if constexpr (std::is_same_v<T, std::string>)
    *out = abi_str(*typed);
  else
    *out = *typed;
  return STRATA_OK;
}

constexpr strata_host_config config_table{
    strata::header<strata_host_config>(),
    [](const strata_config*) {
      return strata_str{"{}", 2};
    },
    [](const strata_config* c, strata_str path) -> std::uint64_t { return find(c, path) ? 1 : 0; },
    get<std::int64_t, std::int64_t>,
    get<double, double>,
    get<std::string, strata_str>,
    [](const strata_config*, strata_str, strata_op_rope*) -> strata_status {
      return STRATA_UNIMPLEMENTED;
    },
};

}  // namespace

MiniHost::MiniHost()
    : strata_host{
          strata::header<strata_host>(), STRATA_ABI_MAJOR, STRATA_ABI_MINOR, {}, {}, {}, {}} {
  get = [](const strata_host*, strata_str id) -> const void* {
    return text_of(id) == "strata.host.config/1" ? &config_table : nullptr;
  };
  fail = [](const strata_host*, strata_status status, strata_str what) {
    words() = text_of(what);
    return status;
  };
  log = [](const strata_host* self, std::int32_t, strata_str line) {
    auto* host = const_cast<MiniHost*>(static_cast<const MiniHost*>(self));
    const std::lock_guard lock(host->mutex_);
    host->lines_.emplace_back(text_of(line));
  };
  on_thread = [](const strata_host*, std::int32_t) { return 1; };
}

std::string& MiniHost::words() {
  thread_local std::string words;
  return words;
}

std::string MiniHost::take_words() { return std::exchange(words(), {}); }

std::vector<std::string> MiniHost::lines() const {
  const std::lock_guard lock(mutex_);
  return lines_;
}

void MiniHost::truncate(std::uint32_t size) {
  hdr.size = size;
  const auto beyond = [&](std::size_t end) { return size < end; };
  if (beyond(offsetof(strata_host, log) + sizeof(log)))
    log = [](const strata_host* self, std::int32_t, strata_str) {
      const_cast<MiniHost*>(static_cast<const MiniHost*>(self))->overstepped_ = true;
    };
  if (beyond(offsetof(strata_host, on_thread) + sizeof(on_thread)))
    on_thread = [](const strata_host* self, std::int32_t) {
      const_cast<MiniHost*>(static_cast<const MiniHost*>(self))->overstepped_ = true;
      return 0;
    };
}
