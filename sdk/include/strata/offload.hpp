// An offload target in C++: a class with the methods below and one line.
//
//   class Mine {
//    public:
//     static std::span<const strata::OptionKey> keys();  // the keys of its table in run.toml
//     static int score(const strata::Config&);           // 0: chosen by name alone
//     explicit Mine(const strata::Config&);              // starts the tier
//     ~Mine();                                           // waits for transfers in flight, joins
//     strata_limits limits() const;                      // this header's code fills hdr
//     std::uint64_t region_new(std::uint64_t bytes);     // one of these two, or both
//     std::uint64_t region_bind(std::string_view file, std::uint64_t offset, std::uint64_t bytes);
//     void region_free(std::uint64_t region);
//     void* map(std::uint64_t region);                                        // optional
//     void mem_reg(void*, std::uint64_t bytes, strata_device, bool on);       // optional
//     bool submit(const strata_io&);  // false: the queue is full; throws: refused
//     void sent() noexcept;           // optional: called after the last submit of a batch
//     std::uint32_t poll(std::span<strata_done>, std::int64_t ns);
//   };
//   STRATA_OFFLOAD_PLUGIN(Mine, "mine", "1.0.0");
//
// The threads are those of abi/offload.h: the main thread makes regions while the I/O thread
// submits and polls. A poll with nothing in flight returns at once.
#pragma once
#include <strata/abi/offload.h>

#include <algorithm>
#include <cstring>
#include <strata/plugin.hpp>

namespace strata {

// Checks one strata_io against the limits, for a region of `region_bytes`. The last block may reach
// past the region's end, up to the next multiple of the alignment; the bytes there are not the
// caller's. Returns the bytes that the transfer moves; throws Failure(STRATA_INVALID).
inline std::uint64_t check_io(const strata_io& io, const strata_limits& limits,
                              std::uint64_t region_bytes) {
  const auto refuse = [&](std::string_view what) {
    return Failure(STRATA_INVALID, "region " + std::to_string(io.region) + ", offset " +
                                       std::to_string(io.offset) + ", " + std::to_string(io.bytes) +
                                       " bytes: " + std::string(what));
  };
  const auto loose = [&](std::uint64_t value) { return value % limits.align != 0; };
  if (io.op != STRATA_READ && io.op != STRATA_WRITE) throw refuse("neither a read nor a write");
  if (io.hdr.flags != 0) throw refuse("unknown flags");
  if (!io.mem) throw refuse("no memory given");
  if (io.bytes == 0 || io.bytes > limits.max_io)
    throw refuse("one transfer is of 1 to " + std::to_string(limits.max_io) + " bytes");
  if (loose(io.offset) || loose(io.bytes) || loose(reinterpret_cast<std::uintptr_t>(io.mem)))
    throw refuse("offset, bytes and memory must be multiples of " + std::to_string(limits.align));
  if (io.offset >= region_bytes ||
      io.bytes > (region_bytes - io.offset + limits.align - 1) / limits.align * limits.align)
    throw refuse("past the end of a region of " + std::to_string(region_bytes) + " bytes");
  return std::min(io.bytes, region_bytes - io.offset);
}

// Refuses device memory and streams, for tiers that reach host memory only.
inline void check_host_memory(const strata_io& io) {
  if (io.device.type != STRATA_CPU && io.device.type != STRATA_PINNED)
    throw Failure(STRATA_INVALID, "region " + std::to_string(io.region) +
                                      ": the memory is a device's: this tier moves host memory");
  if (io.stream) throw Failure(STRATA_INVALID, "this tier is not ordered with a stream");
}

namespace abi {

// The functions of strata_offload for class T.
template <class T>
struct OffloadTable {
  static T& of(strata_self* self) { return *reinterpret_cast<T*>(self); }

