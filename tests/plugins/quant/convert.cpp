// quant-convert PLUGIN.so SCHEME pack|unpack DTYPE ROWS COLUMNS < in > out: one call of a codec
// with one part over plain memory, for tests that compare with another implementation.
#include <dlfcn.h>

#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/ops/op_table.hpp"
#include "core/plugin/codec.hpp"
#include "core/plugin/config_table.hpp"
#include "core/plugin/host.hpp"
#include "core/plugin/plain.hpp"

using namespace strata;

int main(int argc, char** argv) try {
  if (argc != 7) return 2;
  const std::map<std::string, strata_dtype> dtypes{{"float32", {STRATA_FLOAT, 32, 1}},
                                                   {"float64", {STRATA_FLOAT, 64, 1}},
                                                   {"float16", {STRATA_FLOAT, 16, 1}},
                                                   {"bfloat16", {STRATA_BFLOAT, 16, 1}}};
  void* library = ::dlopen(argv[1], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) throw Error(argv[1], ::dlerror(), "");
  const auto* entry = static_cast<const strata_plugin*>(::dlsym(library, "strata_plugin_v1"));
  const plugin::Host host(plugin::config_table(), ops::op_table());
  if (entry->open(host.table()) != STRATA_OK) return 1;
  const auto* table =
      static_cast<const strata_quant*>(entry->query({STRATA_STR("strata.quant/1")}));
  const plugin::Codec codec(table, "subject", host.table(), argv[2]);

  const shape::Value weight{dtypes.at(argv[4]), {std::stoll(argv[5]), std::stoll(argv[6])}};
  const auto parts = codec.layout(weight);
  std::vector<char> blocks(plugin::PlainTensor::bytes_of(parts.at(0).value));
  std::vector<char> dense(plugin::PlainTensor::bytes_of(weight));
  const bool packs = std::string(argv[3]) == "pack";
  auto &in = packs ? dense : blocks, &out = packs ? blocks : dense;
  if (!std::cin.read(in.data(), static_cast<std::streamsize>(in.size()))) return 1;
  void* const part = blocks.data();
  if (packs)
    codec.pack(weight, dense.data(), {&part, 1}, {STRATA_CPU, 0}, nullptr);
  else
    codec.unpack({&part, 1}, weight, dense.data(), {STRATA_CPU, 0}, nullptr);
  std::cout.write(out.data(), static_cast<std::streamsize>(out.size()));
  return std::cout.flush() ? 0 : 1;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << "\n";
  return 1;
}
