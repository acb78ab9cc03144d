#include "kernels/device_groups.hpp"

namespace strata::kernels {

namespace {
constexpr char why[] = "this build has no kernels for the device";
}  // namespace

bool can_on_device(const GroupForm&, int64_t, strata_dtype) { return false; }

bool unpacks_on_device() { return false; }

const char* unpack_on_device(const GroupLinear&, void*, strata_dtype, DeviceQueue) { return why; }

const char* linear_on_device(const GroupForm&, int64_t, int64_t, const GroupShare*, int64_t,
                             const void*, void*, strata_dtype, DeviceQueue) {
  return why;
}

}  // namespace strata::kernels
