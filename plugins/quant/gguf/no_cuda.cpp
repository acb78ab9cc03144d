#include "kernels.hpp"

namespace gguf {

const char* unpack_on_device(const OnDevice&) { return "this build has no kernel for the device"; }

const char* regroup_on_device(const OnDevice&, const GroupBytes&) {
  return "this build has no kernel for the device";
}

bool unpacks_on_device() { return false; }

}  // namespace gguf
