#include "core/plugin/host.hpp"

#include <utility>

#include "core/error.hpp"
#include "core/plugin/tensor_table.hpp"
#include "core/plugin/words.hpp"

namespace strata::plugin {
namespace {

// The calling thread's roles, one bit for each.
uint32_t& roles() {
  thread_local uint32_t bits = 0;
  return bits;
}

uint32_t bit(int32_t role) { return role >= 0 && role < 32 ? 1u << role : 0; }

std::string_view text_of(strata_str s) { return {s.p ? s.p : "", s.p ? s.n : 0}; }

strata_status fail(const strata_host*, strata_status status, strata_str words) noexcept {
  return keep_words(status, text_of(words));
}

int32_t on_thread(const strata_host*, int32_t role) noexcept {
  return (roles() & bit(role)) != 0 ? 1 : 0;
}

}  // namespace

Host::Host(const strata_host_config* config, const strata_ops* ops, Log log)
    : seen_{{{sizeof(strata_host), 0},
             STRATA_ABI_MAJOR,
             STRATA_ABI_MINOR,
             [](const strata_host* host, strata_str id) noexcept {
               return of(host).get(text_of(id));
             },
             fail,
             [](const strata_host* host, int32_t level, strata_str words) noexcept {
               try {
                 if (of(host).log_) of(host).log_(level, printable(text_of(words), 2000));
               } catch (...) {
                 // A line that cannot be written is not worth the plugin's call.
               }
             },
             on_thread},
            this},
      config_(config), ops_(ops), log_(std::move(log)) {}

const Host& Host::of(const strata_host* table) {
  return *reinterpret_cast<const Seen*>(table)->host;
}

const void* Host::get(std::string_view id) const {
  if (id == "strata.host.config/1") return config_;
  if (id == "strata.host.tensor/1") return tensor_table();
  if (id == "strata.host.ops/1") return ops_;
  return nullptr;
}

ThreadRole::ThreadRole(int32_t role) : before_(roles()) { roles() |= bit(role); }

ThreadRole::~ThreadRole() { roles() = before_; }

}  // namespace strata::plugin
