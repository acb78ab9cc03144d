#include "core/plugin/thunk.hpp"

#include "core/error.hpp"

namespace strata::plugin {

void refuse(std::string_view op, const std::string& fact) {
  throw Error(op, fact, "correct the plugin that calls it");
}

Ops& ops_of(std::string_view op, strata_call* call) {
  if (!call) refuse(op, "the call is null");
  return *reinterpret_cast<Call*>(call)->ops;
}

strata_tensor* alive(std::string_view op, std::string_view what, strata_tensor* tensor) {
  if (tensor && tensor->owners <= 0) refuse(op, std::string(what) + " was released before");
  return tensor;
}

strata_tensor* at(std::string_view op, std::string_view what, strata_tensor* tensor) {
  if (!tensor) refuse(op, std::string(what) + " is null");
  return alive(op, what, tensor);
}

}  // namespace strata::plugin
