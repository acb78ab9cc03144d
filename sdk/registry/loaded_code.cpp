#include "registry/loaded_code.hpp"

#include <execinfo.h>
#include <link.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>

namespace strata::registry {
namespace {

struct Code {
  std::uintptr_t begin = 0, end = 0;
  std::array<char, 128> id{};
};

// The table has a fixed size, because a signal handler reads it while the program may be anywhere.
// Plugins beyond it cannot be named by their addresses.
std::array<Code, 256> loaded;
std::atomic<std::size_t> count{0};

struct Search {
  std::uintptr_t symbol;
  Code found;
};

int visit(dl_phdr_info* object, std::size_t, void* to) {
  auto& search = *static_cast<Search*>(to);
  auto begin = std::numeric_limits<std::uintptr_t>::max();
  std::uintptr_t end = 0;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& part = object->dlpi_phdr[i];
    if (part.p_type != PT_LOAD) continue;
    const auto at = object->dlpi_addr + part.p_vaddr;
    begin = std::min<std::uintptr_t>(begin, at);
    end = std::max<std::uintptr_t>(end, at + part.p_memsz);
  }
  if (search.symbol < begin || search.symbol >= end) return 0;
  search.found.begin = begin, search.found.end = end;
  return 1;
}

}  // namespace

void add_loaded_code(const void* symbol, const std::string& id) {
  Search search{reinterpret_cast<std::uintptr_t>(symbol), {}};
  const auto at = count.load();
  if (at == loaded.size() || dl_iterate_phdr(visit, &search) == 0) return;
  id.copy(search.found.id.data(), search.found.id.size() - 1);
  loaded[at] = search.found;
  count = at + 1;
}

const char* owner_of(const void* address) noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  for (std::size_t i = 0; i < count; ++i)
    if (at >= loaded[i].begin && at < loaded[i].end) return loaded[i].id.data();
  return nullptr;
}

const char* owner_of_stack() noexcept {
  std::array<void*, 64> frames{};
  const auto depth = backtrace(frames.data(), static_cast<int>(frames.size()));
  for (int i = 0; i < depth; ++i)
    if (const char* owner = owner_of(frames[static_cast<std::size_t>(i)])) return owner;
  return nullptr;
}

}  // namespace strata::registry
