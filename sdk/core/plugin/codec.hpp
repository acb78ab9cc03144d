// A quant plugin's instance for one scheme.
#pragma once
#include <strata/abi/draft/quant.h>

#include <span>
#include <string>
#include <vector>

#include "core/shape/value.hpp"

namespace strata::plugin {

struct CodecPart {
  std::string role;
  shape::Value value;
  uint32_t shard_axis = STRATA_NONE;
};

// Make it on the main thread; call pack and unpack on any. Errors carry
// the plugin's words.
class Codec {
 public:
  // `options` may be null. Refuses a table without a required function, and a scheme or options
  // that the plugin does not know. The host outlives the codec.
  Codec(const strata_quant* table, std::string name, const strata_host* host,
        const std::string& scheme, const strata_config* options = nullptr);
  ~Codec();
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;

  // The parts that a weight of that dtype and shape becomes.
  std::vector<CodecPart> layout(const shape::Value& weight) const;
  // Both take `parts` in the order of layout and a contiguous `weight`, all in memory of `device`,
  // and enqueue on `stream`, which is null on the CPU.
  void unpack(std::span<void* const> parts, const shape::Value& weight, void* dense,
              strata_device device, void* stream) const;
  // Whether unpack takes memory of such a device; the CPU's it always takes. [any-thread]
  bool unpacks(strata_device device) const;
  void pack(const shape::Value& weight, void* dense, std::span<void* const> parts,
            strata_device device, void* stream) const;

  const strata_quant* table() const { return table_; }
  const std::string& who() const { return who_; }  // "quant/mine"
  strata_self* self() const { return self_; }
  const strata_host* host() const { return host_; }

 private:
  template <class F>
  void over(std::span<void* const> parts, const shape::Value& weight, void* dense,
            strata_device device, void* stream, F&& f) const;

  const strata_quant* table_;
  std::string who_;
  const strata_host* host_;
  strata_self* self_ = nullptr;
};

}  // namespace strata::plugin
