#include "tests/sdk/torch/plugins.hpp"

#include <dlfcn.h>

#include <filesystem>
#include <stdexcept>

#include "core/ops/op_table.hpp"
#include "core/plugin/config_table.hpp"

namespace strata::test {

const plugin::Host& the_host() {
  static const plugin::Host host(plugin::config_table(), ops::op_table());
  return host;
}

const void* query_plugin(const std::string& file, std::string_view id) {
  const auto program = std::filesystem::read_symlink("/proc/self/exe");
  const auto path = program.parent_path().parent_path() / "lib/strata" / (file + ".so");
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) throw std::runtime_error(::dlerror());
  const auto* entry = static_cast<const strata_plugin*>(::dlsym(library, "strata_plugin_v1"));
  if (!entry || entry->open(the_host().table()) != STRATA_OK)
    throw std::runtime_error(file + " did not open");
  return entry->query({id.data(), id.size()});
}

const strata_attention* attention_table(const std::string& name) {
  return plugin_table<strata_attention>("strata-attention-" + name, "strata.attention/1");
}

}  // namespace strata::test
