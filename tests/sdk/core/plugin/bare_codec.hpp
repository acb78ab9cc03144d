// The table of a quant plugin that opens and does nothing else, for tests that fill in what they
// ask.
#pragma once
#include <strata/abi/draft/quant.h>

namespace made {

inline strata_quant bare_codec() {
  strata_quant out{};
  out.hdr.size = sizeof out;
  out.create = [](const strata_host*, strata_str, const strata_config*, strata_self** to) {
    static int self;
    *to = reinterpret_cast<strata_self*>(&self);
    return strata_status{STRATA_OK};
  };
  out.destroy = [](strata_self*) {};
  out.layout = [](strata_self*, strata_dtype, uint32_t, const int64_t*,
                  void (*)(void*, const strata_part*),
                  void*) { return strata_status{STRATA_UNIMPLEMENTED}; };
  out.pack = [](strata_self*, strata_call*, strata_tensor*, const strata_parts*) {
    return strata_status{STRATA_UNIMPLEMENTED};
  };
  out.unpack = [](strata_self*, strata_call*, const strata_parts*, strata_tensor*) {
    return strata_status{STRATA_UNIMPLEMENTED};
  };
  return out;
}

}  // namespace made
