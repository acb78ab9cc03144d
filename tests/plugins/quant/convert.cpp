// quant-convert PLUGIN.so SCHEME pack|unpack DTYPE ROWS COLUMNS [OPTIONS] < in > out: one call of a
// codec over plain memory, for tests that compare with another implementation. Parts come and go
// one behind the other, in the order of its layout. The options are an object in JSON.
#include <dlfcn.h>

#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/ops/op_table.hpp"
#include "core/plugin/codec.hpp"
#include "core/plugin/config_table.hpp"
#include "core/plugin/host.hpp"
#include "core/plugin/plain.hpp"
#include "core/source/config.hpp"

using namespace strata;

namespace {

using Bytes = std::vector<char>;

void read(Bytes& to) {
  if (!std::cin.read(to.data(), static_cast<std::streamsize>(to.size())))
    throw Error("input", "it is too short", "give all bytes");
}
void write(const Bytes& from) {
  std::cout.write(from.data(), static_cast<std::streamsize>(from.size()));
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 7 && argc != 8) return 2;
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
  std::optional<source::Config> values;
  if (argc == 8) values.emplace(std::string(argv[7]), "options");
  const strata_config options{values ? &*values : nullptr};
  const plugin::Codec codec(table, "subject", host.table(), argv[2], values ? &options : nullptr);

  const shape::Value weight{dtypes.at(argv[4]), {std::stoll(argv[5]), std::stoll(argv[6])}};
  std::vector<Bytes> parts;
  for (const auto& part : codec.layout(weight))
    parts.emplace_back(plugin::PlainTensor::bytes_of(part.value));
  std::vector<void*> memory;
  for (auto& part : parts) memory.push_back(part.data());
  Bytes dense(plugin::PlainTensor::bytes_of(weight));
  if (argv[3] == std::string("pack")) {
    read(dense);
    codec.pack(weight, dense.data(), memory, {STRATA_CPU, 0}, nullptr);
    for (const auto& part : parts) write(part);
  } else {
    for (auto& part : parts) read(part);
    codec.unpack(memory, weight, dense.data(), {STRATA_CPU, 0}, nullptr);
    write(dense);
  }
  return std::cout.flush() ? 0 : 1;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << "\n";
  return 1;
}