  static std::int32_t score(const strata_config* options) noexcept {
    return guarded_value<std::int32_t>(0, [&] { return T::score(Config(options)); });
  }
  static void options(void (*emit)(void*, const strata_option*), void* to) noexcept {
    abi::emit_options(T::keys(), emit, to);
  }
  static strata_status open(const strata_host*, const strata_config* options,
                            strata_self** out) noexcept {
    return guarded([&] { *out = reinterpret_cast<strata_self*>(new T(Config(options))); });
  }
  static void close(strata_self* self) noexcept { delete &of(self); }
  static strata_status limits(strata_self* self, strata_limits* inout) noexcept {
    return guarded([&] {
      strata_limits mine = of(self).limits();
      if (inout->hdr.size < sizeof(strata_hdr)) throw Failure(STRATA_INVALID, "limits: no size");
      mine.hdr.size =
          static_cast<std::uint32_t>(std::min<std::size_t>(inout->hdr.size, sizeof(mine)));
      std::memcpy(static_cast<void*>(inout), &mine, mine.hdr.size);
    });
  }
  static strata_status region_new(strata_self* self, std::uint64_t bytes,
                                  std::uint64_t* region) noexcept {
    return guarded([&] { *region = of(self).region_new(bytes); });
  }
  static strata_status region_bind(strata_self* self, strata_str file, std::uint64_t offset,
                                   std::uint64_t bytes, std::uint64_t* region) noexcept {
    return guarded([&] { *region = of(self).region_bind(text_of(file), offset, bytes); });
  }
  static void region_free(strata_self* self, std::uint64_t region) noexcept {
    guarded([&] { of(self).region_free(region); });
  }
  static strata_status map(strata_self* self, std::uint64_t region, void** out) noexcept {
    return guarded([&] { *out = of(self).map(region); });
  }
  static strata_status mem_reg(strata_self* self, void* mem, std::uint64_t bytes,
                               strata_device device, std::int32_t on) noexcept {
    return guarded([&] { of(self).mem_reg(mem, bytes, device, on != 0); });
  }
  // A refused transfer fails the call only where it comes first: behind others it waits for a later
  // call.
  static strata_status submit(strata_self* self, const strata_io* const* io, std::uint32_t n,
                              std::uint32_t* accepted) noexcept {
    std::uint32_t taken = 0;
    const auto status = guarded([&] {
      for (; taken < n; ++taken) {
        if (io[taken]->hdr.size < sizeof(strata_io))
          throw Failure(STRATA_INVALID, "strata_io: shorter than ABI 1.0's");
        if (!of(self).submit(*io[taken])) break;
      }
    });
    if (taken == 0 && status != STRATA_OK) return status;
    if constexpr (requires(T & t) { t.sent(); }) of(self).sent();
    *accepted = taken;
    return STRATA_OK;
  }
  static strata_status poll(strata_self* self, strata_done* out, std::uint32_t cap, std::int64_t ns,
                            std::uint32_t* n) noexcept {
    return guarded([&] { *n = of(self).poll(std::span(out, cap), ns); });
  }

  static constexpr strata_offload table() {
    strata_offload t{header<strata_offload>(),
                     score,
                     options,
                     open,
                     close,
                     limits,
                     nullptr,
                     nullptr,
                     nullptr,
                     nullptr,
                     nullptr,
                     nullptr,
                     nullptr};
    t.region_free = region_free;
    t.submit = submit;
    t.poll = poll;
    if constexpr (requires(T & x) { x.region_new(0); }) t.region_new = region_new;
    if constexpr (requires(T & x) { x.region_bind("", 0, 0); }) t.region_bind = region_bind;
    if constexpr (requires(T & x) { x.map(0); }) t.map = map;
    if constexpr (requires(T & x) { x.mem_reg(nullptr, 0, strata_device{}, true); })
      t.mem_reg = mem_reg;
    static_assert(
        requires(T & x) { x.region_new(0); } || requires(T & x) { x.region_bind("", 0, 0); },
        "a tier has region_new or region_bind");
    return t;
  }
};

template <class T>
[[gnu::visibility("hidden")]] inline constexpr strata_offload offload_table =
    OffloadTable<T>::table();

}  // namespace abi
}  // namespace strata

// Exports `Class` as the offload plugin strata-offload-<name>.so.
#define STRATA_OFFLOAD_PLUGIN(Class, name, version) \
  STRATA_EXPORT_PLUGIN("offload", name, version,    \
                       {"strata.offload/1", &strata::abi::offload_table<Class>})
