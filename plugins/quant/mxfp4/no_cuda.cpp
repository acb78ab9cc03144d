#include "kernels.hpp"

namespace mxfp4 {

const char* unpack_on_device(const OnDevice&) { return "this build has no kernel for the device"; }

const char* regroup_on_device(const OnDevice&, void*) {
  return "this build has no kernel for the device";
}

bool unpacks_on_device() { return false; }

}  // namespace mxfp4
