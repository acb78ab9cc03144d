#include "app/codecs.hpp"

#include <map>
#include <memory>
#include <string>

#include "app/quantize/scheme_text.hpp"
#include "core/plugin/codec.hpp"

namespace strata::app {
namespace {

// A codec, and the options that it may read as long as it lives.
struct Opened {
  Opened(const ReadScheme& scheme, Plugins& plugins)
      : values(scheme.options.is_null() ? Json::object() : scheme.options, "--quant"),
        handle{&values} {
    const auto& candidate = plugins.registry().by_key("quant", scheme.key, "scheme");
    plugins.use(candidate);
    codec = std::make_unique<plugin::Codec>(plugins.table<strata_quant>(candidate),
                                            candidate.manifest.name, plugins.host(), scheme.scheme,
                                            scheme.options.is_null() ? nullptr : &handle);
  }
  source::Config values;
  strata_config handle;
  std::unique_ptr<plugin::Codec> codec;
};

}  // namespace

run::FindCodec codecs_of(Plugins& plugins) {
  const auto codecs = std::make_shared<std::map<std::string, std::unique_ptr<Opened>>>();
  return [codecs, &plugins](const std::string& scheme) -> const plugin::Codec& {
    auto& opened = (*codecs)[scheme];
    if (!opened) opened = std::make_unique<Opened>(read_scheme(scheme), plugins);
    return *opened->codec;
  };
}

}  // namespace strata::app
